"""What this dialect writes into `internal`, so that history goes back as it arrived."""

from __future__ import annotations

from modeld.types import ContentReasoning, JsonObject, JsonValue

__all__ = [
    "CHUNK",
    "CHUNKS",
    "MESSAGE",
    "MESSAGE_MEMBER",
    "THINKING",
    "TOOL_CALL_MEMBERS",
    "reasoning_from",
    "thinking_chunk",
]

THINKING = "mistral.thinking"
"""Thoughts that were a thinking chunk."""

CHUNKS = "mistral.chunks"
"""A text that was several chunks, such as texts with references between them."""

CHUNK = "mistral.chunk"
"""A `ContentData` that is a chunk with no class here."""

MESSAGE = "mistral.message"
"""A `ContentData` that is a whole message of a server-side tool loop."""

MESSAGE_MEMBER = "mistral.message_member"
"""A `ContentData` that is a member of the assistant's message with no class here."""

TOOL_CALL_MEMBERS = "mistral.tool_call_members"
"""A `ContentData` with unmodelled members of tool calls, by the call's id."""


def reasoning_from(chunk: JsonObject) -> ContentReasoning:
    """The thoughts of a thinking chunk. Its signature and whatever else it has is kept."""
    thinking = chunk.get("thinking")
    internal: JsonObject = {"source": THINKING}
    text = thinking if isinstance(thinking, str) else _text_of(thinking or [])
    if thinking != [{"type": "text", "text": text}]:
        internal["thinking"] = thinking
    members = {k: v for k, v in chunk.items() if k not in ("type", "thinking") and v is not None}
    if members:
        internal["members"] = members
    signature = chunk.get("signature")
    redacted = bool(signature) and not text
    return ContentReasoning(text, signature=signature, redacted=redacted, internal=internal)


def _text_of(pieces: list[JsonObject]) -> str:
    return "".join(piece.get("text") or "" for piece in pieces if piece.get("type") == "text")


def thinking_chunk(part: ContentReasoning) -> JsonObject:
    """The chunk that the thoughts were, or that thoughts of another provider become."""
    internal: JsonValue = part.internal
    if isinstance(internal, dict) and internal.get("source") == THINKING:
        plain = [{"type": "text", "text": part.reasoning}]
        thinking = internal.get("thinking", plain)
        return {"type": "thinking", "thinking": thinking, **(internal.get("members") or {})}
    text = (part.summary or "") if part.redacted else part.reasoning
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}
