"""What this dialect writes into `internal`, so that items go back as they arrived.

An answer is a list of items. Each becomes one or more parts of the message's content, in their
order, and each part holds what its values have no place for:

    reasoning            ContentReasoning   the item; the encrypted thoughts are its `signature`
    message              ContentText each   the message's members, the part's annotations
    tools of the server  ContentToolUse     the item
    a generated picture  ContentImage       the item without the picture
    a call for the client  ToolCall, and a ContentData in its place with the item's other members
    all others           ContentData        the item
"""

from __future__ import annotations

from modeld.types import ContentBase, JsonObject

__all__ = ["CALL", "ITEM", "MESSAGE", "internal_of"]

ITEM = "responses_item"
"""A part that is an item of its own."""

MESSAGE = "responses_message"
"""A part of a message; neighbours with equal `message` and `number` belong together."""

CALL = "responses_call"
"""A `ContentData` that stands where a call for the client stood."""


def internal_of(part: ContentBase, source: str) -> JsonObject | None:
    """What this dialect wrote, or None where the part is not of this kind."""
    internal = part.internal
    if isinstance(internal, dict) and internal.get("source") == source:
        return internal
    return None
