"""Every recorded Mistral chat completion, played again through the adapter."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from modeld.errors import AuthenticationError, InvalidRequest, ModelNotFound
from modeld.types import (
    ChatMessageAssistant,
    ContentReasoning,
    ContentText,
    ModelOutput,
    as_stop_reason,
)
from modeld_daemon.core.call import Call
from modeld_daemon.core.rates import RateLimits
from tests.fakes.deltas import Deltas
from tests.fakes.playing_openai import make_call
from tests.fakes.recorded_mistral import folded, normal, normal_message, play, recorded_call
from tests.fakes.recorded_openai import recorded_cases, recordings_folder, replay_module

API = "mistral.chat"
CASES = {case["id"]: case for case in recorded_cases(API)}
ERRORS = {400: InvalidRequest, 401: AuthenticationError, 404: ModelNotFound}

pytestmark = pytest.mark.skipif(
    not CASES, reason=f"no recorded traffic at {recordings_folder()}: set MODELD_RECORDINGS"
)
tried: Counter[str] = Counter()
passed: Counter[str] = Counter()


@pytest.fixture(scope="module")
def replay() -> Iterator[Any]:
    module = replay_module()
    with module.ThreadedReplayServer([recordings_folder() / API]) as server:
        yield server
        time.sleep(0.1)  # the server closes its ends of the connections


@pytest.fixture(scope="module", autouse=True)
def table(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if tried and not hasattr(request.config, "workerinput"):
        lines = [f"{f'feature of {API}':24} passed/total"]
        lines += [f"{name:24} {passed[name]:3}/{tried[name]}" for name in sorted(tried)]
        print("\n" + "\n".join(lines), file=sys.__stdout__)


# -- the whole corpus ------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_a_recorded_case_is_sent_and_read_as_recorded(name, replay):
    case = CASES[name]
    tried.update([*case["features"], "all"])
    for index, exchange in enumerate(case["exchanges"]):
        play_exchange(replay, name, index, exchange)
    passed.update([*case["features"], "all"])


def play_exchange(replay: Any, name: str, index: int, exchange: dict[str, Any]) -> None:
    body, response = exchange["request"]["body"], exchange["response"]
    recorded = recorded_call(body)
    sink = Deltas() if recorded.stream else None
    base_url = replay.base_url(f"{name}@{index}")
    call = make_call(recorded)
    limits: list[RateLimits | None] = []
    call.told = limits.append
    if response["status"] >= 400:
        with pytest.raises(ERRORS[response["status"]]) as caught:
            asyncio.run(play(base_url, call, body["model"], sink))
        assert caught.value.status == response["status"]
        assert caught.value.message == (response["body"].get("detail"))
        assert normal(replay.requests[-1]["body"]) == normal(body)
        return
    output = asyncio.run(play(base_url, call, body["model"], sink))
    assert normal(replay.requests[-1]["body"]) == normal(body)
    wire = folded(response["sse"]) if "sse" in response else response["body"]
    check_output(output, wire)
    check_limits(limits, response["headers"])
    if sink is not None:
        check_deltas(sink, output)


def check_limits(limits: list[RateLimits | None], headers: dict[str, str]) -> None:
    assert len(limits) == 1
    if "x-ratelimit-limit-req-minute" in headers:
        assert limits[0] is not None
        assert limits[0].by_name["requests"].limit == float(headers["x-ratelimit-limit-req-minute"])


def check_output(output: ModelOutput, wire: dict[str, Any]) -> None:
    assert output.model == wire["model"]
    assert output.response_id == wire["id"]
    assert len(output.choices) == len(wire["choices"])
    for choice, wire_choice in zip(output.choices, wire["choices"], strict=True):
        message = wire_choice["message"]
        content = message.get("content") or []
        chunks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        parts = choice.message.content_list
        assert "".join(p.text for p in parts if isinstance(p, ContentText)) == "".join(
            chunk["text"] for chunk in chunks if chunk["type"] == "text"
        )
        assert [p.reasoning for p in parts if isinstance(p, ContentReasoning)] == [
            "".join(piece["text"] for piece in chunk["thinking"])
            for chunk in chunks
            if chunk["type"] == "thinking"
        ]
        check_calls(choice.message, message.get("tool_calls") or [])
        assert choice.stop_reason == as_stop_reason(wire_choice["finish_reason"])
    check_usage(output, wire["usage"])


def check_calls(message: ChatMessageAssistant, wire: list[dict[str, Any]]) -> None:
    said = [(call.id, call.function, call.arguments) for call in message.tool_calls or []]
    assert said == [
        (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in wire
    ]


def check_usage(output: ModelOutput, wire: dict[str, Any]) -> None:
    usage = output.usage
    assert usage is not None
    details = wire.get("prompt_tokens_details") or {}
    read = details.get("cached_tokens", wire.get("num_cached_tokens"))
    assert usage.input_tokens_cache_read == read
    assert usage.input_tokens + (read or 0) == wire["prompt_tokens"]
    assert usage.output_tokens == wire["completion_tokens"]
    assert usage.total_tokens == wire["total_tokens"]
    kept = (output.metadata or {}).get("usage") or {}
    for name in ("service_tier", "prompt_audio_seconds"):
        assert kept.get(name) == wire.get(name)
    audio = (kept.get("prompt_tokens_details") or {}).get("audio_tokens")
    assert audio == details.get("audio_tokens")


def check_deltas(sink: Deltas, output: ModelOutput) -> None:
    assert "".join(sink.texts) == output.completion
    parts = output.message.content_list
    thoughts = [part.reasoning for part in parts if isinstance(part, ContentReasoning)]
    assert "".join(sink.thoughts) == "".join(thoughts)
    calls = output.message.tool_calls or []
    assert sink.names == {call.id: call.function for call in calls}
    for call in calls:
        assert json.loads("".join(sink.calls[call.id]) or "{}") == call.arguments


# -- conversations ---------------------------------------------------------------------------


def turns() -> list[tuple[str, int, int]]:
    """(case, exchange, position) where a request repeats the answer before it.

    Left out are clients that rewrite answers: whose JSON is written anew, whose text is cut.
    """
    found = []
    for name, case in CASES.items():
        for index in range(1, len(case["exchanges"])):
            before, now = case["exchanges"][index - 1 : index + 1]
            asked, asks = (
                normal(exchange["request"]["body"])["messages"] for exchange in (before, now)
            )
            at = len(asked)
            statuses = (before["response"]["status"], now["response"]["status"])
            goes_on = statuses == (200, 200) and asks[:at] == asked and asks[at:]
            if goes_on and asks[at] == normal_message(answer_of(before["response"])):
                found.append((name, index, at))
    return found


def answer_of(response: dict[str, Any]) -> dict[str, Any]:
    wire = folded(response["sse"]) if "sse" in response else response["body"]
    message: dict[str, Any] = wire["choices"][0]["message"]
    return message


@pytest.mark.parametrize("name, index, at", turns())
def test_the_answer_of_one_turn_is_the_history_of_the_next(name, index, at, replay):
    exchanges = CASES[name]["exchanges"]
    first, second = (exchanges[i]["request"]["body"] for i in (index - 1, index))

    def run(call: Call, number: int, *, stream: bool) -> ModelOutput:
        sink = Deltas() if stream else None
        base_url = replay.base_url(f"{name}@{number}")
        return asyncio.run(play(base_url, call, second["model"], sink))

    recorded = recorded_call(first)
    output = run(make_call(recorded), index - 1, stream=recorded.stream)
    following = recorded_call(second)
    following.messages[at] = output.message
    run(make_call(following), index, stream=following.stream)
    assert normal(replay.requests[-1]["body"]) == normal(second)
