"""Anthropic's answers as outputs, and back as history."""

from __future__ import annotations

import json

import pytest

from modeld.types import (
    ChatMessageUser,
    ContentReasoning,
    ContentText,
    ContentToolUse,
    DocumentCitation,
    DocumentRange,
    UrlCitation,
)
from modeld_daemon.providers.anthropic.messages import messages_to_wire
from modeld_daemon.providers.anthropic.response import output_from
from modeld_daemon.providers.anthropic.usage import add_usage
from tests.fakes.anthropic_wire import ALL, CALL, FOUND, SEARCH, USAGE, body, text


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
