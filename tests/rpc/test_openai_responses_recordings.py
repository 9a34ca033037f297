"""Every recorded response, played again through the adapter."""

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
from modeld.types import ContentReasoning, ContentText, ContentToolUse, ModelOutput, UrlCitation
from modeld_daemon.core.ports import Row
from modeld_daemon.providers.openai_responses.history import assistant_to_input
from modeld_daemon.providers.profiles import dropped_parameters, openai_profile
from tests.fakes.deltas import Deltas
from tests.fakes.playing_openai import make_call
from tests.fakes.playing_openai_responses import answer_of, parts_of, play, provider, route
from tests.fakes.recorded_openai import recorded_cases, recordings_folder, replay_module
from tests.fakes.recorded_openai_responses import messages, normal, normal_item, recorded_call
from tests.fakes.recorded_rows import RESPONSES_ROWS, row_of

APIS = tuple(RESPONSES_ROWS)
CASES = {case["id"]: case for api in APIS for case in recorded_cases(api)}
COUNTS = {case["id"]: case for case in recorded_cases("openai.count_tokens")}
ERRORS = {"model_not_found": ModelNotFound, 400: InvalidRequest, 401: AuthenticationError}
SERVER_TOOLS = ("web_search_call", "code_interpreter_call", "mcp_call")
CALLS = ("function_call", "custom_tool_call")
STOPS = {"max_output_tokens": "max_tokens", "content_filter": "content_filter"}

pytestmark = pytest.mark.skipif(
    not CASES, reason=f"no recorded traffic at {recordings_folder()}: set MODELD_RECORDINGS"
)
tried: Counter[tuple[str, str]] = Counter()
passed: Counter[tuple[str, str]] = Counter()


@pytest.fixture(scope="module")
def replay() -> Iterator[Any]:
    module = replay_module()
    folders = [recordings_folder() / api for api in (*APIS, "openai.count_tokens")]
    with module.ThreadedReplayServer([f for f in folders if f.exists()]) as server:
        yield server
        time.sleep(0.1)  # the server closes its ends of the connections


