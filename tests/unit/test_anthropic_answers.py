"""Anthropic's answers as outputs, plain and streamed, and back as history."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modeld.types import (
    ChatMessageUser,
    ContentData,
    ContentReasoning,
    ContentText,
    ContentToolUse,
    DocumentCitation,
    DocumentRange,
    ModelOutput,
    UrlCitation,
)
from modeld_daemon.providers.anthropic.messages import messages_to_wire
from modeld_daemon.providers.anthropic.response import output_from
from modeld_daemon.providers.anthropic.stream import EventFold, StreamError
from modeld_daemon.providers.anthropic.usage import add_usage
from tests.fakes.playing_openai import Deltas

USAGE = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 3,
    "cache_read_input_tokens": 4,
    "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 0},
    "output_tokens": 5,
    "output_tokens_details": {"thinking_tokens": 2},
    "server_tool_use": {"web_search_requests": 1},
}
THINKING = {"type": "thinking", "thinking": "hm", "signature": "s1"}
REDACTED = {"type": "redacted_thinking", "data": "cipher"}
URL_CITATION = {
    "type": "web_search_result_location",
    "url": "https://a",
    "title": "A",
    "cited_text": "sky",
    "encrypted_index": "e",
}
PAGE_CITATION = {
    "type": "page_location",
    "cited_text": "sea",
    "document_index": 0,
    "document_title": "D",
    "start_page_number": 1,
    "end_page_number": 2,
}
SEARCH = {
    "type": "server_tool_use",
    "id": "srv1",
    "name": "web_search",
    "input": {"query": "sky"},
}
FOUND = {
    "type": "web_search_tool_result",
    "tool_use_id": "srv1",
    "content": [{"type": "web_search_result", "url": "https://a", "encrypted_content": "x"}],
}
RUN = {"type": "server_tool_use", "id": "srv2", "name": "bash_code_execution", "input": {"c": 1}}
RAN = {
    "type": "bash_code_execution_tool_result",
    "tool_use_id": "srv2",
    "content": {"type": "bash_code_execution_tool_result_error", "error_code": "unavailable"},
}
MCP = {"type": "mcp_tool_use", "id": "m1", "name": "echo", "server_name": "s", "input": {}}
ECHO = {
    "type": "mcp_tool_result",
    "tool_use_id": "m1",
    "is_error": False,
    "content": [{"type": "text", "text": "hi"}],
}
CALL = {"type": "tool_use", "id": "t1", "name": "f", "input": {"b": 1, "a": [1]}}
CALLED = {**CALL, "id": "t2", "caller": {"type": "code_execution_20250825", "tool_id": "srv2"}}
ADVISOR = {"type": "server_tool_use", "id": "srv3", "name": "advisor", "input": {}}
ADVICE = {"type": "advisor_tool_result", "tool_use_id": "srv3", "content": {"type": "advice"}}
STRANGE = {"type": "from_the_future", "x": [1]}


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": said, **more}


def body(*blocks: Any, stop: str | None = "end_turn", **more: Any) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": list(blocks),
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": USAGE,
        **more,
    }


ALL = (
    THINKING,
    REDACTED,
    text("Looking. "),
    SEARCH,
    FOUND,
    text("The "),
    text("sky", citations=[URL_CITATION]),
    text(" and sea", citations=[PAGE_CITATION]),
    RUN,
    MCP,
    RAN,
    ECHO,
    CALL,
    ADVISOR,
    ADVICE,
    STRANGE,
    CALLED,
)


def test_an_answer_has_its_parts():
    output = output_from(body(*ALL, stop="tool_use"))
    kinds = [type(part) for part in output.message.content_list]
    assert kinds[:5] == [
        ContentReasoning,
        ContentReasoning,
        ContentText,
        ContentToolUse,
        ContentText,
    ]
    assert output.completion == "Looking. \nThe sky and sea"
    assert output.stop_reason == "tool_calls"
    first, second = output.message.content_list[:2]
    assert (first.reasoning, first.signature, first.redacted) == ("hm", "s1", False)
    assert (second.reasoning, second.redacted) == ("cipher", True)
    assert [(c.id, c.arguments) for c in output.message.tool_calls] == [
        ("t1", CALL["input"]),
        ("t2", CALL["input"]),
    ]
    citations = [c for p in output.message.content_list for c in getattr(p, "citations", 0) or ()]
    assert isinstance(citations[0], UrlCitation)
    assert (citations[0].url, citations[0].cited_text) == ("https://a", "sky")
    assert isinstance(citations[1], DocumentCitation)
    assert citations[1].range == DocumentRange("page", 0, 1)


def test_the_servers_tools_are_uses():
    uses = [
        part
        for part in output_from(body(*ALL)).message.content_list
        if isinstance(part, ContentToolUse)
    ]
    assert [(u.tool_type, u.name, u.context, u.error) for u in uses] == [
        ("web_search", "web_search", None, None),
        ("code_execution", "bash_code_execution", None, "unavailable"),
        ("mcp_call", "echo", "s", None),
    ]
    assert json.loads(uses[0].arguments) == SEARCH["input"]
    assert json.loads(uses[0].result) == FOUND["content"]


def test_every_counter_is_read():
    output = output_from(body(text("x")))
    usage = output.usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (10, 5, 22)
    assert (usage.input_tokens_cache_write, usage.input_tokens_cache_read) == (3, 4)
    assert usage.reasoning_tokens == 2
    assert output.input_context_tokens == 17
    assert output.metadata == {
        "usage": {
            "cache_creation": {"ephemeral_5m_input_tokens": 3},
            "server_tool_use": {"web_search_requests": 1},
        }
    }


@pytest.mark.parametrize("blocks", [ALL, ALL[:3], (CALL,), (text("x"), CALL), (CALL, text("x"))])
def test_an_answer_goes_back_as_it_came(blocks):
    message = output_from(body(*blocks)).message
    made = messages_to_wire([message, ChatMessageUser("go on")], {}, system_turns=False)
    sent = made.messages[0]["content"]
    assert sent == list(blocks)
    assert json.dumps([b.get("input") for b in sent]) == json.dumps(
        [b.get("input") for b in blocks]
    )
    assert made.warnings == []


def test_a_plain_answer_is_plain_text():
    assert output_from(body(text("hi", citations=None))).message.content == "hi"
    assert output_from(body()).message.content == ""
    direct = {**CALL, "caller": {"type": "direct"}}
    assert output_from(body(text("hi"), direct)).message.content == "hi"


def test_a_call_that_a_user_took_away_is_not_sent():
    message = output_from(body(CALL, text("x"))).message
    message.tool_calls = None
    sent = messages_to_wire([message, ChatMessageUser("hi")], {}, system_turns=False).messages
    assert sent[0]["content"] == [text("x")]


@pytest.mark.parametrize(
    "reason, expected",
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "max_tokens"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("model_context_window_exceeded", "model_length"),
        ("pause_turn", "unknown"),
        ("something_new", "unknown"),
        (None, "unknown"),
    ],
)
def test_stop_reasons(reason, expected):
    assert output_from(body(stop=reason)).stop_reason == expected


def test_details_of_the_end_are_kept():
    refused = output_from(
        body(
            stop="refusal",
            stop_details={
                "type": "refusal",
                "category": "bio",
                "explanation": "no",
                "fallback_credit_token": "t",
            },
            container={"id": "c1"},
        )
    )
    details = refused.choices[0].stop_details
    assert details is not None
    assert (details.type, details.category, details.explanation) == ("refusal", "bio", "no")
    assert refused.metadata is not None
    assert refused.metadata["container"] == {"id": "c1"}
    assert refused.metadata["stop_details"] == {"fallback_credit_token": "t"}
    stopped = output_from(body(stop="stop_sequence", stop_sequence="END"))
    assert stopped.choices[0].stop_details is not None
    assert stopped.choices[0].stop_details.explanation == "END"


def test_a_fallback_that_answered_is_told():
    usage = {**USAGE, "iterations": [{"type": "fallback_message", "model": "claude-y"}]}
    fallback = output_from(body(text("x"), usage=usage)).fallback
    assert fallback is not None
    assert fallback.fallback_model == "claude-y"


def test_usages_of_a_paused_turn_are_added():
    both = add_usage(USAGE, {"input_tokens": 1, "output_tokens": 2, "service_tier": "standard"})
    assert (both["input_tokens"], both["output_tokens"]) == (11, 7)
    assert (both["service_tier"], both["cache_read_input_tokens"]) == ("standard", 4)


# -- streams ---------------------------------------------------------------------------------


def start(index: int, block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, kind: str, name: str, value: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, name: value}}


def events(made: dict[str, Any]) -> list[dict[str, Any]]:
    """The stream of a plain answer."""
    head = {**made, "content": [], "stop_reason": None, "usage": {**USAGE, "output_tokens": 1}}
    told: list[dict[str, Any]] = [{"type": "message_start", "message": head}, {"type": "ping"}]
    for index, block in enumerate(made["content"]):
        match block["type"]:
            case "text":
                told.append(start(index, {"type": "text", "text": ""}))
                half = len(block["text"]) // 2
                pieces = (block["text"][:half], block["text"][half:])
                cited = block.get("citations") or ()
                told += [delta(index, "text_delta", "text", piece) for piece in pieces]
                told += [delta(index, "citations_delta", "citation", one) for one in cited]
            case "thinking":
                told.append(start(index, {"type": "thinking", "thinking": "", "signature": ""}))
                told.append(delta(index, "thinking_delta", "thinking", block["thinking"]))
                told.append(delta(index, "signature_delta", "signature", block["signature"]))
            case "tool_use" | "server_tool_use" | "mcp_tool_use":
                told.append(start(index, {**block, "input": {}}))
                said = json.dumps(block["input"])
                pieces = ("", said[:3], said[3:])
                told += [delta(index, "input_json_delta", "partial_json", one) for one in pieces]
            case _:
                told.append(start(index, block))
        told.append({"type": "content_block_stop", "index": index})
    end = {"stop_reason": made["stop_reason"], "stop_sequence": None}
    told.append({"type": "message_delta", "delta": end, "usage": {"output_tokens": 5}})
    told.append({"type": "message_stop"})
    return told


def fold(told: list[dict[str, Any]], sink: Deltas | None = None) -> EventFold:
    folding = EventFold(sink)
    for event in told:
        folding.feed(event)
    return folding


def unnamed(output: ModelOutput) -> dict[str, Any]:
    made = output.to_dict()
    made["choices"][0]["message"].pop("id")
    return made


@pytest.mark.parametrize("blocks", [ALL, (text("x"),), (CALL,), ()])
def test_a_folded_stream_is_the_plain_answer(blocks):
    made, sink = body(*blocks, stop="tool_use"), Deltas()
    folding = fold(events(made), sink)
    assert folding.finished
    output = output_from(folding.body())
    assert unnamed(output) == unnamed(output_from(made))
    assert "".join(sink.texts) == output.completion
    assert "".join(sink.thoughts) == ("hm" if THINKING in blocks else "")
    calls = output.message.tool_calls or []
    assert sink.names == {call.id: call.function for call in calls}
    assert {id: json.loads("".join(said)) for id, said in sink.calls.items()} == {
        call.id: call.arguments for call in calls
    }


def test_input_that_is_no_json_is_the_models_error():
    told = events(body(CALL))
    told = [e for e in told if e.get("delta", {}).get("partial_json") is None]
    told.insert(3, delta(0, "input_json_delta", "partial_json", '{"a": '))
    call = output_from(fold(told).body()).message.tool_calls[0]
    assert call.parse_error is not None
    assert call.arguments == {}


def test_a_block_or_delta_of_the_future_is_kept():
    told = events(body(STRANGE))
    told.insert(3, delta(0, "new_delta", "content", "abc"))
    told.insert(4, {"type": "new_event", "x": 1})
    part = output_from(fold(told).body()).message.content_list[0]
    assert part == ContentData({**STRANGE, "content": "abc"}, internal={"source": "anthropic"})


def test_an_error_in_the_stream_is_one():
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    with pytest.raises(StreamError):
        fold([*events(body(text("x")))[:4], error])
