"""Every recorded exchange with Gemini and Vertex, played again through the adapter."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from modeld.errors import AuthenticationError, InvalidRequest, ModelNotFound, RateLimited
from modeld.types import ContentText, ContentToolUse, ModelOutput
from modeld_daemon.providers.google.profile import google_profile
from tests.fakes.deltas import Deltas
from tests.fakes.normal_google import normal, normal_contents, normal_part, spelled
from tests.fakes.recorded_google import (
    calls_of,
    count,
    make_call,
    play,
    recorded_call,
    thoughts_of,
    wire_chunks,
    wire_parts,
)
from tests.fakes.recorded_openai import recorded_cases, recordings_folder, replay_module

APIS = ("google.generate_content", "vertex.generate_content")
CASES = {case["id"]: case for api in APIS for case in recorded_cases(api)}
COUNTS = {case["id"]: case for case in recorded_cases("google.count_tokens")}
ERRORS = {400: InvalidRequest, 404: ModelNotFound, 429: RateLimited}

pytestmark = pytest.mark.skipif(
    not CASES, reason=f"no recorded traffic at {recordings_folder()}: set MODELD_RECORDINGS"
)
tried: Counter[tuple[str, str]] = Counter()
passed: Counter[tuple[str, str]] = Counter()


@pytest.fixture(scope="module")
def replay() -> Iterator[Any]:
    module = replay_module()
    folders = [recordings_folder() / api for api in (*APIS, "google.count_tokens")]
    with module.ThreadedReplayServer([f for f in folders if f.exists()]) as server:
        yield server
        time.sleep(0.1)  # the server closes its ends of the connections


@pytest.fixture(scope="module", autouse=True)
def table(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if not tried or hasattr(request.config, "workerinput"):
        return
    for api in sorted({api for api, _ in tried}):
        lines = [f"{f'feature of {api}':36} passed/total"]
        names = sorted(name for a, name in tried if a == api)
        lines += [f"{name:36} {passed[api, name]:3}/{tried[api, name]}" for name in names]
        print("\n" + "\n".join(lines), file=sys.__stdout__)


def model_of(exchange: dict[str, Any], case: dict[str, Any]) -> str:
    """The model as a caller names it."""
    name = re.search(r"models/([^:?]+):", exchange["request"]["url"])
    assert name is not None
    return ("vertex/" if case["api"].startswith("vertex") else "") + name[1]


def is_stream(exchange: dict[str, Any]) -> bool:
    return ":stream" in exchange["request"]["url"]


# -- the whole corpus ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_a_recorded_case_is_sent_and_read_as_recorded(name, replay):
    case = CASES[name]
    features = [(case["api"], feature) for feature in (*case["features"], "all")]
    tried.update(features)
    for index, exchange in enumerate(case["exchanges"]):
        play_exchange(replay, case, index, exchange)
    passed.update(features)


def play_exchange(replay: Any, case: dict[str, Any], index: int, exchange: dict[str, Any]) -> None:
    body, response = exchange["request"]["body"], exchange["response"]
    model = model_of(exchange, case)
    recorded = recorded_call(body, stream=is_stream(exchange))
    sink = Deltas() if recorded.stream else None
    base_url = replay.base_url(f"{case['id']}@{index}")
    call = make_call(recorded)
    if response["status"] >= 400:
        check_failure(base_url, call, model, sink, response)
        check_request(replay.requests[-1]["body"], body, model)
        return
    output = asyncio.run(play(base_url, call, model, sink))
    check_request(replay.requests[-1]["body"], body, model)
    check_output(output, response)
    if sink is not None:
        check_deltas(sink, output)


def check_failure(base_url: str, call: Any, model: str, sink: Any, response: Any) -> None:
    error = response["body"]["error"]
    if "maximum number of tokens" in error["message"]:
        output = asyncio.run(play(base_url, call, model, sink))
        assert output.stop_reason == "model_length"
        return
    wrong_key = "API key not valid" in error["message"]
    wanted = AuthenticationError if wrong_key else ERRORS[response["status"]]
    with pytest.raises(wanted) as caught:
        asyncio.run(play(base_url, call, model, sink))
    assert type(caught.value) is wanted
    assert caught.value.status == response["status"]
    assert caught.value.message[:20] == error["message"][:20]
    delays = [d["retryDelay"] for d in error.get("details", []) if "retryDelay" in d]
    assert caught.value.retry_after == (float(delays[0].rstrip("s")) if delays else None)


def check_request(sent: dict[str, Any], recorded: dict[str, Any], model: str) -> None:
    got, wanted = normal(sent), normal(recorded)
    if google_profile(model).filters and "safetySettings" not in wanted:
        del got["safetySettings"]  # filters are off where the caller says nothing
    assert got == wanted


def check_output(output: ModelOutput, response: dict[str, Any]) -> None:
    chunks, parts = wire_chunks(response), wire_parts(response)
    last = chunks[-1]
    assert output.model == last["modelVersion"]
    assert output.response_id == last.get("responseId")
    said = "".join(p["text"] for p in parts if p.get("text") and not p.get("thought"))
    texts = [p for p in output.message.content_list if isinstance(p, ContentText)]
    assert "".join(p.text for p in texts) == said
    assert output.completion.replace("\n", "") == said.replace("\n", "")
    assert thoughts_of(output) == "".join(p["text"] for p in parts if p.get("thought"))
    wire_calls = [p["functionCall"] for p in parts if "functionCall" in p]
    assert [(c.function, c.arguments) for c in calls_of(output)] == [
        (c["name"], c.get("args") or {}) for c in wire_calls
    ]
    for call, wire in zip(calls_of(output), wire_calls, strict=True):
        assert call.id == wire.get("id", call.id)
    check_stop(output, chunks, wire_calls)
    if "usageMetadata" in last:
        check_usage(output, last["usageMetadata"])
    else:
        assert output.usage is None
    check_kept(output, chunks, parts)


def check_stop(output: ModelOutput, chunks: list[dict[str, Any]], calls: list[Any]) -> None:
    reasons = [c.get("finishReason") for chunk in chunks for c in chunk.get("candidates", [])]
    last = [reason for reason in reasons if reason][-1]
    last = {1: "STOP", 2: "MAX_TOKENS"}.get(last, last)  # enums may be numbers
    wanted = {"STOP": "tool_calls" if calls else "stop", "MAX_TOKENS": "max_tokens"}
    wanted["UNEXPECTED_TOOL_CALL"] = "tool_calls"
    assert output.stop_reason == wanted.get(last, "content_filter")
    if last not in ("STOP", "MAX_TOKENS"):
        details = output.choices[0].stop_details
        assert details is not None
        assert details.type == last


def check_usage(output: ModelOutput, wire: dict[str, Any]) -> None:
    usage = output.usage
    assert usage is not None
    tools = wire.get("toolUsePromptTokenCount", 0)
    read = usage.input_tokens_cache_read
    assert read == wire.get("cachedContentTokenCount")
    assert usage.input_tokens + (read or 0) == wire.get("promptTokenCount", 0) + tools
    thoughts = wire.get("thoughtsTokenCount")
    assert usage.reasoning_tokens == thoughts
    assert usage.output_tokens == wire.get("candidatesTokenCount", 0) + (thoughts or 0)
    assert output.input_context_tokens == wire.get("promptTokenCount")
    if "totalTokenCount" in wire:
        assert usage.total_tokens == wire["totalTokenCount"]
    kept = (output.metadata or {}).get("usage", {})
    for name in ("toolUsePromptTokenCount", "promptTokensDetails", "serviceTier", "trafficType"):
        assert kept.get(name) == (wire.get(name) or None)


def check_kept(output: ModelOutput, chunks: list[Any], parts: list[Any]) -> None:
    """Logprobs, grounding, server tools and signatures: nothing is lost."""
    tokens = [
        token
        for chunk in chunks
        for candidate in chunk.get("candidates", [])
        for token in candidate.get("logprobsResult", {}).get("chosenCandidates", [])
    ]
    logprobs = output.choices[0].logprobs
    assert [(t["token"], t["logProbability"]) for t in tokens] == [
        (t.token, t.logprob) for t in (logprobs.content if logprobs else [])
    ]
    kept = (output.metadata or {}).get("candidates", {}).get("0", {})
    groundings = [c.get("groundingMetadata") for x in chunks for c in x.get("candidates", [])]
    grounding = [g for g in groundings if g]
    if grounding:
        assert kept["groundingMetadata"] == grounding[-1]
        check_citations(output, grounding[-1])
    tools = [p for p in output.message.content_list if isinstance(p, ContentToolUse)]
    codes = [p["executableCode"]["code"] for p in parts if "executableCode" in p]
    assert [t.arguments for t in tools if t.tool_type == "code_execution"] == codes
    text = json.dumps(output.to_dict())
    for part in parts:
        if part.get("thoughtSignature"):
            assert part["thoughtSignature"] in text


def check_citations(output: ModelOutput, grounding: dict[str, Any]) -> None:
    supports = grounding.get("groundingSupports", [])
    texts = [p for p in output.message.content_list if isinstance(p, ContentText)]
    cited = [(part.text, c) for part in texts for c in part.citations or ()]
    assert len(cited) == sum(len(s["groundingChunkIndices"]) for s in supports)
    words = [s["segment"]["text"] for s in supports for _ in s["groundingChunkIndices"]]
    for (text, citation), segment in zip(cited, words, strict=True):
        assert isinstance(citation.cited_text, tuple)
        start, end = citation.cited_text
        assert text[start:end] == segment


def check_deltas(sink: Deltas, output: ModelOutput) -> None:
    assert "".join(sink.texts) == output.completion
    assert "".join(sink.thoughts) == thoughts_of(output)
    assert sink.names == {call.id: call.function for call in calls_of(output)}
    for call in calls_of(output):
        assert json.loads("".join(sink.calls[call.id])) == call.arguments


# -- streams and conversations ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [n for n, c in CASES.items() if any(is_stream(e) for e in c["exchanges"])]
)
def test_a_stream_is_the_same_without_a_sink(name, replay):
    case = CASES[name]
    streams = [i for i, e in enumerate(case["exchanges"]) if is_stream(e)]
    good = [i for i in streams if case["exchanges"][i]["response"]["status"] == 200]
    if not good:
        return
    exchange = case["exchanges"][good[0]]
    url, model = replay.base_url(f"{name}@{good[0]}"), model_of(exchange, case)
    call = make_call(recorded_call(exchange["request"]["body"], stream=True))
    told = asyncio.run(play(url, call, model, Deltas()))
    untold = asyncio.run(play(url, call, model, None, streaming=True))
    told.time = untold.time = None
    first, second = told.to_dict(), untold.to_dict()
    for dump in (first, second):
        dump["choices"][0]["message"].pop("id")
    assert first == second


def turns() -> list[tuple[str, int, int]]:
    """(case, exchange, content) where a request repeats the answer before it."""
    found = []
    for name, case in CASES.items():
        for index in range(1, len(case["exchanges"])):
            before, now = case["exchanges"][index - 1 : index + 1]
            asked, asks = (spelled(e["request"]["body"])["contents"] for e in (before, now))
            at = len(asked)
            ok = before["response"]["status"] == 200
            if ok and asks[:at] == asked and len(asks) > at and asks[at].get("role") == "model":
                found.append((name, index, at))
    return found


@pytest.mark.parametrize("name, index, at", turns())
def test_the_answer_of_one_turn_is_the_history_of_the_next(name, index, at, replay):
    case = CASES[name]
    before, now = case["exchanges"][index - 1 : index + 1]
    first, second = (e["request"]["body"] for e in (before, now))
    tried[case["api"], "turns replayed"] += 1
    call = make_call(recorded_call(first, stream=is_stream(before)))
    sink = Deltas() if is_stream(before) else None
    model = model_of(before, case)
    output = asyncio.run(play(replay.base_url(f"{name}@{index - 1}"), call, model, sink))
    following = recorded_call(second, stream=is_stream(now))
    place = [i for i, m in enumerate(following.messages) if m.role == "assistant"]
    nth = sum(content.get("role") == "model" for content in spelled(second)["contents"][:at])
    old = following.messages[place[nth]]
    following.messages[place[nth]] = output.message
    renamed = dict(
        zip((c.id for c in old.tool_calls or ()), (c.id for c in calls_of(output)), strict=False)
    )
    for message in following.messages:
        if message.role == "tool" and message.tool_call_id in renamed:
            message.tool_call_id = renamed[message.tool_call_id]
    sink = Deltas() if following.stream else None
    base_url = replay.base_url(f"{name}@{index}")
    asyncio.run(play_any(base_url, make_call(following), model, sink))
    sent = replay.requests[-1]["body"]["contents"]
    check_byte_for_byte(sent, wire_parts(before["response"]))
    assert forgiving(sent) == forgiving(second["contents"])
    passed[case["api"], "turns replayed"] += 1


async def play_any(base_url: str, call: Any, model: str, sink: Any) -> None:
    with suppress(InvalidRequest):  # as recorded
        await play(base_url, call, model, sink)


def check_byte_for_byte(sent: list[Any], parts: list[Any]) -> None:
    """What the model said stands in the next request as it came; a stream's texts are joined."""
    said = [part for content in sent if content["role"] == "model" for part in content["parts"]]
    for part in parts:
        signature = part.get("thoughtSignature")
        if signature:
            (found,) = [p for p in said if p.get("thoughtSignature") == signature]
            rest = {k: v for k, v in found.items() if k != "thoughtSignature"}
            assert normal_part(rest) == normal_part(
                {k: v for k, v in part.items() if k != "thoughtSignature"}
            )


