"""Every recorded chat completion, played again through the adapter."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from modeld.errors import (
    AuthenticationError,
    InvalidRequest,
    ModelNotFound,
)
from modeld.types import (
    ChatMessageAssistant,
    ContentReasoning,
    ContentText,
    ModelOutput,
    as_stop_reason,
)
from modeld_daemon.providers.profiles import openai_profile
from tests.fakes.playing_openai import Deltas, make_call, play
from tests.fakes.recorded_openai import (
    normal,
    recorded_call,
    recorded_cases,
    recordings_folder,
    replay_module,
)

API = "openai.chat"
CASES = {case["id"]: case for case in recorded_cases(API)}
STREAMED = [
    name for name, case in CASES.items() if any("sse" in e["response"] for e in case["exchanges"])
]
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
        lines = [f"{'feature of openai.chat':24} passed/total"]
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
    if response["status"] >= 400:
        with pytest.raises(ERRORS[response["status"]]) as caught:
            asyncio.run(play(base_url, call, body["model"], sink))
        assert caught.value.status == response["status"]
        message = response["body"]["error"]["message"]
        assert caught.value.message[:20] == message[:20]
        check_request(replay.requests[-1]["body"], body)
        return
    output = asyncio.run(play(base_url, call, body["model"], sink))
    check_request(replay.requests[-1]["body"], body)
    wire = folded(response["sse"]) if "sse" in response else response["body"]
    check_output(output, wire)
    if sink is not None:
        check_deltas(sink, output)


def check_request(sent: dict[str, Any], recorded: dict[str, Any]) -> None:
    wanted, got = normal(recorded), normal(sent)
    profile = openai_profile(recorded["model"])
    for name in profile.dropped:  # left out with a warning
        wanted.pop(name, None)
    if profile.system_role == "user":
        for message in wanted["messages"]:
            message["role"] = "user" if message["role"] == "system" else message["role"]
    assert got == wanted
    if sent.get("stream"):
        assert sent["stream_options"] == {"include_usage": True}


def check_output(output: ModelOutput, wire: dict[str, Any]) -> None:
    assert output.model == wire["model"]
    assert output.response_id == wire["id"]
    assert len(output.choices) == len(wire["choices"])
    for choice, wire_choice in zip(output.choices, wire["choices"], strict=True):
        message = wire_choice["message"]
        texts = [p for p in choice.message.content_list if isinstance(p, ContentText)]
        transcript = (message.get("audio") or {}).get("transcript")
        assert "".join(p.text for p in texts if not p.refusal) == (
            message.get("content") or transcript or ""
        )
        assert "".join(p.text for p in texts if p.refusal) == (message.get("refusal") or "")
        thoughts = [p for p in choice.message.content_list if isinstance(p, ContentReasoning)]
        assert "".join(p.reasoning for p in thoughts) == (message.get("reasoning_content") or "")
        check_calls(choice.message, message.get("tool_calls") or [])
        details = wire_choice.get("finish_details") or {}
        reason = wire_choice.get("finish_reason") or details.get("type")
        assert choice.stop_reason == as_stop_reason(reason)
        check_logprobs(choice.logprobs, wire_choice.get("logprobs"))
        cited = [c for p in texts for c in p.citations or ()]
        urls = [a["url_citation"]["url"] for a in message.get("annotations") or []]
        assert [c.url for c in cited] == urls
    check_usage(output, wire.get("usage"))


def check_calls(message: ChatMessageAssistant, wire: list[dict[str, Any]]) -> None:
    calls = message.tool_calls or []
    assert [call.id for call in calls] == [call["id"] for call in wire]
    for call, recorded in zip(calls, wire, strict=True):
        assert call.type == recorded["type"]
        said = recorded[call.type]
        assert call.function == said["name"]
        if call.type == "custom":
            assert call.arguments == {"input": said["input"]}
        elif call.parse_error is None:
            assert call.arguments == json.loads(said["arguments"])


def check_logprobs(logprobs: Any, wire: Any) -> None:
    tokens = (wire or {}).get("content")
    assert bool(logprobs) == bool(tokens)
    if tokens:
        assert [(p.token, p.logprob, p.bytes) for p in logprobs.content] == [
            (t["token"], t["logprob"], t["bytes"]) for t in tokens
        ]
        tops = [[(t.token, t.logprob) for t in p.top_logprobs or ()] for p in logprobs.content]
        assert tops == [[(t["token"], t["logprob"]) for t in w["top_logprobs"]] for w in tokens]


def check_usage(output: ModelOutput, wire: dict[str, Any] | None) -> None:
    if wire is None:
        assert output.usage is None
        return
    usage = output.usage
    assert usage is not None
    details = wire.get("prompt_tokens_details") or {}
    read, written = details.get("cached_tokens"), details.get("cache_write_tokens")
    assert usage.input_tokens + (read or 0) + (written or 0) == wire["prompt_tokens"]
    assert (usage.input_tokens_cache_read, usage.input_tokens_cache_write) == (read, written)
    assert (usage.output_tokens, usage.total_tokens) == (
        wire["completion_tokens"],
        wire["total_tokens"],
    )
    thoughts = (wire.get("completion_tokens_details") or {}).get("reasoning_tokens")
    assert usage.reasoning_tokens == thoughts


def check_deltas(sink: Deltas, output: ModelOutput) -> None:
    assert "".join(sink.texts) == output.completion
    calls = output.message.tool_calls or []
    assert sink.names == {call.id: call.function for call in calls}
    for call in calls:
        if call.parse_error is None:
            assert json.loads("".join(sink.calls[call.id]) or "{}") == call.arguments


def folded(frames: list[str]) -> dict[str, Any]:
    """The plain answer of a recorded stream, put together without the project's code."""
    lines = [line for line in "".join(frames).splitlines() if line.startswith("data:")]
    chunks = [json.loads(line[5:]) for line in lines if line[5:].strip() != "[DONE]"]
    body: dict[str, Any] = {"id": chunks[0]["id"], "model": chunks[0]["model"], "usage": None}
    choices: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        body["usage"] = chunk.get("usage") or body["usage"]
        for part in chunk["choices"]:
            new = {"message": {"content": "", "refusal": "", "tool_calls": []}, "logprobs": None}
            choice = choices.setdefault(part["index"], {**new, "finish_reason": None})
            choice["finish_reason"] = part["finish_reason"] or choice["finish_reason"]
            delta, message = part["delta"], choice["message"]
            message["content"] += delta.get("content") or ""
            message["refusal"] += delta.get("refusal") or ""
            for call in delta.get("tool_calls") or []:
                if call["index"] == len(message["tool_calls"]):
                    start = {"name": call["function"]["name"], "arguments": ""}
                    message["tool_calls"].append(
                        {"id": call["id"], "type": "function", "function": start}
                    )
                said = message["tool_calls"][call["index"]]["function"]
                said["arguments"] += call["function"].get("arguments") or ""
    body["choices"] = [choices[index] for index in sorted(choices)]
    return body


