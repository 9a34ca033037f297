"""Media between values and the wire's blocks. Pure.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import TypeAlias
from urllib.parse import unquote_to_bytes

from modeld.errors import InvalidRequest, UnresolvedMediaError
from modeld.types import (
    ContentAudio,
    ContentDocument,
    ContentImage,
    ContentVideo,
    JsonObject,
)

__all__ = ["Media", "Names", "media_to_block"]

Media: TypeAlias = ContentImage | ContentAudio | ContentVideo | ContentDocument

_IMAGES: Mapping[str, str] = {
    "png": "png", "jpeg": "jpeg", "jpg": "jpeg", "gif": "gif", "webp": "webp",
}  # fmt: skip
_DOCUMENTS: Mapping[str, str] = {
    "application/pdf": "pdf",
    "text/csv": "csv",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.ms-excel": "xls",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "text/html": "html",
    "text/markdown": "md",
}
_TEXTS = ("application/json", "application/xml", "application/x-yaml")
_PLAIN = ("txt", "md", "csv", "html")
_BAD_LETTERS = re.compile(r"[^A-Za-z0-9 ()\[\]-]+")


class Names:
    """Names of a request's documents: letters that the API takes, and each name once."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def name(self, filename: str) -> str:
        """A name like the file's, which the model may see."""
        stem = filename.rpartition(".")[0] or filename
        stem = " ".join(_BAD_LETTERS.sub("-", stem).split())[:190] or "document"
        name, number = stem, 1
        while name in self._given:
            number += 1
            name = f"{stem} {number}"
        self._given.add(name)
        return name


def media_to_block(part: Media, names: Names) -> JsonObject:
    """The wire's block: bytes, or an object of S3."""
    match part:
        case ContentImage(image=where):
            return {"image": _described(where, "image", _image_format(where))}
        case ContentVideo(video=where, format=format):
            return {"video": _described(where, "video", format)}
        case ContentAudio(audio=where, format=format):
            return {"audio": _described(where, "audio", format)}
        case ContentDocument():
            return {"document": _document(part, names)}


def _document(part: ContentDocument, names: Names) -> JsonObject:
    kind = part.mime_type.partition(";")[0]
    format = _DOCUMENTS.get(kind)
    if format is None:
        if not kind.startswith("text/") and kind not in _TEXTS:
            raise InvalidRequest(f"Bedrock reads no {kind} documents.")
        format = "txt"
    wire = _described(part.document, "document", format)
    wire["name"] = names.name(part.filename)
    if part.citations:
        wire["citations"] = {"enabled": True}
        if format in _PLAIN and "bytes" in wire["source"]:  # only a text can be cited by letters
            text = base64.b64decode(wire["source"]["bytes"]).decode("utf-8", "replace")
            wire["source"] = {"text": text}
    return wire


def _described(where: str, kind: str, format: str) -> JsonObject:
    if where.startswith("s3://"):
        return {"format": format, "source": {"s3Location": {"uri": where}}}
    if not where.startswith("data:"):
        raise UnresolvedMediaError(
            f"The {kind} {where[:80]!r} must be an inline data: URI; materialize_media() makes it one."
        )
    head, _, data = where[len("data:") :].partition(",")
    if "base64" not in head.split(";")[1:]:
        data = base64.b64encode(unquote_to_bytes(data)).decode("ascii")
    return {"format": format, "source": {"bytes": data}}


def _image_format(where: str) -> str:
    if where.startswith("data:"):
        word = where[len("data:") :].partition(",")[0].partition(";")[0].rpartition("/")[2]
    else:
        word = where.rpartition(".")[2]
    format = _IMAGES.get(word.lower())
    if format is None:
        raise InvalidRequest(f"Bedrock reads no {word[:40]} images.")
    return format
