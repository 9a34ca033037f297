"""Every recorded message and count of Anthropic's, played again through the adapter."""

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
    ContentData,
    ContentReasoning,
    ContentText,
    ContentToolUse,
    ModelOutput,
)
from tests.fakes.deltas import Deltas
from tests.fakes.playing_anthropic import count, folded, play
from tests.fakes.recorded_anthropic import normal, recorded_call
from tests.fakes.recorded_openai import recorded_cases, recordings_folder, replay_module

API = "anthropic.messages"
COUNT_API = "anthropic.count_tokens"
CASES = {case["id"]: case for case in recorded_cases(API)}
COUNTS = {case["id"]: case for case in recorded_cases(COUNT_API)}
ERRORS = {400: InvalidRequest, 401: AuthenticationError, 404: ModelNotFound}
REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "max_tokens",
    "refusal": "content_filter",
}

pytestmark = pytest.mark.skipif(
    not CASES, reason=f"no recorded traffic at {recordings_folder()}: set MODELD_RECORDINGS"
)
tried: Counter[str] = Counter()
passed: Counter[str] = Counter()


@pytest.fixture(scope="module")
def replay() -> Iterator[Any]:
    module = replay_module()
    folders = [recordings_folder() / API, recordings_folder() / COUNT_API]
    with module.ThreadedReplayServer([f for f in folders if f.exists()]) as server:
        yield server
        time.sleep(0.1)  # the server closes its ends of the connections


