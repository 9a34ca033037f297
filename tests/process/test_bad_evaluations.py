"""Evaluations with something wrong in them: each ends with a line that says what, or with a log whose
status is "error"; what is finished is kept, and no traceback is shown.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from modeld.log import EvalLog, list_eval_logs, read_eval_log

MODELD = [sys.executable, "-m", "modeld"]

pytestmark = [pytest.mark.usefixtures("modeld_home"), pytest.mark.timeout(60), pytest.mark.beside]

HEAD = """
from pathlib import Path
from modeld import Task, get_model, task
from modeld.dataset import Sample, csv_dataset, json_dataset
from modeld.scorer import Score, accuracy, includes, metric, scorer
from modeld.solver import generate, solver

QUESTIONS = [Sample(f"q{i}", target="mockllm", id=i) for i in range(1, 7)]
"""

FILES = {
    "syntax.py": "def f(:\n    pass\n",
    "imports.py": "import gone_module\n",
    "none.py": "x = 1\n",
    "empty.py": "",
    "raises.py": HEAD + "@task\ndef one():\n    return {}['key']\n",
    "returns.py": HEAD + "@task\ndef one():\n    return [1]\n",
    "exits.py": HEAD + "@task\ndef one():\n    raise ValueError('this task needs a moon')\n",
    "dataset.py": HEAD + "@task\ndef one():\n    return Task(csv_dataset('gone.csv'))\n",
    "row.py": HEAD + "@task\ndef one():\n    return Task(csv_dataset('row.csv'))\n",
    "row.csv": "input,target\nq,1\nq,1,2\n",
    "record.py": HEAD + "@task\ndef one():\n    return Task(json_dataset('record.jsonl'))\n",
    "record.jsonl": '{"input": "q"}\n{"input": 5}\n',
    "plain.py": HEAD + "@task\ndef one():\n    return Task(QUESTIONS, solver=print)\n",
    "twice.py": HEAD
    + "@task\ndef one():\n    return Task([Sample('q', id=1), Sample('r', id=1)])\n",
    "role.py": HEAD
    + """
@scorer(metrics=[accuracy()])
def graded():
    async def score(state, target):
        await get_model(role="grader", required=True).generate("x")
        return Score("C")
    return score

@task
def one():
    return Task(QUESTIONS, scorer=[includes(), graded()])
""",
    "scorer.py": HEAD
    + """
@scorer(metrics=[accuracy()])
def broken():
    async def score(state, target):
        if state.sample_id > 4 and Path("broken").exists():
            raise KeyError("a defect of the scorer")
        return Score("C")
    return score

@task
def one():
    return Task(QUESTIONS, scorer=[includes(), broken()])
""",
    "metric.py": HEAD
    + """
@metric
def wrong():
    def calculate(scores):
        return 1 / 0
    return calculate

@scorer(metrics=[wrong()])
def fine():
    async def score(state, target):
        return Score("C")
    return score

@task
def one():
    return Task(QUESTIONS, scorer=fine())
""",
    "solver.py": HEAD
    + """
@solver
def lost():
    async def solve(state, generate):
        await generate(state)
    return solve

@task
def one():
    return Task(QUESTIONS, solver=lost(), scorer=includes())
