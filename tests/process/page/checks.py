"""What the tests of the page ask of the logs that a block or a command leaves."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import pytest

from modeld.log import EvalLog
from tests.fakes.recorded_by_model import Answers

MINI, SONNET = "openai/gpt-4o-mini", "anthropic/claude-3-5-sonnet-latest"
GEMINI, FLASH = "google/gemini-1.5-pro", "google/gemini-2.0-flash"
MOCK = "mockllm/model"
LOCAL = "local/smollm2-135m-instruct"


def check_answered(log: EvalLog, answers: Answers, folder: Path) -> None:
    """Every sample has the recorded answer of its model, and the score that one must give it."""
    model = log.eval.model.partition("/")[2]
    asked = len(answers.bodies(model))
    texts = set(answers.texts(model))
    assert (log.status, asked, len(texts)) == ("success", 25, 1), log.error
    (text,) = texts
    assert {sample.output.completion for sample in log.samples} == {text}
    rows = [json.loads(line) for line in (folder / "arc.jsonl").read_text().splitlines()]
    right = {
        row["id"]: any(
            target.casefold() in text.casefold()
            for target in ([row["target"]] if isinstance(row["target"], str) else row["target"])
        )
        for row in rows
    }
    scores = {sample.id: sample.scores["includes"].value for sample in log.samples}
    assert scores == {id: "C" if one else "I" for id, one in right.items()}
    metric = log.results.scores[0].metrics["accuracy"]
    assert metric.value == pytest.approx(sum(right.values()) / len(right))


def check_closed(answers: Answers) -> None:
    """The connections over which was asked are closed at once, not when they have idled enough."""
    deadline = time.monotonic() + 3
    while answers.connected():
        assert time.monotonic() < deadline, answers.connected()
        time.sleep(0.02)


def calls_by_role(log: EvalLog) -> Counter[tuple[str, str | None]]:
    """How many calls each model had, and as what."""
    return Counter((e.model, e.role) for s in log.samples for e in s.events if e.event == "model")
