"""Evaluations with a real daemon: the commands, Ctrl-C, thousands of samples, the embedded model."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from modeld import (
    ModelOutput,
    ModelUsage,
    Task,
    eval,  # noqa: A004 - the public name
    get_model,
)
from modeld.dataset import Sample
from modeld.log import list_eval_logs, read_eval_log
from modeld.scorer import includes

LOCAL = "local/smollm2-135m-instruct"
MODELD = [sys.executable, "-m", "modeld"]

TASKS = """
import asyncio
from pathlib import Path
from modeld import Task, get_model, task
from modeld.dataset import csv_dataset
from modeld.scorer import Score, accuracy, includes, scorer, stderr
from modeld.solver import generate, solver

@scorer(metrics=[accuracy(), stderr()])
def graded():
    async def score(state, target):
        output = await get_model(role="grader").generate("grade")
        return Score("C" if "mockllm" in output.completion else "I")
    return score

@task
def arc(shots: int = 0):
    return Task(csv_dataset("arc.csv"), scorer=[includes(), graded()], metadata={"shots": shots})

@solver
def waiting():
    async def solve(state, generate):
        if int(state.sample_id) > 3 and Path("slow").exists():
            Path("stuck").touch()
            await asyncio.sleep(60)
        return await generate(state)
    return solve

@task
def slow():
    return Task(csv_dataset("arc.csv"), solver=waiting(), scorer=includes())

@solver
def failing():
    async def solve(state, generate):
        if state.sample_id == "4" and Path("broken").exists():
            raise ValueError("made to fail")
        return await generate(state)
    return solve

@task
def broken():
    return Task(csv_dataset("arc.csv"), solver=failing(), scorer=includes())
