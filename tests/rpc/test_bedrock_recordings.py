"""Every recorded exchange with Converse, played again through the adapter."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from modeld.errors import AuthenticationError, InvalidRequest, ModeldError, ModelNotFound
from modeld.types import ContentReasoning, ContentText, ContentToolUse, ModelOutput
from tests.fakes.deltas import Deltas
from tests.fakes.recorded_bedrock import (
    calls_of,
    make_call,
    model_of,
    normal,
    play,
    recorded_call,
    wire_answer,
)
from tests.fakes.recorded_openai import recorded_cases, recordings_folder, replay_module

API = "bedrock.converse"
CASES = {case["id"]: case for case in recorded_cases(API)}
REASONS = {
    "end_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "max_tokens",
    "stop_sequence": "stop",
    "guardrail_intervened": "content_filter",
}

pytestmark = pytest.mark.skipif(
    not CASES, reason=f"no recorded traffic at {recordings_folder()}: set MODELD_RECORDINGS"
)
tried: Counter[str] = Counter()
passed: Counter[str] = Counter()


@pytest.fixture(scope="module")
def replay() -> Iterator[Any]:
    pytest.importorskip("botocore")
    module = replay_module()
    with module.ThreadedReplayServer([recordings_folder() / API]) as server:
        yield server
        time.sleep(0.1)  # the server closes its ends of the connections


@pytest.fixture(scope="module", autouse=True)
def table(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if not tried or hasattr(request.config, "workerinput"):
        return
    lines = [f"{f'feature of {API}':36} passed/total"]
    lines += [f"{name:36} {passed[name]:3}/{tried[name]}" for name in sorted(tried)]
    print("\n" + "\n".join(lines), file=sys.__stdout__)


def is_stream(exchange: dict[str, Any]) -> bool:
    return exchange["request"]["url"].endswith("converse-stream")


@pytest.mark.parametrize("name", CASES)
def test_a_recorded_case_is_sent_and_read_as_recorded(name, replay):
    case = CASES[name]
    features = [*case["features"], "all"]
    tried.update(features)
    for index, exchange in enumerate(case["exchanges"]):
        play_exchange(replay, case, index, exchange)
    passed.update(features)


def play_exchange(replay: Any, case: dict[str, Any], index: int, exchange: dict[str, Any]) -> None:
    body, response = exchange["request"]["body"], exchange["response"]
    call = make_call(recorded_call(body, stream=is_stream(exchange)))
    sink = Deltas() if is_stream(exchange) else None
    url, model = replay.base_url(f"{case['id']}@{index}"), model_of(exchange)
    if response["status"] >= 400:
        check_failure(url, call, model, sink, response)
        check_request(replay.requests[-1], body)
        return
    output = asyncio.run(play(url, call, model, sink))
    check_request(replay.requests[-1], body)
    check_output(output, response)
    if sink is not None:
        check_deltas(sink, output)


def check_failure(url: str, call: Any, model: str, sink: Any, response: Any) -> None:
    message = response["body"]["message"]
    if "Input Tokens Exceeded" in message:
        output = asyncio.run(play(url, call, model, sink))
        assert output.stop_reason == "model_length"
        return
    wanted: type[ModeldError] = InvalidRequest
    if response["status"] == 403:
        wanted = AuthenticationError
    elif "model identifier" in message:
        wanted = ModelNotFound
    with pytest.raises(wanted) as caught:
        asyncio.run(play(url, call, model, sink))
    assert type(caught.value) is wanted
    assert caught.value.message == message
    assert caught.value.status == response["status"]
    assert caught.value.request_id == response["headers"].get("x-amzn-requestid")


def check_request(sent: dict[str, Any], recorded: dict[str, Any]) -> None:
    got, wanted = normal(sent["body"]), normal(recorded)
    thinking = wanted.get("additionalModelRequestFields", {}).get("thinking", {})
    if thinking.get("budget_tokens") and "inferenceConfig" not in wanted:
        # an answer must be longer than its thoughts, which the recorder left to the model
        del got["inferenceConfig"]
    assert got == wanted


def check_output(output: ModelOutput, response: dict[str, Any]) -> None:
    wire = wire_answer(response)
    parts = output.message.content_list
    assert "".join(p.text for p in parts if isinstance(p, ContentText)) == wire["text"]
    thoughts = [p for p in parts if isinstance(p, ContentReasoning)]
    assert "".join(p.reasoning for p in thoughts) == wire["thoughts"]
    assert [p.signature for p in thoughts if p.signature] == wire["signatures"]
    assert {c.id: (c.function, c.arguments) for c in calls_of(output)} == wire["calls"]
    assert output.stop_reason == REASONS[wire["reason"]]
    usage, counted = output.usage, wire["usage"]
    assert usage is not None
    assert usage.input_tokens == counted["inputTokens"]
    assert usage.output_tokens == counted["outputTokens"]
    assert usage.total_tokens == counted["totalTokens"]
    assert usage.input_tokens_cache_read == counted.get("cacheReadInputTokens")
    assert usage.input_tokens_cache_write == counted.get("cacheWriteInputTokens")
    assert output.metadata is not None
    assert output.metadata["metrics"]["latencyMs"] >= 0
    if output.stop_reason == "content_filter":
        assert output.metadata["trace"]["guardrail"]


def check_deltas(sink: Deltas, output: ModelOutput) -> None:
    assert "".join(sink.texts) == output.completion
    thoughts = [p for p in output.message.content_list if isinstance(p, ContentReasoning)]
    assert "".join(sink.thoughts) == "".join(p.reasoning for p in thoughts if not p.redacted)
    assert sink.names == {call.id: call.function for call in calls_of(output)}


# -- streams and conversations -------------------------------------------------------------------


def good_streams(case: dict[str, Any]) -> list[int]:
    exchanges = enumerate(case["exchanges"])
    return [i for i, e in exchanges if is_stream(e) and e["response"]["status"] == 200]


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if good_streams(c)])
def test_a_stream_is_the_same_without_a_sink(name, replay):
    case = CASES[name]
    index = good_streams(case)[0]
    exchange = case["exchanges"][index]
    url, model = replay.base_url(f"{name}@{index}"), model_of(exchange)
    call = make_call(recorded_call(exchange["request"]["body"], stream=True))
    told = asyncio.run(play(url, call, model, Deltas()))
    untold = asyncio.run(play(url, call, model, None, streaming=True))
    told.time = untold.time = None
    first, second = told.to_dict(), untold.to_dict()
    for dump in (first, second):
        dump["choices"][0]["message"].pop("id")
    assert first == second


def turns() -> list[tuple[str, int, int]]:
    """(case, exchange, message) where a request repeats the answer before it."""
    found = []
    for name, case in CASES.items():
        for index in range(1, len(case["exchanges"])):
            before, now = case["exchanges"][index - 1 : index + 1]
            asked, asks = (e["request"]["body"]["messages"] for e in (before, now))
            at = len(asked)
            ok = before["response"]["status"] == 200 and len(asks) > at
            if ok and asks[at]["role"] == "assistant" and asks[:at] == asked:
                found.append((name, index, at))
    return found


@pytest.mark.parametrize("name, index, at", turns())
def test_the_answer_of_one_turn_is_the_history_of_the_next(name, index, at, replay):
    case = CASES[name]
    before, now = case["exchanges"][index - 1 : index + 1]
    tried["turns replayed"] += 1
    call = make_call(recorded_call(before["request"]["body"], stream=is_stream(before)))
    sink = Deltas() if is_stream(before) else None
    model = model_of(before)
    output = asyncio.run(play(replay.base_url(f"{name}@{index - 1}"), call, model, sink))
    body = now["request"]["body"]
    following = recorded_call(body, stream=is_stream(now))
    nth = sum(m["role"] == "assistant" for m in body["messages"][:at])
    place = [i for i, m in enumerate(following.messages) if m.role == "assistant"]
    following.messages[place[nth]] = output.message
    sink = Deltas() if following.stream else None
    url = replay.base_url(f"{name}@{index}")
    try:
        asyncio.run(play(url, make_call(following), model, sink))
    except InvalidRequest:
        assert now["response"]["status"] == 400
    sent = replay.requests[-1]["body"]
    assert forgiving(normal(sent)["messages"]) == forgiving(normal(body)["messages"])
    passed["turns replayed"] += 1


def forgiving(messages: list[Any]) -> list[Any]:
    """What all clients send back: some drop texts before calls, send "." for a blank one, or citations' place, and unsigned
    thoughts go as texts of their own form.
    """
    turns = []
    for turn in messages:
        said = [block for block in turn["content"] if "cachePoint" not in block]
        calls = any("toolUse" in block for block in said)
        if turn["role"] == "assistant":
            texts = "".join("".join(text_of(block) for block in said).split())
            said = [block for block in said if not {"text", "citationsContent"} & block.keys()]
            said.append({"text": "" if calls else texts})
        turns.append({"role": turn["role"], "content": said})
    return turns


def text_of(block: dict[str, Any]) -> str:
    cited = block.get("citationsContent", {}).get("content", [])
    text = block.get("text", "") + "".join(piece["text"] for piece in cited)
    return "" if text.startswith("<think>") or text == "." else str(text)


@pytest.mark.parametrize("name", [n for n in CASES if "with-code-execution-tool" in n])
def test_a_server_tool_is_shown_with_its_result(name, replay):
    exchange = CASES[name]["exchanges"][0]
    call = make_call(recorded_call(exchange["request"]["body"]))
    output = asyncio.run(play(replay.base_url(f"{name}@0"), call, model_of(exchange), None))
    (used,) = [p for p in output.message.content_list if isinstance(p, ContentToolUse)]
    assert used.tool_type == "code_execution"
    assert "7006652" in used.result
    assert used.error is None