@pytest.fixture(scope="module", autouse=True)
def table(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if tried and not hasattr(request.config, "workerinput"):
        lines = [f"{'feature of anthropic':24} passed/total"]
        lines += [f"{name:24} {passed[name]:3}/{tried[name]}" for name in sorted(tried)]
        print("\n" + "\n".join(lines), file=sys.__stdout__)


def sayable(exchange: dict[str, Any]) -> bool:
    """Whether a caller of modeld can say the request at all: messages that are none are no values."""
    return all(isinstance(message, dict) for message in exchange["request"]["body"]["messages"])


# -- the whole corpus ------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_a_recorded_case_is_sent_and_read_as_recorded(name, replay):
    case = CASES[name]
    features = [*case["features"], "all"]
    if not all(map(sayable, case["exchanges"])):
        pytest.skip("no caller of modeld can say this request")
    tried.update(features)
    for index, exchange in enumerate(case["exchanges"]):
        play_exchange(replay, name, index, exchange)
    passed.update(features)


def play_exchange(replay: Any, name: str, index: int, exchange: dict[str, Any]) -> None:
    body, response = exchange["request"]["body"], exchange["response"]
    recorded = recorded_call(body, exchange["request"]["headers"])
    sink = Deltas() if recorded.stream else None
    base_url = replay.base_url(f"{name}@{index}")
    if response["status"] >= 400:
        if recorded.stream:  # the recording's answer is plain
            recorded.args["streaming"], sink = False, None
        with pytest.raises(ERRORS[response["status"]]) as caught:
            asyncio.run(play(base_url, recorded, body["model"], sink))
        assert caught.value.status == response["status"]
        assert caught.value.request_id == response["headers"]["request-id"]
        assert caught.value.message[:20] == response["body"]["error"]["message"][:20]
        sent = replay.requests[-1]["body"]
        assert normal({**sent, "stream": None}) == normal({**body, "stream": None})
        return
    output = asyncio.run(play(base_url, recorded, body["model"], sink))
    check_request(replay.requests[-1], exchange["request"])
    wire = folded(response["sse"]) if "sse" in response else response["body"]
    check_output(output, wire)
    if sink is not None:
        check_deltas(sink, output)


def check_request(sent: dict[str, Any], recorded: dict[str, Any]) -> None:
    got, asked = normal(sent["body"]), normal(recorded["body"])
    if "tools" not in asked and got.get("tool_choice") == {"type": "none"}:
        del got["tools"], got["tool_choice"]  # those that were called before are declared
    assert got == asked
    wanted = recorded["headers"].get("anthropic-beta", "").split(",")
    assert set(wanted) - {""} <= set(sent["headers"].get("anthropic-beta", "").split(","))


def check_output(output: ModelOutput, wire: dict[str, Any]) -> None:
    assert output.model == wire["model"]
    assert output.response_id == wire["id"]
    assert output.stop_reason == REASONS[wire["stop_reason"]]
    content, blocks = output.message.content_list, wire["content"]
    texts = [part for part in content if isinstance(part, ContentText)]
    of_kind = lambda *kinds: [b for b in blocks if b["type"] in kinds]  # noqa: E731
    assert "".join(p.text for p in texts) == "".join(b["text"] for b in of_kind("text"))
    cited = [c["cited_text"] for b in of_kind("text") for c in b.get("citations") or ()]
    assert [c.cited_text for p in texts for c in p.citations or ()] == cited
    thoughts = [part for part in content if isinstance(part, ContentReasoning)]
    assert [(t.reasoning, t.signature) for t in thoughts] == [
        (b.get("thinking", b.get("data")), b.get("signature"))
        for b in of_kind("thinking", "redacted_thinking")
    ]
    calls = [(c.id, c.function, c.arguments) for c in output.message.tool_calls or ()]
    assert calls == [(b["id"], b["name"], b["input"]) for b in of_kind("tool_use")]
    check_server_tools(content, blocks)
    check_usage(output, wire["usage"])


def check_server_tools(content: list[Any], blocks: list[dict[str, Any]]) -> None:
    kept = {part.id: part for part in content if isinstance(part, ContentToolUse)}
    data = [part.data for part in content if isinstance(part, ContentData)]
    for block in blocks:
        if block["type"] in ("server_tool_use", "mcp_tool_use"):
            assert block["id"] in kept or block in data
            if block["id"] in kept:
                assert json.loads(kept[block["id"]].arguments) == block["input"]
        elif block["type"].endswith("_tool_result"):
            id = block["tool_use_id"]
            if id in kept:
                assert json.loads(kept[id].result) == block["content"]
            else:
                assert block in data


def check_usage(output: ModelOutput, wire: dict[str, Any]) -> None:
    usage = output.usage
    assert usage is not None
    read, written = wire.get("cache_read_input_tokens"), wire.get("cache_creation_input_tokens")
    assert (usage.input_tokens, usage.output_tokens) == (
        wire["input_tokens"],
        wire["output_tokens"],
    )
    assert (usage.input_tokens_cache_read, usage.input_tokens_cache_write) == (read, written)
    cached = (read or 0) + (written or 0)
    assert usage.total_tokens == wire["input_tokens"] + wire["output_tokens"] + cached
    thoughts = (wire.get("output_tokens_details") or {}).get("thinking_tokens")
    assert usage.reasoning_tokens == thoughts


def check_deltas(sink: Deltas, output: ModelOutput) -> None:
    assert "".join(sink.texts) == output.completion
    thoughts = [p for p in output.message.content_list if isinstance(p, ContentReasoning)]
    assert "".join(sink.thoughts) == "".join(p.reasoning for p in thoughts if not p.redacted)
    calls = output.message.tool_calls or []
    assert sink.names == {call.id: call.function for call in calls}
    for call in calls:
        assert json.loads("".join(sink.calls[call.id]) or "{}") == call.arguments


# -- conversations ---------------------------------------------------------------------------


def turns() -> list[tuple[str, int, int]]:
    """(case, exchange, position) where a request goes on after the answer before it."""
    found = []
    for name, case in CASES.items():
        for index in range(1, len(case["exchanges"])):
            before, now = case["exchanges"][index - 1 : index + 1]
            asked, asks = (exchange["request"]["body"]["messages"] for exchange in (before, now))
            at = len(asked)
            if (before["response"]["status"], now["response"]["status"]) != (200, 200):
                continue
            answer = before["response"]
            wire = folded(answer["sse"]) if "sse" in answer else answer["body"]
            if len(asks) > at and repeats(asks[at], wire):
                found.append((name, index, at))
    return found


def said(content: Any) -> Any:
    """What was said, whichever of its unmodelled members a client repeats."""
    blocks = normal({"messages": [{"role": "assistant", "content": content}]})["messages"]
    return [{k: v for k, v in b.items() if k != "caller"} for b in blocks[0]["content"]]


def repeats(message: dict[str, Any], wire: dict[str, Any]) -> bool:
    """Whether a message of the history is the answer; some clients rewrite answers."""
    return message["role"] == "assistant" and said(message["content"]) == said(wire["content"])


@pytest.mark.parametrize("name, index, at", turns())
def test_the_answer_of_one_turn_is_the_history_of_the_next(name, index, at, replay):
    tried.update(["history"])
    exchanges = CASES[name]["exchanges"]
    before, now = exchanges[index - 1 : index + 1]
    first, second = before["request"]["body"], now["request"]["body"]
    recorded = recorded_call(first, before["request"]["headers"])
    sink = Deltas() if recorded.stream else None
    base_url = replay.base_url(f"{name}@{index - 1}")
    output = asyncio.run(play(base_url, recorded, first["model"], sink))
    following = recorded_call(second, now["request"]["headers"])
    place = [i for i, m in enumerate(following.messages) if m.role == "assistant"]
    turn = sum(m["role"] == "assistant" for m in second["messages"][:at])
    following.messages[place[turn]] = output.message
    sink = Deltas() if following.stream else None
    asyncio.run(play(replay.base_url(f"{name}@{index}"), following, second["model"], sink))
    answer = before["response"]
    wire = folded(answer["sse"]) if "sse" in answer else answer["body"]
    wanted = normal(second)
    wanted["messages"][at]["content"] = normal(
        {"messages": [{"role": "assistant", "content": wire["content"]}]}
    )["messages"][0]["content"]  # with members that the recording's client left out
    assert normal(replay.requests[-1]["body"]) == wanted
    passed.update(["history"])


# -- counts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COUNTS)
def test_recorded_tokens_are_counted(name, replay):
    features = [f"count: {feature}" for feature in (*COUNTS[name]["features"], "all")]
    tried.update(features)
    for index, exchange in enumerate(COUNTS[name]["exchanges"]):
        body, response = exchange["request"]["body"], exchange["response"]
        recorded = recorded_call(body)
        base_url = replay.base_url(f"{name}@{index}")
        if response["status"] >= 400:
            with pytest.raises(ERRORS[response["status"]]):
                asyncio.run(count(base_url, recorded, body["model"]))
        else:
            counted = asyncio.run(count(base_url, recorded, body["model"]))
            assert (counted.tokens, counted.estimated) == (response["body"]["input_tokens"], False)
        assert normal(replay.requests[-1]["body"]) == normal({**body, "tools": None})
    passed.update(features)