""",
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODELD_MODEL", "mockllm/model")
    return tmp_path


def evaluated(*words: str, code: int) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([*MODELD, "eval", *words], capture_output=True, text=True, check=False)
    assert done.returncode == code, (done.stdout, done.stderr)
    assert "Traceback" not in done.stdout + done.stderr
    assert "defect of modeld" not in done.stderr
    return done


CANNOT_BEGIN = (
    (["gone.py"], "There is no task file gone.py"),
    (["syntax.py"], "syntax.py cannot be read"),
    (["syntax.py"], "line 1"),
    (["imports.py"], "imports.py cannot be run: ModuleNotFoundError"),
    (["none.py"], "There is no function with @task in none.py"),
    (["empty.py"], "There is no function with @task in empty.py"),
    (["scorer.py@two"], "There is no task 'two' in scorer.py"),
    (["row.csv"], "row.csv is not a Python file"),
    (["raises.py"], "The task 'one' cannot be made: KeyError: 'key' (line 11)"),
    (["exits.py"], "this task needs a moon"),
    (["returns.py"], "'one' returned list, not a Task"),
    (["dataset.py"], "gone.csv"),
    (["row.py"], "line 3 has 3 fields, the header has 2"),
    (["record.py"], "line 2"),
    (["plain.py"], "a solver is an async function"),
    (["twice.py"], "the sample id 1 is there twice"),
    (["scorer.py", "-T", "colour=1"], "'colour'"),
    (["scorer.py", "--solver", "gone"], "There is no solver 'gone'"),
    (["scorer.py", "-m", "no-slash"], "should be in the format"),
    (["scorer.py", "-m", "nobody/x"], "Model API nobody"),
    (["scorer.py", "-M", "odd=1"], "'odd'"),
    (["scorer.py", "-m", "openai/gpt-4o"], "OPENAI_API_KEY"),
    (["scorer.py", "--model-role", "grader=nobody/x"], "Model API nobody"),
    (["scorer.py", "--model-spec", "{model: nobody/x}"], "Model API nobody"),
    (["scorer.py", "--log-dir", "row.csv/logs"], "the log folder"),
    (["scorer.py", "-m", "openai-api/acme/m", "--cost-limit", "1", "--base-url", "http://127.0.0.1:9"],
     "needs the prices of openai-api/acme/m"),
)  # fmt: skip
"""Words of the command line, and what is said then."""


def test_what_cannot_begin_is_a_line_that_says_why(folder, monkeypatch):
    monkeypatch.setenv("ACME_API_KEY", "key")
    for words, said in CANNOT_BEGIN:
        done = evaluated(*words, "--json", code=1)
        assert said in done.stderr, words
        assert done.stderr.startswith("error: "), words
        error = json.loads(done.stdout)["error"]
        assert error in ("InvalidRequest", "ModelNotFound", "PrerequisiteError", "ValueError"), (
            words
        )
        assert ("modeld providers" in done.stderr) == ("API" in said), words
        assert not list(folder.glob("logs/*.json")), words


def only_log(folder: Path) -> EvalLog:
    (info,) = list_eval_logs(str(folder / "logs"))
    return read_eval_log(info)


def test_a_role_that_must_be_bound_is_an_error_of_the_samples(folder):
    done = evaluated("role.py", code=1)
    assert "role" in done.stdout + done.stderr
    log = only_log(folder)
    assert log.status == "error"
    assert "Model role 'grader' is required and was not specified" in log.error.message
    assert all(sample.scores["includes"].value == "C" for sample in log.samples)
    evaluated("role.py", "--model-role", "grader=mockllm/grader", "--log-dir", "bound", code=0)
    evaluated("role.py", "--model-role", "judge=mockllm/grader", "--log-dir", "unbound", code=1)


def test_a_scorer_that_raises_loses_nothing_and_the_rest_is_made_up_for(folder):
    (folder / "broken").touch()
    evaluated("scorer.py", "--max-samples", "1", code=1)
    log = only_log(folder)
    assert (log.status, len(log.samples), log.results.completed_samples) == ("error", 5, 4)
    assert "a defect of the scorer" in log.error.message
    assert log.samples[4].output.completion
    (folder / "broken").unlink()
    before = log.samples[0].uuid
    done = subprocess.run(
        [*MODELD, "eval-retry", log.location, "--json"], capture_output=True, text=True, check=True
    )
    (again,) = json.loads(done.stdout)
    read = read_eval_log(again["location"])
    assert (read.status, len(read.samples), read.samples[0].uuid) == ("success", 6, before)


@pytest.mark.parametrize(
    "file, said, samples",
    [
        ("metric.py", "division by zero", 6),
        ("solver.py", "the solver 'lost' returned NoneType, not the state", None),
    ],
)
def test_a_defect_of_the_task_is_in_the_log(folder, file, said, samples):
    done = evaluated(file, code=1)
    log = only_log(folder)
    assert (log.status, said in log.error.message) == ("error", True)
    assert said in log.error.traceback
    assert Path(log.location).name in done.stdout + done.stderr
    assert samples is None or len(log.samples) == samples


def test_a_log_folder_that_may_not_be_written_is_told(folder):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    (folder / "shut").mkdir(mode=0o500)
    assert "shut" in evaluated("scorer.py", "--log-dir", "shut", code=1).stderr
