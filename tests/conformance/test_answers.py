"""What a dialect makes of the same answer."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any, get_args

import pytest

from modeld.types import ContentReasoning, JsonObject, ModelOutput
from tests.fakes.deltas import Deltas
from tests.fakes.exact_server import Seen, serving

from .column import AnswerName
from .scene import Heard, ask, beginning, provider_of, route_of, saying
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
    usage_of,
)
from .wire import Wire

ANSWERS: tuple[AnswerName, ...] = get_args(AnswerName)
CUT: tuple[AnswerName, ...] = ("max_tokens", "content_filter", "model_length")


def heard(wire: Wire, answer: AnswerName, *, stream: bool = False) -> Heard:
    """What comes of a call that has this answer."""
    config: dict[str, Any] = {}
    if answer == "logprobs":
        config = {"logprobs": True, "top_logprobs": 2}
    elif answer == "structured":
        config = {"response_schema": SCHEMA}
    asked = call(
        tools=TOOLS if answer in ("tool", "parallel", "thoughts_and_tool") else None, **config
    )
    model = wire.thinker if answer.startswith("thoughts") else ""
    return ask(wire, saying(wire.answer(answer)), asked, stream=stream, model=model)


def test_a_text_is_the_completion(wire, stream):
    output = heard(wire, "text", stream=stream).output
    assert output.completion == TEXT
    assert output.stop_reason == "stop"
    assert output.error is None
    assert output.model
    assert output.response_id
    assert output.time is not None


def test_a_tool_is_called(wire, stream):
    output = heard(wire, "tool", stream=stream).output
    assert output.stop_reason == "tool_calls"
    (made,) = output.message.tool_calls or ()
    assert (made.id, made.function, made.arguments) == (OSLO_ID, TOOL, OSLO)
    assert made.parse_error is None


def test_parallel_tools_are_called_in_their_order(wire, stream):
    output = heard(wire, "parallel", stream=stream).output
    assert output.stop_reason == "tool_calls"
    made = [(one.id, one.function, one.arguments) for one in output.message.tool_calls or ()]
    assert made == [(OSLO_ID, TOOL, OSLO), (ROME_ID, TOOL, ROME)]


def test_thoughts_are_no_text(wire, stream):
    output = heard(wire, "thoughts", stream=stream).output
    assert output.completion == TEXT
    assert thoughts_of(output) == THOUGHTS


def test_an_answer_has_its_schema(wire, stream):
    output = heard(wire, "structured", stream=stream).output
    assert json.loads(output.completion) == {"city": "Oslo"}


@pytest.mark.parametrize("reason", CUT)
def test_an_answer_that_was_cut_says_why(wire, stream, reason):
    output = heard(wire, reason, stream=stream).output
    assert output.stop_reason == reason


def test_every_counter_is_told(wire, stream):
    output = heard(wire, "text", stream=stream).output
    expected = usage_of(wire.counters)
    assert output.usage == expected
    assert output.input_context_tokens == expected.total_tokens - expected.output_tokens


def test_log_probabilities_are_told(wire, stream):
    choice = heard(wire, "logprobs", stream=stream).output.choices[0]
    assert choice.logprobs is not None
    told = [
        (one.token, one.logprob, tuple((top.token, top.logprob) for top in one.top_logprobs or ()))
        for one in choice.logprobs.content
    ]
    assert tuple(told) == LOGPROBS


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_stream_says_what_a_plain_answer_says(wire, answer):
    plain = heard(wire, answer)
    streamed = heard(wire, answer, stream=True)
    assert timeless(streamed.output) == timeless(plain.output)
    assert told(streamed.deltas) == whole(plain.output)


def timeless(output: ModelOutput) -> JsonObject:
    """What two equal answers have in common."""
    value = output.to_dict()
    del value["time"]
    for choice in value["choices"]:
        del choice["message"]["id"]
    return value


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
def test_a_call_that_is_cancelled_hangs_up(wire, stream):
    answer = wire.answer("text")
    asked, hung_up = asyncio.Event(), asyncio.Event()

    async def wait(seen: Seen) -> None:
        asked.set()
        with suppress(ConnectionError):
            assert await seen.reader.read() == b""
        hung_up.set()
        seen.writer.close()

    async def scene() -> None:
        async with (
            serving(beginning(answer, wait) if stream else wait) as server,
            provider_of(wire, server.port) as provider,
            asyncio.timeout(10),
        ):
            sink = Deltas() if stream else None
            task = asyncio.ensure_future(provider.generate(call(), route_of(wire), sink))
            await asked.wait()
            if sink is not None:
                await sink.first.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await hung_up.wait()

    asyncio.run(scene())