@pytest.fixture(scope="module", autouse=True)
def table(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if tried and not hasattr(request.config, "workerinput"):
        lines = [f"{'feature':24} passed/total"]
        for api in sorted({api for api, _ in tried}):
            lines.append(f"{api}:")
            names = sorted(name for at, name in tried if at == api)
            lines += [f"  {n:22} {passed[api, n]:3}/{tried[api, n]}" for n in names]
        print("\n" + "\n".join(lines), file=sys.__stdout__)


# -- the whole corpus ------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*CASES, *COUNTS])
def test_a_recorded_case_is_sent_and_read_as_recorded(name, replay):
    case = CASES.get(name) or COUNTS[name]
    features = [(case["api"], feature) for feature in [*case["features"], "all"]]
    tried.update(features)
    for index, exchange in enumerate(case["exchanges"]):
        if name in COUNTS:
            count_exchange(replay, name, index, exchange)
        else:
            play_exchange(replay, name, index, exchange)
    passed.update(features)


def count_exchange(replay: Any, name: str, index: int, exchange: dict[str, Any]) -> None:
    body = exchange["request"]["body"]

    async def scene() -> Any:
        made = provider(replay.base_url(f"{name}@{index}"))
        try:
            return await made.count_tokens(make_call(recorded_call(body)), route(body["model"]))
        finally:
            await made.aclose()

    count = asyncio.run(scene())
    assert (count.tokens, count.estimated) == (exchange["response"]["body"]["input_tokens"], False)
    check_request(replay.requests[-1]["body"], body)


def row_named(name: str) -> Row:
    """The row of a case's provider."""
    return row_of(RESPONSES_ROWS[CASES[name]["api"]])


def play_exchange(replay: Any, name: str, index: int, exchange: dict[str, Any]) -> None:
    body, response = exchange["request"]["body"], exchange["response"]
    row = row_named(name)
    recorded = recorded_call(body)
    sink = Deltas() if recorded.stream else None
    base_url = replay.base_url(f"{name}@{index}")
    call = make_call(recorded)
    if response["status"] >= 400:
        error = response["body"].get("error") or response["body"]["detail"]
        code = error.get("code") if isinstance(error, dict) else None
        with pytest.raises(ERRORS.get(code) or ERRORS[response["status"]]) as caught:
            asyncio.run(play(base_url, call, body["model"], sink, row=row))
        assert caught.value.status == response["status"]
        message = error["message"] if isinstance(error, dict) else error
        assert caught.value.message[:20] == message[:20]
    else:
        output = asyncio.run(play(base_url, call, body["model"], sink, row=row))
        check_output(output, answer_of(response))
        if sink is not None:
            check_deltas(sink, output)
    check_request(replay.requests[-1]["body"], body)


def check_request(sent: dict[str, Any], recorded: dict[str, Any]) -> None:
    wanted, got = normal(recorded), normal(sent)
    effort = (recorded.get("reasoning") or {}).get("effort")
    for name in dropped_parameters(openai_profile(recorded["model"]), effort):
        wanted.pop(name, None)  # left out with a warning
    assert got == wanted


def check_output(output: ModelOutput, wire: dict[str, Any]) -> None:
    assert (output.model, output.response_id) == (wire["model"], wire["id"])
    message = output.message
    texts = [p for p in message.content_list if isinstance(p, ContentText)]
    said = [p["text"] for p in parts_of(wire, "output_text")]
    assert [p.text for p in texts if not p.refusal] == said
    assert [p.text for p in texts if p.refusal] == [p["refusal"] for p in parts_of(wire, "refusal")]
    thoughts = [p for p in message.content_list if isinstance(p, ContentReasoning)]
    wire_thoughts = [item for item in wire["output"] if item["type"] == "reasoning"]
    for part, item in zip(thoughts, wire_thoughts, strict=True):
        assert part.reasoning == "".join(p["text"] for p in item.get("content") or [])
        assert (part.summary or "") == "\n\n".join(p["text"] for p in item.get("summary") or [])
        assert part.signature == item.get("encrypted_content")
    check_calls(output, [item for item in wire["output"] if item["type"] in CALLS])
    used = [item["id"] for item in wire["output"] if item["type"] in SERVER_TOOLS]
    assert [p.id for p in message.content_list if isinstance(p, ContentToolUse)] == used
    reason = (wire.get("incomplete_details") or {}).get("reason")
    ended = "tool_calls" if message.tool_calls else "stop"
    assert output.stop_reason == (STOPS[reason] if reason else ended)
    check_logprobs(output, wire)
    urls = [a["url"] for p in parts_of(wire, "output_text") for a in p["annotations"] if "url" in a]
    cited = [c for p in texts for c in p.citations or ()]
    assert [c.url for c in cited if isinstance(c, UrlCitation)] == urls
    check_usage(output, wire.get("usage"))
    # all of it would go back as it came, except what the API does not take
    back = [normal_item(item) for item in assistant_to_input(message)]
    assert back == [normal_item(item) for item in wire["output"]]


def check_calls(output: ModelOutput, wire: list[dict[str, Any]]) -> None:
    for call, item in zip(output.message.tool_calls or [], wire, strict=True):
        assert (call.id, call.function) == (item["call_id"], item["name"])
        if item["type"] == "custom_tool_call":
            assert (call.type, call.arguments) == ("custom", {"input": item["input"]})
        elif call.parse_error is None:
            assert call.arguments == json.loads(item["arguments"])


def check_logprobs(output: ModelOutput, wire: dict[str, Any]) -> None:
    tokens = [t for p in parts_of(wire, "output_text") for t in p.get("logprobs") or []]
    logprobs = output.choices[0].logprobs
    got = [] if logprobs is None else logprobs.content
    assert [(p.token, p.logprob, p.bytes) for p in got] == [
        (t["token"], t["logprob"], t["bytes"]) for t in tokens
    ]


def check_usage(output: ModelOutput, wire: dict[str, Any] | None) -> None:
    if wire is None:
        assert output.usage is None
        return
    usage = output.usage
    assert usage is not None
    details = wire.get("input_tokens_details") or {}
    read, written = details.get("cached_tokens"), details.get("cache_write_tokens")
    assert usage.input_tokens + (read or 0) + (written or 0) == wire["input_tokens"]
    assert (usage.input_tokens_cache_read, usage.input_tokens_cache_write) == (read, written)
    totals = (wire["output_tokens"], wire["total_tokens"])
    assert (usage.output_tokens, usage.total_tokens) == totals
    thoughts = (wire.get("output_tokens_details") or {}).get("reasoning_tokens")
    assert usage.reasoning_tokens == thoughts


def check_deltas(sink: Deltas, output: ModelOutput) -> None:
    assert "".join(sink.texts) == output.completion
    thoughts = [p for p in output.message.content_list if isinstance(p, ContentReasoning)]
    assert "".join(sink.thoughts) == "".join(p.reasoning or p.summary or "" for p in thoughts)
    calls = output.message.tool_calls or []
    assert sink.names == {call.id: call.function for call in calls}
    for call in calls:
        if call.type == "custom":
            assert "".join(sink.calls[call.id]) == call.arguments["input"]
        elif call.parse_error is None:
            assert json.loads("".join(sink.calls[call.id]) or "{}") == call.arguments


# -- conversations ---------------------------------------------------------------------------


def turns() -> list[tuple[str, int, int]]:
    """(case, exchange, position) where a request goes on after the answer before it."""
    found = []
    for name, case in CASES.items():
        for index in range(1, len(case["exchanges"])):
            before, now = case["exchanges"][index - 1 : index + 1]
            asked, asks = (e["request"]["body"]["input"] for e in (before, now))
            if isinstance(asks, str) or before["response"]["status"] >= 400:
                continue
            if isinstance(asked, str):
                asked = [{"role": "user", "content": asked}]
            at = len(asked)
            same = [normal_item(i) for i in asks[:at]] == [normal_item(i) for i in asked]
            if same and asks[at:] and repeats(asks[at:], answer_of(before["response"])):
                found.append((name, index, at))
    return found


def repeats(items: list[dict[str, Any]], wire: dict[str, Any]) -> bool:
    """Whether the items begin with the answer. Clients leave out ids and what is not needed; the
    ones that leave out whole items, or write their own, are not what is tested.
    """
    answer = wire["output"]
    given = [i for i in items[: len(answer)] if i.get("role") != "user"]
    return len(given) == len(answer) and all(
        covers(normal_item(a), normal_item(i)) for a, i in zip(answer, given, strict=True)
    )


def covers(item: dict[str, Any], part: dict[str, Any]) -> bool:
    """Whether `part` says nothing that `item` does not."""
    return all(item.get(name) == value for name, value in part.items())


@pytest.mark.parametrize("name, index, at", turns())
def test_the_answer_of_one_turn_is_the_history_of_the_next(name, index, at, replay):
    exchanges, row = CASES[name]["exchanges"], row_named(name)
    first, second = (exchanges[i]["request"]["body"] for i in (index - 1, index))
    recorded = recorded_call(first)
    sink = Deltas() if recorded.stream else None
    base_url = replay.base_url(f"{name}@{index - 1}")
    output = asyncio.run(play(base_url, make_call(recorded), first["model"], sink, row=row))
    following = recorded_call(second)
    place = len(messages({**second, "input": second["input"][:at]}))
    following.messages[place] = output.message
    sink = Deltas() if following.stream else None
    base_url = replay.base_url(f"{name}@{index}")
    call = make_call(following)
    if exchanges[index]["response"]["status"] < 400:
        asyncio.run(play(base_url, call, second["model"], sink, row=row))
    else:
        with pytest.raises(InvalidRequest):
            asyncio.run(play(base_url, call, second["model"], sink, row=row))
    sent = normal(replay.requests[-1]["body"])["input"]
    wanted = normal(second)["input"]
    assert len(sent) == len(wanted)
    for got, item in zip(sent, wanted, strict=True):
        assert covers(got, item)
