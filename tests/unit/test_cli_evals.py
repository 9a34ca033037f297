"""How evaluations are shown, and how roles are read."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from modeld import GenerateConfig, ModelOutput, ModelUsage, Task
from modeld.cli import eval_board, tables
from modeld.cli.role_option import model_role
from modeld.daemon import LaneLimits
from modeld.evals.display import PlainLines
from modeld.evals.log import EvalLog, EvalMetric, EvalResults, EvalScore, EvalSpec
from modeld.evals.progress import Board, TaskProgress
from modeld.evals.transcript import Transcript
from modeld.types import ChatMessageUser, GenerateInput, ModelConfig
from tests.fakes.scripted import scripted


def progress(**fields) -> TaskProgress:
    task = TaskProgress("arc", "openai/gpt", 100)
    for name, value in fields.items():
        setattr(task, name, value)
    return task


LANE = LaneLimits(
    id="openai/gpt@1a",
    model="openai/gpt",
    account="1a",
    base_url="",
    limit=16,
    limit_reason="adaptive",
    in_use=3,
    queued=70,
    queued_bytes=0,
    sessions=1,
    rates=[],
    reserved_tokens=0,
    paused_seconds=4,
    pause_reason="429",
    attempts=9,
    succeeded=9,
    limited=0,
    failed=0,
    history=[],
)


def test_a_terminal_shows_tasks_and_lanes(monkeypatch):
    monkeypatch.setattr(eval_board, "limits", lambda: [LANE])
    running = progress(
        done=40, running=60, errors=2, retries=5, input_tokens=12_345, calls=42, cached=7
    )
    running.began -= 20
    drawing = eval_board._Drawing(Board([running]))
    out = io.StringIO()
    Console(file=out, width=80).print(drawing.drawn())
    name, *numbers, lane = out.getvalue().splitlines()
    assert name == "arc (openai/gpt), 30 s left"
    said = "40/100, 60 running, 2 errors, 12k + 0 tokens, 42 calls (7 cached), 5 retries"
    assert " ".join(" ".join(numbers).split()).endswith(said)
    assert lane == "lane openai/gpt@1a: 3 of 16 in use, 70 queued, paused for 4 s (429)"


@pytest.mark.parametrize("columns", [80, 200])
def test_a_terminal_shows_all_of_a_summary(columns, monkeypatch, capsys):
    spec = EvalSpec(task="arc", model="local/smollm2-135m-instruct")
    path = "/logs/2026-11-28T19-26-29-00-00_arc_b40a8d6a5c8f0de3f5f47d.json"
    log = EvalLog(status="success", eval=spec, _location=path)
    metrics = {name: EvalMetric(name, 0.5) for name in ("accuracy", "stderr")}
    log.results = EvalResults(10, 9, [EvalScore(name, name, metrics=metrics) for name in "ab"])
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(tables, "is_terminal", lambda stream: True)
    eval_board.print_summary([log])
    shown = capsys.readouterr().out
    assert path in shown
    assert "a accuracy 0.500, stderr 0.500; b accuracy 0.500, stderr 0.500" in shown
    assert all(len(line) <= columns for line in shown.splitlines())


def test_a_pipe_gets_lines_of_what_has_changed():
    out, board = io.StringIO(), Board([progress(done=1, output_tokens=5, retries=2)])
    lines = PlainLines(board, out)
    lines.show()
    lines.show()
    board.tasks[0].ended, board.tasks[0].status = board.tasks[0].began + 2, "success"
    lines.show()
    first, second = out.getvalue().splitlines()
    assert first.startswith("arc (openai/gpt): 1/100 samples, 5 tokens, 2 retries")
    assert second.endswith("success after 2.0 s")


def test_time_left_is_that_of_the_samples_that_ran_now():
    assert progress().seconds_left is None
    task = progress(done=60, reused=50)
    task.began -= 10
    assert task.seconds_left == pytest.approx(40, rel=0.05)


@pytest.mark.parametrize(
    "text, bound",
    [
        ("grader=openai/gpt-4o", "openai/gpt-4o"),
        ("grader=a/x, b/y", ["a/x", "b/y"]),
        ("grader=[a/x]", "a/x"),
        (
            'grader={model: a/x, temperature: 0.5, model_args: {base_url: "http://h", n: 1}}',
            ModelConfig("a/x", GenerateConfig(temperature=0.5), "http://h", {"n": 1}),
        ),
        ("grader={temperature: 0}", ModelConfig("", GenerateConfig(temperature=0))),
    ],
)
def test_roles_are_read(text, bound):
    assert model_role(text) == ("grader", bound)


@pytest.mark.parametrize(
    "text", ["grader", "grader=", "=a/x", "g={base_url: x}", "g=[]", "g=[5]", "g={"]
)
def test_wrong_roles_are_refused(text):
    with pytest.raises(ValueError, match=r"role|YAML"):
        model_role(text)


@pytest.mark.parametrize(
    "cache, mark, tokens", [("hit", "read", 0), ("miss", "write", 3), (None, None, 3)]
)
def test_events_say_what_came_from_the_cache(cache, mark, tokens):
    model = scripted(config=GenerateConfig(seed=1)).with_role("grader")
    told = progress()
    transcript = Transcript(scripted(), GenerateConfig(), 1, told)
    note = transcript.begin(model, GenerateInput([ChatMessageUser("q")]))
    output = ModelOutput.from_content("m", "a")
    output.usage = ModelUsage(2, 1, 3)
    output.metadata = {"modeld": {"cache": cache, "attempts": 3}}
    note.finished(output)
    (event,) = transcript.events
    assert (event.cache, event.role, event.retries, event.config.seed) == (mark, "grader", 2, 1)
    assert event.completed <= datetime.now(UTC)
    assert transcript.usage.tokens == tokens
    assert (told.retries, told.cached, told.input_tokens) == (2, mark == "read", tokens and 2)


def test_a_task_shows_itself():
    assert repr(Task(name="arc")) == "Task('arc', 1 samples)"
