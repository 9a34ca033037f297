"""Where statements of an answer come from: Google's grounding and citations to ours. Pure.

https://ai.google.dev/api/generate-content#GroundingMetadata
https://ai.google.dev/api/generate-content#citationmetadata
"""

from __future__ import annotations

from collections.abc import Sequence

from modeld.types import (
    Citation,
    Content,
    ContentText,
    DocumentCitation,
    JsonObject,
    UrlCitation,
)

__all__ = ["add_citations"]


def add_citations(candidate: JsonObject, parts: Sequence[Content]) -> None:
    """Puts the citations of a candidate on the text parts that they are about."""
    texts = [part for part in parts if isinstance(part, ContentText)]
    if not texts:
        return
    grounding = candidate.get("groundingMetadata") or {}
    chunks = grounding.get("groundingChunks") or []
    for support in grounding.get("groundingSupports") or ():
        text, said = _find(texts, support.get("segment") or {})
        for index in support.get("groundingChunkIndices") or ():
            if 0 <= index < len(chunks):
                _add(text, _grounded(chunks[index], said))
    cited = candidate.get("citationMetadata") or {}
    for source in cited.get("citationSources") or cited.get("citations") or ():
        text, said = _find(texts, source)
        rest = {key: value for key, value in source.items() if key not in _MODELLED}
        citation = UrlCitation(
            source.get("uri") or "",
            title=source.get("title"),
            cited_text=said,
            internal=rest or None,
        )
        _add(text, citation)


_MODELLED = frozenset(("uri", "title", "startIndex", "endIndex"))


def _add(part: ContentText, citation: Citation) -> None:
    if part.citations is None:
        part.citations = []
    part.citations.append(citation)


def _grounded(chunk: JsonObject, said: str | tuple[int, int] | None) -> Citation:
    for kind in ("web", "maps"):
        page = chunk.get(kind)
        if page:
            rest = {key: value for key, value in page.items() if key not in ("uri", "title")}
            return UrlCitation(
                page.get("uri") or "",
                title=page.get("title"),
                cited_text=said,
                internal=rest or None,
            )
    found = chunk.get("retrievedContext") or {}
    return DocumentCitation(title=found.get("title"), cited_text=said, internal=chunk)


def _find(
    texts: Sequence[ContentText], segment: JsonObject
) -> tuple[ContentText, str | tuple[int, int] | None]:
    """The text part that a segment is of, and the segment in characters: the wire counts bytes.

    The wire's part index counts parts that a stream has cut, so the words decide.
    """
    start, end = segment.get("startIndex") or 0, segment.get("endIndex") or 0
    words = segment.get("text")
    for part in texts:
        raw = part.text.encode("utf-8", "surrogatepass")
        piece = raw[start:end].decode("utf-8", "replace")
        if end > start and (piece == words or (words is None and end <= len(raw))):
            before = len(raw[:start].decode("utf-8", "replace"))
            return part, (before, before + len(piece))
    for part in texts:
        at = part.text.find(words) if words else -1
        if at >= 0:
            return part, (at, at + len(str(words)))
    return texts[-1], words