def forgiving(contents: list[Any]) -> list[Any]:
    """What all clients send back: some make up ids, or drop thoughts, signatures and server tools."""
    turns = []
    for turn in normal_contents(contents):
        parts, text = [], ""
        for part in turn["parts"]:
            kept = {k: v for k, v in part.items() if k != "thoughtSignature"}
            shared = kept.keys() & {"text", "functionCall", "functionResponse"}
            if turn["role"] == "model" and (part.get("thought") or not shared):
                continue
            for kind in ("functionCall", "functionResponse"):
                if kind in kept:
                    kept[kind] = {k: v for k, v in kept[kind].items() if k != "id"}
            if turn["role"] == "model" and kept.keys() == {"text"}:
                text += kept["text"]
                continue
            parts.append(kept)
        turns.append({"role": turn["role"], "parts": parts, "text": plain(text)})
    return turns


def plain(text: str) -> Any:
    """JSON without its white space, which some clients write anew."""
    try:
        return json.loads(text)
    except ValueError:
        return text


# -- countTokens -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COUNTS)
def test_tokens_are_counted_as_recorded(name, replay):
    case = COUNTS[name]
    tried["google.count_tokens", "all"] += 1
    for index, exchange in enumerate(case["exchanges"]):
        body = exchange["request"]["body"]
        asked = body.get("generateContentRequest", body)
        asked = {k: v for k, v in asked.items() if k != "model"}
        call = make_call(recorded_call(asked))
        base_url = replay.base_url(f"{name}@{index}")
        counted = asyncio.run(count(base_url, call, model_of(exchange, case)))
        assert (counted.tokens, counted.estimated) == (
            exchange["response"]["body"]["totalTokens"],
            False,
        )
        sent = replay.requests[-1]["body"]["generateContentRequest"]
        assert sent.pop("model").startswith("models/")
        assert normal(sent) == normal(asked)
    passed["google.count_tokens", "all"] += 1
