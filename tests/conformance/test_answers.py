"""What a dialect makes of the same answer."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from modeld.types import ContentReasoning, JsonObject, ModelOutput
from tests.fakes.deltas import Deltas

from .column import AnswerName
from .script import (
    LOGPROBS,
    OSLO,
    OSLO_ID,
    ROME,
    ROME_ID,
    SCHEMA,
    TEXT,
    THOUGHTS,
    TOOL,
    TOOLS,
    call,
)
from .stage import Heard, Stage

ANSWERS: tuple[AnswerName, ...] = get_args(AnswerName)
CUT: tuple[AnswerName, ...] = ("max_tokens", "content_filter", "model_length")


def heard(stage: Stage, answer: AnswerName, *, stream: bool = False) -> Heard:
    """What comes of a call that has this answer."""
    config: dict[str, Any] = {}
    if answer == "logprobs":
        config = {"logprobs": True, "top_logprobs": 2}
    elif answer == "structured":
        config = {"response_schema": SCHEMA}
    asked = call(
        tools=TOOLS if answer in ("tool", "parallel", "thoughts_and_tool") else None, **config
    )
    thinking = answer.startswith("thoughts")
    return stage.say(answer, asked, stream=stream, thinking=thinking)


def test_a_text_is_the_completion(stage, stream):
    output = heard(stage, "text", stream=stream).output
    assert output.completion == TEXT
    assert output.stop_reason == "stop"
    assert output.error is None
    assert output.model
    assert output.response_id
    assert output.time is not None


def test_a_tool_is_called(stage, stream):
    output = heard(stage, "tool", stream=stream).output
    assert output.stop_reason == "tool_calls"
    assert calls_of(stage, output) == [(OSLO_ID, TOOL, OSLO)]
    assert [made.parse_error for made in output.message.tool_calls or ()] == [None]


def test_parallel_tools_are_called_in_their_order(stage, stream):
    output = heard(stage, "parallel", stream=stream).output
    assert output.stop_reason == "tool_calls"
    assert calls_of(stage, output) == [(OSLO_ID, TOOL, OSLO), (ROME_ID, TOOL, ROME)]


def test_thoughts_are_no_text(stage, stream):
    output = heard(stage, "thoughts", stream=stream).output
    assert output.completion == TEXT
    assert thoughts_of(output) == THOUGHTS


def test_an_answer_has_its_schema(stage, stream):
    output = heard(stage, "structured", stream=stream).output
    assert json.loads(output.completion) == {"city": "Oslo"}


@pytest.mark.parametrize("reason", CUT)
def test_an_answer_that_was_cut_says_why(stage, stream, reason):
    output = heard(stage, reason, stream=stream).output
    assert output.stop_reason == reason


def test_every_counter_is_told(stage, stream):
    output = heard(stage, "text", stream=stream).output
    assert output.usage == stage.usage
    assert output.input_context_tokens == stage.usage.total_tokens - stage.usage.output_tokens


def test_log_probabilities_are_told(stage, stream):
    choice = heard(stage, "logprobs", stream=stream).output.choices[0]
    assert choice.logprobs is not None
    told = [
        (place.token, place.logprob)
        for one in choice.logprobs.content
        for place in (one, *(one.top_logprobs or ()))
    ]
    expected = [place for token, its, tops in LOGPROBS for place in ((token, its), *tops)]
    assert [token for token, _ in told] == [token for token, _ in expected]
    # An engine has them of 32-bit numbers.
    likely = [likely for _, likely in expected]
    assert [likely for _, likely in told] == pytest.approx(likely, abs=1e-3)


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_stream_says_what_a_plain_answer_says(stage, answer):
    plain = heard(stage, answer)
    streamed = heard(stage, answer, stream=True)
    assert timeless(stage, streamed.output) == timeless(stage, plain.output)
    assert told(streamed.deltas) == whole(streamed.output)


def timeless(stage: Stage, output: ModelOutput) -> JsonObject:
    """What two equal answers have in common."""
    value = output.to_dict()
    del value["time"]
    if not stage.names_calls:
        value.pop("response_id", None)
    for choice in value["choices"]:
        del choice["message"]["id"]
        for made in choice["message"].get("tool_calls", ()) if not stage.names_calls else ():
            del made["id"]
    return value


def calls_of(stage: Stage, output: ModelOutput) -> list[tuple[str, str, JsonObject]]:
    """The calls of tools. Where the other end gives them no ids, modeld's need only differ."""
    made = output.message.tool_calls or []
    ids = [one.id for one in made]
    if not stage.names_calls:
        assert all(ids)
        assert len(set(ids)) == len(ids)
        ids = [OSLO_ID, ROME_ID][: len(ids)]
    return [(id, one.function, one.arguments) for id, one in zip(ids, made, strict=True)]


def thoughts_of(output: ModelOutput) -> str:
    """Thoughts for people: of those that are encrypted the summary."""
    parts = [part for part in output.message.content_list if isinstance(part, ContentReasoning)]
    return "".join((part.summary or "") if part.redacted else part.reasoning for part in parts)


def told(deltas: Deltas) -> tuple[str, str, list[tuple[str, str, Any]]]:
    calls = [
        (id, deltas.names[id], json.loads("".join(pieces))) for id, pieces in deltas.calls.items()
    ]
    return "".join(deltas.texts), "".join(deltas.thoughts), calls


def whole(output: ModelOutput) -> tuple[str, str, list[tuple[str, str, Any]]]:
    calls = [(one.id, one.function, one.arguments) for one in output.message.tool_calls or ()]
    return output.completion, thoughts_of(output), calls


@pytest.mark.dialect
def test_a_call_that_is_cancelled_ends_at_the_other_end(stage, stream):
    stage.leave(stream=stream)
