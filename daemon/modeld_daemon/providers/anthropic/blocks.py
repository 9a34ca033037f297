"""Blocks of an answer to the parts and calls of a message. Pure.

https://platform.claude.com/docs/en/api/messages (content of a message)
What has no class here is kept as `ContentData`; every block can go back as it came (`history`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modeld.types import (
    Content,
    ContentData,
    ContentReasoning,
    ContentText,
    ContentToolUse,
    JsonObject,
    JsonValue,
    ServerToolType,
    ToolCall,
    ToolInfo,
)

from ..http.jsontext import dumps
from ..tool_arguments import parse_tool_call
from .citations import citation_from
from .internal import TOOL_CALL, made_here

__all__ = ["Parts", "parts_from"]

_TOOL_TYPES: Mapping[str, ServerToolType] = {
    "web_search": "web_search",
    "web_fetch": "web_search",
    "code_execution": "code_execution",
    "bash_code_execution": "code_execution",
    "text_editor_code_execution": "code_execution",
}
_TEXT_MEMBERS = frozenset(("type", "text", "citations"))
_THINKING_MEMBERS = frozenset(("type", "thinking", "signature"))
_CALL_MEMBERS = frozenset(("type", "id", "name", "input"))
_DIRECT = {"type": "direct"}
"""The caller of a tool that the model itself called, which is what a block without one says too."""


class Parts:
    """The parts and calls of a message."""

    def __init__(self) -> None:
        self.content: list[Content] = []
        self.calls: list[ToolCall] = []


def parts_from(blocks: Sequence[JsonObject], tools: Sequence[ToolInfo] = ()) -> Parts:
    """The parts of a message with these blocks."""
    parts = Parts()
    results = {b["tool_use_id"]: b for b in blocks if _is_result(b) and b.get("tool_use_id")}
    last_call = max((i for i, b in enumerate(blocks) if b.get("type") != "tool_use"), default=-1)
    placed: set[int] = set()
    for index, block in enumerate(blocks):
        if index in placed:
            continue
        kind = block.get("type")
        if kind == "text":
            parts.content.append(_text(block))
        elif kind in ("thinking", "redacted_thinking"):
            parts.content.append(_reasoning(block))
        elif kind == "tool_use":
            _add_call(parts, block, tools, at_the_end=index > last_call)
        elif kind == "mcp_tool_use" or (
            kind == "server_tool_use" and block.get("name") in _TOOL_TYPES
        ):
            result = results.get(block.get("id"))
            adjacent = index + 1 < len(blocks) and blocks[index + 1] is result
            if adjacent:
                placed.add(index + 1)
            parts.content.append(_server_tool(block, result, whole=adjacent))
        else:
            parts.content.append(ContentData(block, internal=made_here()))
    return parts


def _is_result(block: JsonObject) -> bool:
    return str(block.get("type", "")).endswith("_tool_result")


def _text(block: JsonObject) -> ContentText:
    citations = [citation_from(citation) for citation in block.get("citations") or ()]
    rest = block.keys() - _TEXT_MEMBERS
    internal = made_here(blocks=[block]) if rest else None
    return ContentText(block.get("text") or "", citations=citations or None, internal=internal)


def _reasoning(block: JsonObject) -> ContentReasoning:
    if block["type"] == "redacted_thinking":
        # the ciphertext stands where the thoughts would
        internal = made_here(blocks=[block])
        return ContentReasoning(block.get("data") or "", redacted=True, internal=internal)
    thoughts, signature = block.get("thinking") or "", block.get("signature")
    plain = signature is not None and not block.keys() - _THINKING_MEMBERS
    return ContentReasoning(
        thoughts,
        signature=signature,
        redacted=not thoughts,
        internal=made_here() if plain else made_here(blocks=[block]),
    )


def _add_call(
    parts: Parts, block: JsonObject, tools: Sequence[ToolInfo], *, at_the_end: bool
) -> None:
    """Adds the call; a mark keeps its place and its unmodelled members, where it has any."""
    id, name, said = block.get("id") or "", block["name"], block.get("input")
    if isinstance(said, dict):
        parts.calls.append(ToolCall(id, name, said))
    else:  # a stream that was cut, or that a model wrote badly
        text = said if isinstance(said, str) else "" if said is None else dumps(said).decode()
        parts.calls.append(parse_tool_call(id, name, text, tools))
    rest = {k: v for k, v in block.items() if k not in _CALL_MEMBERS and v not in (None, _DIRECT)}
    if rest or not at_the_end:
        mark = {"type": "tool_use", "id": id, **rest}
        parts.content.append(ContentData(mark, internal=made_here(TOOL_CALL)))


def _server_tool(block: JsonObject, result: JsonObject | None, *, whole: bool) -> ContentToolUse:
    """A call that the server ran, with its result. A result that stands elsewhere also stays there
    as a block of its own.
    """
    name = block.get("name") or ""
    content = None if result is None else result.get("content")
    return ContentToolUse(
        tool_type=_TOOL_TYPES.get(name, "mcp_call") if _is_own(block) else "mcp_call",
        id=block.get("id") or "",
        name=name,
        context=block.get("server_name"),
        arguments=_as_text(block.get("input")),
        result=_as_text(content),
        error=_error_of(result, content),
        internal=made_here(blocks=[block, result] if whole and result else [block]),
    )


def _is_own(block: JsonObject) -> bool:
    return block.get("type") == "server_tool_use"


def _as_text(value: JsonValue) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else dumps(value).decode()


def _error_of(result: JsonObject | None, content: JsonValue) -> str | None:
    if isinstance(content, dict) and str(content.get("type", "")).endswith("_error"):
        return str(content.get("error_message") or content.get("error_code") or content["type"])
    if result is not None and result.get("is_error"):
        return _as_text(content) or "error"
    return None
