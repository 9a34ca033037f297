"""What this dialect writes into `internal`, so that history goes back as it arrived."""

from __future__ import annotations

from modeld.types import ContentBase, JsonObject, JsonValue

__all__ = ["SOURCE", "TOOL_CALL", "blocks_of", "from_bedrock", "source_of"]

SOURCE = "bedrock"
"""Reasoning, cited texts, server tools and unknown blocks; `blocks` go back as they are."""

TOOL_CALL = "bedrock_tool_call"
"""A `ContentData` that stands where a tool call stood, if other content came after it."""


def from_bedrock(**more: JsonValue) -> JsonObject:
    """The `internal` of content that came through Converse."""
    return {"source": SOURCE, **more}


def source_of(part: ContentBase) -> str | None:
    """How the part arrived, or None where this dialect did not make it."""
    internal = part.internal
    return internal.get("source") if isinstance(internal, dict) else None


def blocks_of(part: ContentBase) -> list[JsonObject]:
    """The blocks that the part arrived as, if it keeps them."""
    if source_of(part) != SOURCE:
        return []
    blocks = part.internal.get("blocks")  # type: ignore[union-attr]
    return list(blocks) if isinstance(blocks, list) else []
