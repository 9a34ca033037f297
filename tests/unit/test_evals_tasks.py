"""Tasks: made, varied, found in files."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from modeld import GenerateConfig, Task, task, task_with
from modeld.dataset import Sample
from modeld.errors import InvalidRequest, PrerequisiteError
from modeld.evals.load import Loader, working_folder
from modeld.evals.options import NamedSolver
from modeld.evals.registry import registered
from modeld.scorer import match
from modeld.solver import chain, generate, solver, system_message


@task
def clues(level: int = 1):
    return Task([Sample("q", target="a")], scorer=match(), name=None, metadata={"level": level})


@solver
def shout():
    async def solve(state, generate):
        state.user_prompt.text = state.user_prompt.text.upper()
        return state

    return solve


def test_a_task_has_defaults():
    bare = Task()
    assert [s.input for s in bare.dataset] == ["prompt"]
    assert [step.__name__ for step in bare.solver] == ["solve"]
    assert bare.name == "task"
    assert clues().name == "clues"
    assert len(Task(solver=[chain(shout(), [generate()]), system_message("x")]).solver) == 3


def test_task_with_is_a_copy_and_calls_functions():
    original = clues(3)
    varied = task_with(original, model_roles={"red": "mockllm/r"}, epochs=2, name="other")
    assert varied is not original
    assert (original.model_roles, original.epochs, original.name) == ({}, None, "clues")
    assert (varied.model_roles, varied.epochs.epochs, varied.name) == (
        {"red": "mockllm/r"},
        2,
        "other",
    )
    assert varied.metadata == {"level": 3}
    assert task_with(clues, config=GenerateConfig(seed=1)).config.seed == 1
    with pytest.raises(InvalidRequest, match="Task has no colour"):
        task_with(clues, colour="red")
    with pytest.raises(InvalidRequest, match="a Task is expected, not str"):
        task_with("clues.py")


@pytest.mark.parametrize(
    "fields, said",
    [
        ({"dataset": "arc.csv"}, "a Dataset or a list of Samples"),
        ({"solver": "generate"}, "a solver is an async function"),
        ({"scorer": "match"}, "a scorer is an async function"),
        ({"epochs": 0}, "epochs must be a whole number from 1"),
        ({"sandbox": "docker"}, "sandboxes"),
    ],
)
def test_a_wrong_part_of_a_task_is_named(fields, said):
    with pytest.raises(InvalidRequest, match=said):
        Task(**fields)


def test_functions_that_return_the_wrong_thing_are_named():
    @task
    def broken():
        return [Sample("q")]

    with pytest.raises(InvalidRequest, match="'broken' returned list, not a Task"):
        broken()

    @solver
    def plain():
        return lambda state, generate: state

    with pytest.raises(ValueError, match="'plain' must return an async function"):
        plain()


FILE = """
from pathlib import Path
from modeld import Task, task
from modeld.dataset import csv_dataset, Sample
from beside import NAME

{decorated}
def one(n: int = 1):
    return Task(csv_dataset("data.csv"), name=NAME)

@task(name="second")
def two(n: int = 1):
    return Task([Sample("q")] * 0 or [Sample(f"q{{i}}") for i in range(n)])

def not_a_task():
    return None
"""


@pytest.fixture
def folder(tmp_path):
    inner = tmp_path / "suite"
    inner.mkdir()
    (inner / "arc.py").write_text(FILE.format(decorated="@task"))
    (inner / "beside.py").write_text("NAME = 'beside'\n")
    (inner / "data.csv").write_text("input,target\nq,a\n")
    return tmp_path


def test_a_file_gives_its_tasks_from_its_own_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    both = Loader({"n": 4}).load("suite/arc.py")
    assert [(t.name, len(t.dataset)) for t in both] == [("beside", 1), ("second", 4)]
    assert [t.name for t in Loader({}).load("suite/arc.py@second")] == ["second"]
    assert [t.name for t in Loader({}).load("suite")] == ["beside", "second"]
    assert [t.name for t in Loader({}).load(None)] == ["beside", "second"]
    assert [t.name for t in Loader({}).load(["suite/arc.py@second", clues, clues()])] == [
        "second",
        "clues",
        "clues",
    ]


SLOW = """
import gate
from modeld import Task, task

gate.entered.set()
assert gate.go.wait(60)

@task
def slow():
    return Task()
