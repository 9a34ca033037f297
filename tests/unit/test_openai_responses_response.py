"""Responses as outputs, and outputs as the history of a next request."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from modeld.types import (
    ChatMessageAssistant,
    ChatMessageUser,
    ContentData,
    ContentImage,
    ContentReasoning,
    ContentText,
    ContentToolUse,
    DocumentCitation,
    ModelOutput,
    UrlCitation,
)
from modeld_daemon.providers.openai_responses.errors import body_error, failure, sadness
from modeld_daemon.providers.openai_responses.messages import messages_to_input
from modeld_daemon.providers.openai_responses.response import output_from

THOUGHTS = {
    "id": "rs_1",
    "type": "reasoning",
    "summary": [{"type": "summary_text", "text": "one"}, {"type": "summary_text", "text": "two"}],
    "encrypted_content": "gAAA",
}
CALL = {
    "id": "fc_1",
    "type": "function_call",
    "status": "completed",
    "call_id": "c1",
    "name": "add",
    "arguments": '{"a": 1}',
    "namespace": "math",
}


def message(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    said = {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant"}
    return {**said, "content": list(parts), **more}


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"type": "output_text", "text": said, "annotations": [], **more}


def output(*items: dict[str, Any], **more: Any) -> ModelOutput:
    body = {"id": "resp_1", "model": "m-1", "status": "completed", "output": list(items), **more}
    return output_from(deepcopy(body))


def replayed(out: ModelOutput, history: Any = None, **options: Any) -> list[dict[str, Any]]:
    through_the_wire = ChatMessageAssistant.from_dict(out.message.to_dict())
    return messages_to_input([through_the_wire], "developer", history, **options)


ITEMS: list[dict[str, Any]] = [
    message(text("hi"), phase="final_answer"),
    message(text("one"), text("two"), {"type": "refusal", "refusal": "no"}),
    message(text("cited", annotations=[{"type": "url_citation", "url": "u", "title": "t"}])),
    message({"type": "new_part", "x": 1}),
    message(),
    THOUGHTS,
    {"id": "rs_2", "type": "reasoning", "summary": [], "content": [], "encrypted_content": None},
    {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]},
    CALL,
    {**CALL, "arguments": "{broken"},
    {"type": "function_call", "call_id": "c1", "name": "add", "arguments": ""},
    {"id": "ct", "type": "custom_tool_call", "call_id": "c1", "name": "f", "input": "4 + 4"},
    {
        "id": "cu",
        "type": "computer_call",
        "call_id": "c1",
        "action": {"type": "click", "x": 1},
        "pending_safety_checks": [{"id": "s"}],
    },
    {"id": "ws", "type": "web_search_call", "status": "completed", "action": {"type": "search"}},
    {"id": "ci", "type": "code_interpreter_call", "code": "1+1", "outputs": [{"logs": "2"}]},
    {"id": "mc", "type": "mcp_call", "name": "f", "server_label": "s", "arguments": "{}"},
    {"id": "ml", "type": "mcp_list_tools", "server_label": "s", "tools": []},
    {"id": "ig", "type": "image_generation_call", "status": "completed", "result": "aGk="},
    {"id": "fs", "type": "file_search_call", "queries": ["q"], "results": None},
    {"id": "zz", "type": "some_new_item", "deep": [{"x": 1}]},
]


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: item["type"])
def test_every_item_goes_back_as_it_came(item):
    assert replayed(output(item)) == [item]


def test_items_go_back_in_their_order():
    items = [THOUGHTS, message(text("a")), CALL, {**THOUGHTS, "id": "rs_3"}, *ITEMS[13:]]
    assert replayed(output(*items)) == items
    bare = [message(text("a")), message(text("b"))]
    for item in bare:
        del item["id"]
    assert replayed(output(*bare)) == bare


def test_a_plain_answer():
    out = output(message(text("hi")))
    assert (out.completion, out.model, out.response_id) == ("hi", "m-1", "resp_1")
    assert (out.message.source, out.stop_reason, out.usage) == ("generate", "stop", None)
    assert out.metadata is None
    empty = output()
    assert (empty.completion, empty.message.content) == ("", "")


def test_a_refusal_is_text_that_says_so():
    part = output(ITEMS[1]).message.content_list[2]
    assert isinstance(part, ContentText)
    assert (part.text, part.refusal) == ("no", True)
    assert output(ITEMS[1]).completion == "one\ntwo\nno"


def test_thoughts_are_encrypted_plain_or_withheld():
    hidden, plain, withheld = (
        output(item).message.content_list[0] for item in (THOUGHTS, ITEMS[7], ITEMS[6])
    )
    assert isinstance(hidden, ContentReasoning)
    assert (hidden.reasoning, hidden.summary) == ("", "one\n\ntwo")
    assert (hidden.signature, hidden.redacted) == ("gAAA", True)
    assert isinstance(plain, ContentReasoning)
    assert (plain.reasoning, plain.redacted, plain.signature) == ("hm", False, None)
    assert isinstance(withheld, ContentReasoning)
    assert withheld.redacted


def test_calls_are_for_the_client_and_end_the_turn():
    out = output(THOUGHTS, CALL, {**ITEMS[11], "call_id": "c2"}, {**ITEMS[12], "call_id": "c3"})
    assert out.stop_reason == "tool_calls"
    add, custom, computer = out.message.tool_calls or []
    assert (add.id, add.function, add.arguments, add.type) == ("c1", "add", {"a": 1}, "function")
    assert (custom.type, custom.arguments) == ("custom", {"input": "4 + 4"})
    assert (computer.function, computer.arguments["action"]["x"]) == ("computer", 1)
    broken = (output(ITEMS[9]).message.tool_calls or [])[0]
    assert (broken.arguments, bool(broken.parse_error)) == ({}, True)


def test_a_call_that_the_caller_changed_goes_back_changed():
    out = output(CALL)
    (out.message.tool_calls or [])[0].arguments = {"a": 2}
    assert replayed(out)[0] == {**CALL, "arguments": '{"a":2}'}
    out.message.tool_calls = None
    assert replayed(out) == []


def test_tools_of_the_server_show_what_they_did():
    search = {
        "id": "ws",
        "type": "web_search_call",
        "status": "completed",
        "action": {"type": "search", "query": "q", "sources": [{"url": "u"}]},
    }
    failed = {**ITEMS[15], "error": "broken", "status": "failed", "output": None}
    parts = output(search, ITEMS[14], failed, ITEMS[17]).message.content_list
    web, code, mcp, picture = parts
    assert isinstance(web, ContentToolUse)
    assert (web.tool_type, web.name, web.arguments) == ("web_search", "search", '{"query":"q"}')
    assert web.result == '[{"url":"u"}]'
    assert isinstance(code, ContentToolUse)
    assert (code.tool_type, code.arguments, code.result) == (
        "code_execution",
        "1+1",
        '[{"logs":"2"}]',
    )
    assert isinstance(mcp, ContentToolUse)
    assert (mcp.tool_type, mcp.context, mcp.error) == ("mcp_call", "s", "broken")
    assert isinstance(picture, ContentImage)
    assert picture.image == "data:image/png;base64,aGk="


@pytest.mark.parametrize("kind", ["web_search_call", "code_interpreter_call", "x_search_call"])
def test_tools_of_xais_server_have_their_arguments_as_a_call_has(kind):
    said = {"id": "fc", "type": kind, "name": "n", "arguments": '{"query":"q"}', "call_id": ""}
    (part,) = output({**said, "status": "completed"}).message.content_list
    assert isinstance(part, ContentToolUse)
    assert (part.id, part.arguments) == ("fc", said["arguments"])


def test_citations_have_their_passages():
    url = {"type": "url_citation", "url": "u", "title": "t", "start_index": 1, "end_index": 3}
    file = {"type": "file_citation", "file_id": "file-1", "filename": "a.txt", "index": 4}
    part = output(message(text("x", annotations=[url, file, {"type": "new"}]))).message.content[0]
    assert isinstance(part, ContentText)
    page, paper = part.citations or []
    assert isinstance(page, UrlCitation)
    assert (page.url, page.title, page.cited_text, page.internal) == ("u", "t", (1, 3), None)
    assert isinstance(paper, DocumentCitation)
    assert paper.title == "a.txt"
    assert (paper.internal or {})["file_id"] == "file-1"


def test_log_probabilities_are_the_choices():
    top = {"token": "b", "logprob": -2.0, "bytes": [98]}
    token = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": [top]}
    out = output(message(text("a", logprobs=[token])))
    logprobs = out.choices[0].logprobs
    assert logprobs is not None
    assert (logprobs.content[0].token, logprobs.content[0].top_logprobs[0].token) == ("a", "b")  # type: ignore[index]
    assert "logprobs" not in replayed(out)[0]["content"][0]


@pytest.mark.parametrize(
    "reason, stop",
    [
        ("max_output_tokens", "max_tokens"),
        ("content_filter", "content_filter"),
        ("something_new", "unknown"),
    ],
)
def test_an_answer_that_was_cut_says_why(reason, stop):
    out = output(message(text("a")), status="incomplete", incomplete_details={"reason": reason})
    assert out.stop_reason == stop
    assert out.choices[0].stop_details is not None
    assert out.choices[0].stop_details.type == reason


def test_every_counter_is_kept():
    usage = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 20, "audio_tokens": 5},
        "output_tokens": 40,
        "output_tokens_details": {"reasoning_tokens": 25},
        "total_tokens": 140,
        "cost_in_usd_ticks": 5_000_000_000,
        "num_sources_used": 2,
    }
    out = output(usage=usage, service_tier="flex", instructions="repeated", moderation=None)
    assert out.usage is not None
    assert (out.usage.input_tokens, out.usage.output_tokens, out.usage.total_tokens) == (
        50,
        40,
        140,
    )
    assert out.usage.input_tokens_cache_read == 30
    assert out.usage.input_tokens_cache_write == 20
    assert out.usage.reasoning_tokens == 25
    assert out.usage.total_cost == 0.5
    assert out.input_context_tokens == 100
    kept = {"input_tokens_details": {"audio_tokens": 5}, "num_sources_used": 2}
    assert out.metadata == {
        "service_tier": "flex",
        "usage": {**kept, "cost_in_usd_ticks": 5_000_000_000},
    }


# -- what goes back --------------------------------------------------------------------------


def test_without_its_thoughts_an_item_is_not_recognised():
    out = output(THOUGHTS, CALL)
    bare = {name: value for name, value in CALL.items() if name != "id"}
    assert replayed(out, "none") == [bare]
    assert replayed(out, "last") == [THOUGHTS, CALL]
    assert replayed(output(CALL), "none") == [CALL]  # nothing was taken from it


def test_a_phase_can_be_left_out():
    assert "phase" not in replayed(output(ITEMS[0]), phase=False)[0]


def test_history_of_others_is_text():
    said = ChatMessageAssistant(
        [
            ContentReasoning("hm"),
            ContentReasoning("x", redacted=True, signature="s"),
            ContentToolUse(tool_type="web_search", id="1", name="s", arguments="", result=""),
            ContentData({"type": "theirs"}),
            ContentText("hi"),
        ]
    )
    items = messages_to_input([ChatMessageUser("q"), said], "system", None)
    assert items == [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "<think>hm</think>"},
        {"role": "assistant", "content": "hi"},
    ]


# -- failures --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code, kind",
    [
        ("server_error", "ProviderUnavailable"),
        ("rate_limit_exceeded", "RateLimited"),
        ("vector_store_timeout", "ProviderUnavailable"),
        ("invalid_image_url", "InvalidRequest"),
        ("empty_image_file", "InvalidRequest"),
        ("failed_to_download_image", "InvalidRequest"),
        ("never_seen", "ProviderError"),
    ],
)
def test_a_response_that_failed_is_an_error_of_its_kind(code, kind):
    error = body_error({"status": "failed", "error": {"code": code, "message": "m"}, "output": []})
    assert error is not None
    assert sadness(error, "m") is None
    assert type(failure(error, None, {}, "openai", "openai/m")).__name__ == kind


@pytest.mark.parametrize(
    "code, stop",
    [
        ("invalid_prompt", "content_filter"),
        ("bio_policy", "content_filter"),
        ("image_content_policy_violation", "content_filter"),
        ("context_length_exceeded", "model_length"),
    ],
)
def test_a_response_refused_for_its_content_is_a_sad_result(code, stop):
    error = body_error({"status": "failed", "error": {"code": code, "message": "m"}})
    assert error is not None
    result = sadness(error, "m")
    assert result is not None
    assert (result.stop_reason, result.error) == (stop, "m")


def test_a_good_status_with_an_error_body_is_an_error():
    error = body_error({"error": {"message": "m", "type": "invalid_request_error"}})
    assert error is not None
    assert type(failure(error, None, {}, "openai", "m")).__name__ == "InvalidRequest"
    assert body_error({"status": "completed", "error": None, "output": []}) is None
    with pytest.raises(KeyError):
        output_from({"id": "x"})