# -- conversations ---------------------------------------------------------------------------


def turns() -> list[tuple[str, int, int]]:
    """(case, exchange, position) where a request repeats the answer before it as it was.

    Clients that rewrite answers as text of their own (agents of the ReAct kind) are left out.
    """
    found = []
    for name, case in CASES.items():
        for index in range(1, len(case["exchanges"])):
            before, now = case["exchanges"][index - 1 : index + 1]
            asked, asks = (exchange["request"]["body"]["messages"] for exchange in (before, now))
            at = len(asked)
            statuses = (before["response"]["status"], now["response"]["status"])
            goes_on = statuses == (200, 200) and asks[:at] == asked and asks[at:]
            if goes_on and repeats(asks[at], answer_of(before["response"])):
                found.append((name, index, at))
    return found


def answer_of(response: dict[str, Any]) -> dict[str, Any]:
    wire = folded(response["sse"]) if "sse" in response else response["body"]
    message: dict[str, Any] = wire["choices"][0]["message"]
    return message


def repeats(said: dict[str, Any], answer: dict[str, Any]) -> bool:
    """Whether a message of the history is the answer; some clients drop text beside calls."""
    said, answer = (normal({"messages": [m]})["messages"][0] for m in (said, answer))
    calls = (said.get("tool_calls"), answer.get("tool_calls"))
    return calls[0] == calls[1] and said["content"] in ("" if calls[0] else None, answer["content"])


@pytest.mark.parametrize("name, index, at", turns())
def test_the_answer_of_one_turn_is_the_history_of_the_next(name, index, at, replay):
    exchanges = CASES[name]["exchanges"]
    first, second = (exchanges[i]["request"]["body"] for i in (index - 1, index))
    recorded = recorded_call(first)
    sink = Deltas() if recorded.stream else None
    base_url = replay.base_url(f"{name}@{index - 1}")
    output = asyncio.run(play(base_url, make_call(recorded), first["model"], sink))
    following = recorded_call(second)
    following.messages[at] = output.message
    sink = Deltas() if following.stream else None
    base_url = replay.base_url(f"{name}@{index}")
    asyncio.run(play(base_url, make_call(following), second["model"], sink))
    sent = normal(replay.requests[-1]["body"])["messages"][at]
    wanted = normal(second)["messages"][at]
    if not wanted["content"]:
        sent["content"] = ""
    assert sent == wanted
