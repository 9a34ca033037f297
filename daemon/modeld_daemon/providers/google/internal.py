"""What this dialect writes into `internal`, so that history goes back byte for byte.

Google's answers are lists of parts, any of which may carry a thought signature or further members
(https://ai.google.dev/gemini-api/docs/thought-signatures). A part goes back where and as it came.
"""

from __future__ import annotations

from modeld.types import ContentBase, JsonObject, JsonValue

__all__ = ["FUNCTION_CALL", "PART", "SOURCE", "from_google", "members_of", "source_of"]

SOURCE = "google"
"""Text, thoughts, media and server tools; `members` or `pieces` hold what the class has no field for."""

FUNCTION_CALL = "google_function_call"
"""A `ContentData` that stands where a function call was among the parts, by the call's id."""

PART = "google_part"
"""A `ContentData` that is a whole part with no class here."""


def from_google(**more: JsonValue) -> JsonObject:
    """The `internal` of content that Google made."""
    return {"source": SOURCE, **more}


def source_of(part: ContentBase) -> str | None:
    """How the part arrived, or None where this dialect did not make it."""
    internal = part.internal
    return internal.get("source") if isinstance(internal, dict) else None


def members_of(part: ContentBase) -> JsonObject:
    """Members of the wire's part beside its content."""
    if source_of(part) != SOURCE:
        return {}
    members = part.internal.get("members")  # type: ignore[union-attr]
    return members if isinstance(members, dict) else {}
