"""What this dialect writes into `internal`, so that history goes back as it arrived.

`{"source": "anthropic", …}` marks all of it. A part without `internal` is the caller's own; one
with another mark was made by another provider, whose proofs and blocks mean nothing here.
"""

from __future__ import annotations

from collections.abc import Sequence

from modeld.types import ContentBase, JsonObject

__all__ = ["TOOL_CALL", "blocks_of", "is_foreign", "kind_of", "made_here"]

_SOURCE = "anthropic"

TOOL_CALL = "tool_call"
"""A `ContentData` that stands where a tool call stood, with all of its block but the input."""


def made_here(kind: str = "", blocks: Sequence[JsonObject] = ()) -> JsonObject:
    """The mark of a part, with the blocks that it goes back as."""
    mark: JsonObject = {"source": _SOURCE}
    if kind:
        mark["kind"] = kind
    if blocks:
        mark["blocks"] = list(blocks)
    return mark


def is_foreign(part: ContentBase) -> bool:
    """Whether another provider made the part."""
    internal = part.internal
    return internal is not None and not (
        isinstance(internal, dict) and internal.get("source") == _SOURCE
    )


def kind_of(part: ContentBase) -> str:
    """The kind that the part is marked as; empty for none."""
    internal = part.internal
    return (internal.get("kind") or "") if isinstance(internal, dict) else ""


def blocks_of(part: ContentBase) -> list[JsonObject]:
    """The blocks that the part arrived as, if it keeps them."""
    internal = part.internal
    if is_foreign(part) or not isinstance(internal, dict):
        return []
    return list(internal.get("blocks") or ())