"""


def test_paths_are_the_programs_while_a_thread_is_in_a_task_file(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "suite" / "slow.py").write_text(SLOW)
    gate = SimpleNamespace(entered=threading.Event(), go=threading.Event())
    monkeypatch.setitem(sys.modules, "gate", gate)
    with ThreadPoolExecutor(2) as threads:
        slow = threads.submit(Loader({}).load, "suite/slow.py")
        assert gate.entered.wait(60)
        try:
            assert (Path.cwd(), working_folder()) == (folder / "suite", folder)
            with pytest.raises(PrerequisiteError, match=r"no task file suite/gone\.py"):
                Loader({}).load("suite/gone.py")
            other = threads.submit(Loader({}).load, "suite/arc.py@second")
        finally:
            gate.go.set()
        assert [t.name for t in [*slow.result(60), *other.result(60)]] == ["slow", "second"]
    assert Path.cwd() == folder


def test_files_beside_a_task_are_not_taken_for_modules_of_python(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "colorsys.py").write_text("raise RuntimeError('taken for Python's own')\n")
    (tmp_path / "click.py").write_text("NAME = 'before what is installed'\n")
    (tmp_path / "a.py").write_text(
        "import colorsys\nimport click\nfrom modeld import Task, task\n"
        "@task\ndef one():\n    assert colorsys.rgb_to_hsv\n    return Task(name=click.NAME)\n"
    )
    for name in ("colorsys", "click"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    before = list(sys.path)
    (task,) = Loader({}).load("a.py")
    monkeypatch.delitem(sys.modules, "click")
    assert (task.name, sys.path) == ("before what is installed", before)


@pytest.mark.parametrize(
    "text, spec, said",
    [
        (None, "gone.py", "no task file gone.py"),
        ("x = 1\n", "a.py", "no function with @task in a.py"),
        ("x = 1\n", "a.py@one", "no task 'one' in a.py"),
        ("def f(:\n", "a.py", "a.py cannot be read: .*line 1"),
        ("\nimport gone_module\n", "a.py", "a.py cannot be run: ModuleNotFoundError.*line 2"),
        ("1 / 0\n", "a.py", "ZeroDivisionError: division by zero .line 1"),
        ("x\n", "a.txt", "a.txt is not a Python file"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, monkeypatch, text, spec, said):
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / spec.split("@")[0]).write_text(text)
    with pytest.raises(PrerequisiteError, match=said):
        Loader({}).load(spec)


def test_a_wrong_argument_of_a_task_is_named():
    with pytest.raises(InvalidRequest, match=r"task 'clues'.*'colour'"):
        Loader({"colour": 1}).load(clues)

    @task
    def other(colour: str = "red"):
        return Task(name=colour)

    # Of several tasks each takes what it has.
    assert [t.name for t in Loader({"colour": "blue"}).load([clues, other])] == ["clues", "blue"]
    with pytest.raises(InvalidRequest, match=r"task 'clues', 'other': .* no argument 'x'"):
        Loader({"colour": "blue", "x": 1}).load([clues, other])
    with pytest.raises(InvalidRequest, match="a Task is expected, not int"):
        Loader({}).load([5])


SOLVERS = """
from modeld.solver import solver

@solver
def careful(times: int = 1):
    async def solve(state, generate):
        state.metadata["careful"] = times
        return state
    return solve

@solver(name="bold")
def under_another_name():
    async def solve(state, generate):
        return state
    return solve
"""


def test_a_solver_is_named_by_itself_or_with_its_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "solvers.py").write_text(SOLVERS)
    load = Loader({}).solver
    made = load(NamedSolver("solvers.py@careful", {"times": 3}))
    assert registered(made).params == {"times": 3}
    assert registered(load(NamedSolver("careful"))).name == "careful"  # it is known now
    assert registered(load(NamedSolver("solvers.py@bold"))).name == "bold"
    for name in ("generate", "chain_of_thought", "multiple_choice"):
        assert registered(load(NamedSolver(name))).name == name
    assert (
        registered(load(NamedSolver("system_message", {"template": "x"}))).params["template"] == "x"
    )


@pytest.mark.parametrize(
    "named, error, said",
    [
        (NamedSolver("gone"), PrerequisiteError, "no solver 'gone' here; known are .*generate"),
        (NamedSolver("gone.py@x"), PrerequisiteError, "no file gone.py"),
        (NamedSolver("solvers.py@gone"), PrerequisiteError, "no solver 'gone' in solvers.py"),
        (NamedSolver("solvers.py@generate"), PrerequisiteError, "no solver 'generate' in"),
        (NamedSolver("bad.py@x"), PrerequisiteError, "bad.py cannot be read"),
        (NamedSolver("solvers.py@careful", {"often": 1}), InvalidRequest, "'careful'.*'often'"),
        (NamedSolver("generate", {"tool_call": 1}), InvalidRequest, "tool_call"),
    ],
)
def test_a_solver_that_there_is_not_is_named(tmp_path, monkeypatch, named, error, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "solvers.py").write_text(SOLVERS)
    (tmp_path / "bad.py").write_text("def f(:\n")
    with pytest.raises(error, match=said):
        Loader({}).solver(named)
