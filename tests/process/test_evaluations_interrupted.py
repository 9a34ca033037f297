"""Evaluations that are interrupted and taken up again, and what their scores must be.

Scores are computed here from the log's samples, without the project's code. Everything is done by
the commands and from Python, with a role, with epochs, by Ctrl-C and by the death of the process.
"""

from __future__ import annotations

import json
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

LOCAL, MOCK, JUDGE = "local/smollm2-135m-instruct", "mockllm/model", "mockllm/judge"
EPOCHS = 2

QUIZ = """
import asyncio
from pathlib import Path
from modeld import Task, get_model, task
from modeld.dataset import Sample
from modeld.scorer import Score, accuracy, includes, scorer, stderr
from modeld.solver import generate, solver

@scorer(metrics=[accuracy(), stderr()])
def graded():
    async def score(state, target):
        verdict = await get_model(role="grader").generate(state.output.completion)
        right = int(state.sample_id) % 7 and "mockllm" in verdict.completion
        return Score("C" if right else "I", explanation=verdict.completion)
    return score

@solver
def held():
    async def solve(state, generate):
        if int(state.sample_id) > HELD and Path("hold").exists():
            await asyncio.sleep(600)
        return state
    return solve

@task
def quiz():
    samples = [
        Sample(f"Say banana and the number {n}.", target="an" if n % 3 else "mockllm", id=n)
        for n in range(1, COUNT + 1)
    ]
    return Task(samples, solver=[held(), generate()], scorer=[includes(), graded()])
"""
EVAL = """
import sys
from modeld import eval
eval("quiz.py", model=sys.argv[1], model_roles={"grader": sys.argv[2]}, epochs=2, max_tokens=8,
     temperature=0, seed=1, display="none")
"""
RETRY = """
import sys
from modeld import eval_retry
eval_retry(sys.argv[1], display="none")
"""


def by_command(model: str) -> list[str]:
    words = ["modeld", "eval", "quiz.py", "-m", model, "--model-role", f"grader={JUDGE}"]
    words += ["--epochs", str(EPOCHS), "--max-tokens", "8", "--temperature", "0", "--seed", "1"]
    return [sys.executable, "-m", *words, "--display", "none"]


def by_python(model: str) -> list[str]:
    return [sys.executable, "-c", EVAL, model, JUDGE]


def again(begin: Callable[[str], list[str]], log: Path) -> list[str]:
    if begin is by_python:
        return [sys.executable, "-c", RETRY, str(log)]
    return [sys.executable, "-m", "modeld", "eval-retry", str(log), "--display", "none"]


def finish(command: list[str]) -> dict[str, Any]:
    """Runs to the end; the newest log, as JSON says it."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout, done.stderr)
    newest = max(Path("logs").glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    log: dict[str, Any] = json.loads(newest.read_text())
    return log


def interrupt(
    command: list[str], how: signal.Signals, finished: int
) -> tuple[Path, dict[Any, Any]]:
    """Interrupts as soon as so many samples are finished; the log's path, and their outputs."""
    Path("hold").touch()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = b""
    try:
        while lines.count(b"\n") < finished:
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
            lines = b"".join(part.read_bytes() for part in Path("logs").glob(".*.part"))
        process.send_signal(how)
        process.communicate(timeout=60)
    finally:
        process.kill()
    Path("hold").unlink()
    (path,) = Path("logs").glob("*.json")
    samples = map(json.loads, lines.splitlines()[:finished])
    return path, {place(sample): sample["output"] for sample in samples}


def place(sample: dict[str, Any]) -> tuple[int, int]:
    return sample["id"], sample["epoch"]


def check_scores(log: dict[str, Any], count: int) -> None:
    """The samples' scores follow from their outputs, and the results from these."""
    samples = log["samples"]
    wanted = {(n, epoch) for n in range(1, count + 1) for epoch in range(1, EPOCHS + 1)}
    assert {place(sample) for sample in samples} == wanted
    assert len(samples) == len(wanted)
    right: dict[str, dict[int, list[bool]]] = {"includes": {}, "graded": {}}
    for sample in samples:
        text = sample["output"]["choices"][0]["message"]["content"]
        text = text if isinstance(text, str) else "".join(part.get("text", "") for part in text)
        said = {
            "includes": sample["target"].casefold() in text.casefold(),
            "graded": sample["id"] % 7 != 0,
        }
        for name, one in said.items():
            assert sample["scores"][name]["value"] == ("C" if one else "I")
            right[name].setdefault(sample["id"], []).append(one)
    results = {score["name"]: score["metrics"] for score in log["results"]["scores"]}
    for name, found in right.items():
        means = [statistics.fmean(epochs) for epochs in found.values()]
        error = statistics.stdev(means) / len(means) ** 0.5
        assert results[name]["accuracy"]["value"] == pytest.approx(statistics.fmean(means))
        assert results[name]["stderr"]["value"] == pytest.approx(error)
    assert 0 < results["graded"]["accuracy"]["value"] < 1
    used = log["stats"]["model_usage"], log["stats"]["role_usage"]["grader"]
    for role, usage in ((log["eval"]["model"], used[0][log["eval"]["model"]]), (JUDGE, used[1])):
        each = [sample["model_usage"][role]["total_tokens"] for sample in samples]
        assert usage["total_tokens"] == sum(each) > 0


def check_kept(log: dict[str, Any], before: dict[Any, Any]) -> None:
    """What was answered before the end is not asked again."""
    kept = {place(sample): sample["output"] for sample in log["samples"]}
    assert {at: kept[at] for at in before} == before


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, modeld_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, count: int) -> int:
    """Writes the task; samples after the returned number wait while they are held."""
    held = count // 4
    (folder / "quiz.py").write_text(QUIZ.replace("HELD", str(held)).replace("COUNT", str(count)))
    return held


@pytest.mark.soak(timeout=300, short=90)
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill"])
@pytest.mark.parametrize("begin", [by_command, by_python])
def test_what_is_taken_up_again_ends_as_if_nothing_had_been(folder, full_numbers, begin, how):
    count = 5000 if full_numbers else 300
    held = write(folder, count)
    path, before = interrupt(begin(MOCK), how, held)
    cut_off = json.loads(path.read_text())["status"]
    assert cut_off == ("cancelled" if how == signal.SIGINT else "started")
    log = finish(again(begin, path))
    assert log["status"] == "success"
    check_scores(log, count)
    check_kept(log, before)
    whole = finish(begin(MOCK))
    assert whole["results"] == log["results"]
    assert whole["stats"]["model_usage"] == log["stats"]["model_usage"]
    assert whole["stats"]["role_usage"] == log["stats"]["role_usage"]
    assert whole["eval"]["task_id"] != log["eval"]["task_id"]


@pytest.mark.soak(timeout=1200, short=90)
@pytest.mark.parametrize(
    "begin, how",
    [(by_command, signal.SIGINT), (by_python, signal.SIGKILL)],
    ids=["command, ctrl-c", "python, kill"],
)
def test_the_embedded_model_goes_on_too(folder, full_numbers, begin, how):
    count = 200 if full_numbers else 8
    held = write(folder, count)
    path, before = interrupt(begin(LOCAL), how, held)
    log = finish(again(begin, path))
    check_scores(log, count)
    check_kept(log, before)
