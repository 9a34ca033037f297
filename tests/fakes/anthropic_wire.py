"""Blocks and bodies as Anthropic's API writes them."""

from __future__ import annotations

from typing import Any

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
