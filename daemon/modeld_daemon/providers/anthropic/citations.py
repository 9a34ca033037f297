"""Citations of the wire to ours. Pure.

https://platform.claude.com/docs/en/build-with-claude/citations
Each keeps the wire's object in `internal`, so that it goes back as it came.
"""

from __future__ import annotations

from collections.abc import Mapping

from modeld.types import (
    Citation,
    ContentCitation,
    DocumentCitation,
    DocumentRange,
    DocumentRangeType,
    JsonObject,
    UrlCitation,
)

__all__ = ["citation_from"]

_RANGES: Mapping[str, tuple[DocumentRangeType, str, str, int]] = {
    "char_location": ("char", "start_char_index", "end_char_index", 0),
    "page_location": ("page", "start_page_number", "end_page_number", 1),
    "content_block_location": ("block", "start_block_index", "end_block_index", 0),
}
"""What a range counts, the members of its ends, and from which number the wire counts."""


def citation_from(wire: JsonObject) -> Citation:
    """The citation."""
    kind = wire.get("type") or ""
    text = wire.get("cited_text")
    if kind in _RANGES:
        return DocumentCitation(
            cited_text=text,
            title=wire.get("document_title"),
            range=_range(wire, *_RANGES[kind]),
            internal=wire,
        )
    source = wire.get("url") or wire.get("source") or ""
    if kind == "web_search_result_location" or source.startswith(("https://", "http://")):
        return UrlCitation(source, cited_text=text, title=wire.get("title"), internal=wire)
    return ContentCitation(cited_text=text, title=wire.get("title"), internal=wire)


def _range(
    wire: JsonObject, kind: DocumentRangeType, start: str, end: str, first: int
) -> DocumentRange | None:
    if not isinstance(wire.get(start), int) or not isinstance(wire.get(end), int):
        return None
    return DocumentRange(kind, wire[start] - first, wire[end] - first)
