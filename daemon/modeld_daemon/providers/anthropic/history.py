"""The model's earlier messages to the blocks that they arrived as. Pure.

Thoughts, their proofs, citations and the server's own tools must go back exactly as they came
(https://platform.claude.com/docs/en/build-with-claude/thinking#preserving-thinking-blocks).
"""

from __future__ import annotations

import re

from modeld.errors import InvalidRequest
from modeld.types import (
    ChatMessageAssistant,
    Citation,
    Content,
    ContentData,
    ContentDocument,
    ContentImage,
    ContentReasoning,
    ContentText,
    ContentToolUse,
    JsonObject,
    ToolCall,
)

from .internal import TOOL_CALL, blocks_of, is_foreign, kind_of
from .media import document, image

__all__ = ["assistant_blocks", "wire_id"]

_BAD_LETTERS = re.compile(r"[^a-zA-Z0-9_-]")


def wire_id(id: str) -> str:
    """The id of a call in the letters that the API takes; other providers use more."""
    return _BAD_LETTERS.sub("_", id)


def assistant_blocks(
    message: ChatMessageAssistant, mark: JsonObject, warnings: list[str]
) -> list[JsonObject]:
    """The blocks of the message: its parts, and its calls where they stood or at the end."""
    calls = {call.id: call for call in message.tool_calls or ()}
    blocks: list[JsonObject] = []
    for part in message.content_list:
        if isinstance(part, ContentData) and kind_of(part) == TOOL_CALL and not is_foreign(part):
            call = calls.pop(part.data.get("id") or "", None)
            if call is not None:
                blocks.append({**part.data, **_tool_use(call)})
        else:
            blocks += _part_blocks(part, mark, warnings)
    blocks += [_tool_use(call) for call in calls.values()]
    return blocks


def _tool_use(call: ToolCall) -> JsonObject:
    return {
        "type": "tool_use",
        "id": wire_id(call.id),
        "name": call.function,
        "input": call.arguments,
    }


def _part_blocks(part: Content, mark: JsonObject, warnings: list[str]) -> list[JsonObject]:
    if isinstance(part, ContentText):
        return _text(part, mark)
    if isinstance(part, ContentReasoning):
        return _reasoning(part, warnings)
    if isinstance(part, (ContentData, ContentToolUse)):
        return _provider_blocks(part, warnings)
    if isinstance(part, ContentImage):
        return [image(part)]
    if isinstance(part, ContentDocument):
        return [document(part)]
    raise InvalidRequest(f"Anthropic takes no {part.type} part in the assistant's message.")


def _text(part: ContentText, mark: JsonObject) -> list[JsonObject]:
    if not part.text.strip():
        return []
    wire: JsonObject = {"type": "text", "text": part.text}
    citations = [wire_citation for c in part.citations or () if (wire_citation := _citation(c))]
    if citations:
        wire["citations"] = citations
    if part.cache_breakpoint:
        wire["cache_control"] = mark
    return [wire]


def _citation(citation: Citation) -> JsonObject | None:
    """The citation as it arrived. One that another provider made says nothing here."""
    internal = citation.internal
    if isinstance(internal, dict) and str(internal.get("type", "")).endswith("_location"):
        return internal
    return None


def _reasoning(part: ContentReasoning, warnings: list[str]) -> list[JsonObject]:
    if not is_foreign(part):
        kept = blocks_of(part)
        if kept:
            return kept
        if part.signature is not None:
            thinking = {"type": "thinking", "thinking": part.reasoning}
            return [{**thinking, "signature": part.signature}]
        if part.redacted and part.reasoning:
            return [{"type": "redacted_thinking", "data": part.reasoning}]
    if part.redacted and not part.summary:
        warnings.append("Another provider's encrypted reasoning says nothing here: left out.")
        return []
    return [{"type": "text", "text": part.text}]


def _provider_blocks(part: ContentData | ContentToolUse, warnings: list[str]) -> list[JsonObject]:
    kept = blocks_of(part)
    if kept:
        return kept
    if not is_foreign(part) and isinstance(part, ContentData):
        return [dict(part.data)] if part.data.get("type") else []
    if isinstance(part, ContentToolUse):
        warnings.append(f"The call of {part.name} by another provider's server: left out.")
    else:
        warnings.append("A block of another provider's: left out.")
    return []
