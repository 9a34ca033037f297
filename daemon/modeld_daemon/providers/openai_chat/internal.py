"""What this dialect writes into `internal`, so that history goes back as it arrived."""

from __future__ import annotations

from modeld.types import ContentBase, ContentReasoning, JsonObject

from .think import Thoughts

__all__ = [
    "AUDIO_TRANSCRIPT",
    "CONTENT_PART",
    "MESSAGE_MEMBER",
    "REASONING_FIELDS",
    "TOOL_CALL_MEMBERS",
    "call_id",
    "source_of",
    "thoughts_of",
    "thoughts_to_internal",
]

REASONING_FIELDS = ("reasoning_content", "reasoning")
"""Members of a message in which servers put thoughts; the one that was used goes back."""

CONTENT_PART = "content_part"
"""Thoughts that are a part of a content that is a list."""

MESSAGE_MEMBER = "message_member"
"""A `ContentData` that is a member of the assistant's message with no class here."""

TOOL_CALL_MEMBERS = "tool_call_members"
"""A `ContentData` with unmodelled members of tool calls, by the call's id."""

AUDIO_TRANSCRIPT = "audio_transcript"
"""A text that the message's audio says; the audio's id goes back in its place."""


def call_id(response_id: str | None, index: int) -> str:
    """An id for a tool call that the server gave none."""
    return f"call_{response_id or 'modeld'}_{index}"


def source_of(part: ContentBase) -> str | None:
    """How the part arrived, or None where this dialect did not make it."""
    internal = part.internal
    return internal.get("source") if isinstance(internal, dict) else None


def thoughts_to_internal(thoughts: Thoughts) -> JsonObject:
    """The tags around thoughts, with their white space."""
    return {"source": "think", "open": thoughts.open, "close": thoughts.close}


def thoughts_of(part: ContentReasoning) -> str:
    """Thoughts as tagged text, byte for byte if they arrived so."""
    if source_of(part) == "think":
        return f"{part.internal['open']}{part.reasoning}{part.internal['close']}"  # type: ignore[index]
    return f"{part.text}\n\n"
