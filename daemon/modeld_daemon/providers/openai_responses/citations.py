"""Annotations of a text to citations. Pure.

https://platform.openai.com/docs/guides/tools-web-search#output-and-citations
"""

from __future__ import annotations

from collections.abc import Iterable

from modeld.types import Citation, DocumentCitation, JsonObject, JsonValue, UrlCitation

__all__ = ["citations_from"]

_FILES = ("file_citation", "container_file_citation", "file_path")


def citations_from(annotations: Iterable[JsonValue]) -> list[Citation]:
    """The citations that have a class; the annotations themselves stay with their text."""
    found: list[Citation] = []
    for annotation in annotations:
        if not isinstance(annotation, dict):
            continue
        kind = annotation.get("type")
        start, end = annotation.get("start_index"), annotation.get("end_index")
        passage = (start, end) if start is not None and end is not None else None
        if kind == "url_citation":
            rest = _rest(annotation, ("url", "title"))
            url, title = annotation.get("url") or "", annotation.get("title")
            found.append(UrlCitation(url, title=title, cited_text=passage, internal=rest))
        elif kind in _FILES:
            rest = {**(_rest(annotation, ("filename",)) or {}), "type": kind}
            title = annotation.get("filename")
            found.append(DocumentCitation(title=title, cited_text=passage, internal=rest))
    return found


def _rest(annotation: JsonObject, known: tuple[str, ...]) -> JsonObject | None:
    known = (*known, "type", "start_index", "end_index")
    return {name: value for name, value in annotation.items() if name not in known} or None