"""

pytestmark = [pytest.mark.usefixtures("modeld_home"), pytest.mark.timeout(60)]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    (tmp_path / "arc.py").write_text(TASKS)
    rows = "".join(f"q{i},{'mockllm' if i % 4 else 'nothing'},{i}\n" for i in range(1, 9))
    (tmp_path / "arc.csv").write_text("input,target,id\n" + rows)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def modeld(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*MODELD, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == code, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done


def test_a_file_is_evaluated_with_the_options_of_the_page(folder, modeld_home):
    done = modeld(
        *("eval", "arc.py@arc", "--model", "mockllm/model", "-T", "shots=5", "--limit", "4"),
        *("--temperature", "0.9", "--max-connections", "20", "--epochs", "2", "--json"),
        *("--model-role", "grader={model: mockllm/judge, temperature: 0.5}"),
    )
    (log,) = json.loads(done.stdout)
    assert (log["status"], log["eval"]["task_args"], log["eval"]["model"]) == (
        "success",
        {"shots": 5},
        "mockllm/model",
    )
    assert log["plan"]["config"] == {"temperature": 0.9, "max_connections": 20}
    assert log["eval"]["model_roles"]["grader"] == {
        "model": "mockllm/judge",
        "config": {"temperature": 0.5},
        "args": {},
    }
    metrics = {s["name"]: s["metrics"]["accuracy"]["value"] for s in log["results"]["scores"]}
    assert metrics == {"includes": 0.75, "graded": 1}
    assert set(log["stats"]["role_usage"]) == {"grader"}
    assert "arc (mockllm/model): 8/8 samples" in done.stderr
    shown = modeld("log", log["location"]).stdout
    assert "includes accuracy 0.750" in shown
    assert len([line for line in shown.splitlines() if "graded C" in line]) == 8
    one = modeld("log", log["location"], "--sample", "4", "--epoch", "2").stdout
    assert "Sample 4, epoch 2" in one
    assert "Score includes: I" in one
    assert "as grader" in one
    assert modeld("log").stdout.count("success") == 1


def test_several_models_and_variables_of_the_shell(folder, monkeypatch):
    monkeypatch.setenv("INSPECT_EVAL_MODEL", "mockllm/a, mockllm/b")
    monkeypatch.setenv("INSPECT_EVAL_TEMPERATURE", "0.25")
    logs = json.loads(modeld("eval", "arc.py@slow", "--json").stdout)
    assert [log["eval"]["model"] for log in logs] == ["mockllm/a", "mockllm/b"]
    assert [log["plan"]["config"] for log in logs] == [{"temperature": 0.25}] * 2
    (none,) = json.loads(modeld("eval", "arc.py@slow", "--model", "none", "--json", code=1).stdout)
    assert (none["eval"]["model"], none["status"]) == ("none/none", "error")
    assert "No model" in none["error"]["message"]


@pytest.mark.parametrize(
    "arguments, code, said",
    [
        (["gone.py"], 1, "no task file gone.py"),
        (["arc.py@gone"], 1, "no task 'gone' in arc.py"),
        (["arc.py@arc", "-T", "colour=1"], 1, "'colour'"),
        (["arc.py@arc", "-m", "nobody/x"], 1, "nobody"),
        (["arc.py@arc", "-m", "mockllm/m", "-M", "odd=1"], 1, "'odd'"),
        (["arc.py@arc", "-M", "odd"], 2, "key=value"),
        (["arc.py@arc", "--model-role", "grader"], 2, "role=provider/model"),
        (["arc.py@arc", "--model-role", "grader=nobody/x"], 1, "nobody"),
        (["arc.py@arc", "--model-role", "grader={colour: red}"], 2, "'grader': colour"),
        (["arc.py@arc", "--temperature", "warm"], 2, "Expected a number"),
        (["arc.py@arc", "--limit", "some"], 2, "--limit is a number"),
        (["arc.py@arc", "--epochs-reducer", "average"], 2, "no reducer 'average'"),
    ],
)
def test_wrong_usage_is_one_line_and_writes_nothing(folder, arguments, code, said):
    done = modeld("eval", *arguments, code=code)
    assert said in done.stderr
    assert not list(folder.glob("logs/*"))


def test_ctrl_c_keeps_what_is_finished_and_a_retry_ends_the_rest(folder):
    (folder / "slow").touch()
    command = [*MODELD, "eval", "arc.py@slow", "-m", "mockllm/model", "--max-samples", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while not (folder / "stuck").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, problems = process.communicate(timeout=20)
    assert process.returncode == 130, problems
    assert "Traceback" not in problems
    assert "cancelled" in out
    (info,) = list_eval_logs()
    log = read_eval_log(info)
    assert (log.status, [s.id for s in log.samples]) == ("cancelled", ["1", "2", "3"])
    (folder / "slow").unlink()
    (again,) = json.loads(modeld("eval-retry", info.name, "--json").stdout)
    assert (again["status"], again["results"]["completed_samples"]) == ("success", 8)
    whole = json.loads(modeld("eval", "arc.py@slow", "-m", "mockllm/model", "--json").stdout)[0]
    assert again["results"] == whole["results"]
    assert again["stats"]["model_usage"] == whole["stats"]["model_usage"]


def test_files_may_be_named_like_modules_of_python(folder):
    (folder / "arc.py").rename(folder / "math.py")
    for name in ("random", "statistics", "queue"):
        (folder / f"{name}.py").write_text("raise RuntimeError('taken for that of Python')\n")
    (log,) = json.loads(modeld("eval", "math.py@arc", "-m", "mockllm/m", "--json").stdout)
    assert log["status"] == "success"
    modeld("stop")  # and the daemon that was started here was none the worse


def test_a_set_is_taken_up_again(folder):
    (folder / "broken").touch()
    command = ["eval-set", "arc.py@broken", "arc.py@slow", "-m", "mockllm/m", "--log-dir", "set"]
    logs = json.loads(modeld(*command, "--retry-attempts", "1", "--json", code=1).stdout)
    assert [log["status"] for log in logs] == ["error", "success"]
    (folder / "broken").unlink()
    logs = json.loads(modeld(*command, "--json").stdout)
    assert [log["status"] for log in logs] == ["success", "success"]
    locations = [log["location"] for log in logs]
    assert [log["location"] for log in json.loads(modeld(*command, "--json").stdout)] == locations


@pytest.mark.timeout(120)
def test_five_thousand_samples_at_once_need_few_threads(folder):
    outputs = [ModelOutput.from_content("mockllm/m", "yes" if n % 3 else "no") for n in range(5000)]
    for output in outputs:
        output.usage = ModelUsage(2, 1, 3)
    model = get_model("mockllm/model", custom_outputs=outputs)
    threads: list[int] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            threads.append(threading.active_count())

    watching = threading.Thread(target=watch)
    watching.start()
    before = threading.active_count()
    try:
        task = Task([Sample(f"q{n}", target="yes") for n in range(5000)], scorer=includes())
        (log,) = eval(task, model=model, max_samples=5000)
    finally:
        over.set()
        watching.join()
    assert log.status == "success", log.error
    assert log.results.scores[0].metrics["accuracy"].value == pytest.approx(3333 / 5000)
    assert log.stats.model_usage["mockllm/model"].total_tokens == 15_000
    assert max(threads) <= before + 8


@pytest.mark.soak(timeout=600, short=120)
def test_the_embedded_model_is_evaluated(folder, full_numbers):
    count = 200 if full_numbers else 20
    samples = [
        Sample(f"Write the word banana and then the number {n}.", target="banana")
        for n in range(count)
    ]
    (log,) = eval(
        Task(samples, scorer=includes()), model=LOCAL, max_tokens=12, temperature=0, seed=1
    )
    assert log.status == "success", log.error
    said = [sample.output.completion for sample in log.samples]
    right = sum("banana" in text.casefold() for text in said)
    assert log.results.scores[0].metrics["accuracy"].value == pytest.approx(right / count)
    assert right > 0
    usage = [sample.model_usage[LOCAL] for sample in log.samples]
    assert all(0 < one.output_tokens <= 12 for one in usage)
    assert log.stats.model_usage[LOCAL].total_tokens == sum(one.total_tokens for one in usage)
