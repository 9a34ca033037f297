"""Images and documents to the wire's blocks. Pure.

https://platform.claude.com/docs/en/build-with-claude/vision
https://platform.claude.com/docs/en/build-with-claude/pdf-support
"""

from __future__ import annotations

import base64
from urllib.parse import unquote_to_bytes

from modeld.errors import InvalidRequest, UnresolvedMediaError
from modeld.types import ContentDocument, ContentImage, JsonObject

__all__ = ["document", "image"]

_SPELLINGS = {"image/jpg": "image/jpeg"}
_PDF = "application/pdf"
_TEXTS = ("application/json", "application/xml", "application/x-yaml")


def image(part: ContentImage) -> JsonObject:
    """A picture: inline, at a URL, or uploaded before (the id of a file)."""
    return {"type": "image", "source": _elsewhere(part.image) or _inline(part.image, "image")}


def document(part: ContentDocument) -> JsonObject:
    """A PDF file or a text."""
    source = _elsewhere(part.document)
    if source is None:
        source = _inline(part.document, "document")
        kind = part.mime_type.partition(";")[0] or source["media_type"]
        if kind.startswith("text/") or kind in _TEXTS:
            text = base64.b64decode(source["data"]).decode("utf-8", "replace")
            source = {"type": "text", "media_type": "text/plain", "data": text}
        elif kind != _PDF:
            raise InvalidRequest(f"Anthropic reads PDF files and texts, not {kind} documents.")
        else:
            source["media_type"] = _PDF
    wire: JsonObject = {"type": "document", "source": source}
    if part.filename and part.filename != _derived_name(part):
        wire["title"] = part.filename
    if part.citations:
        wire["citations"] = {"enabled": True}
    return wire


def _derived_name(part: ContentDocument) -> str:
    """The name that a document gets whose caller gave none."""
    return ContentDocument(part.document, mime_type=part.mime_type).filename


def _elsewhere(where: str) -> JsonObject | None:
    if where.startswith(("https://", "http://")):
        return {"type": "url", "url": where}
    if where.startswith("file_"):
        return {"type": "file", "file_id": where}
    return None


def _inline(uri: str, kind: str) -> JsonObject:
    if not uri.startswith("data:"):
        raise UnresolvedMediaError(
            f"The {kind} {uri[:80]!r} must be an inline data: URI; materialize_media() makes it one."
        )
    head, _, data = uri.removeprefix("data:").partition(",")
    media_type, *parameters = head.split(";")
    if "base64" not in parameters:
        data = base64.b64encode(unquote_to_bytes(data)).decode("ascii")
    media_type = media_type.lower()
    return {"type": "base64", "media_type": _SPELLINGS.get(media_type, media_type), "data": data}
