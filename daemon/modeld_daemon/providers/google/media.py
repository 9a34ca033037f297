"""Media between values and the wire's `inlineData` and `fileData`. Pure.

https://ai.google.dev/api/caching#Blob, https://ai.google.dev/gemini-api/docs/file-input-methods
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TypeAlias
from urllib.parse import unquote_to_bytes, urlsplit

from modeld.errors import UnresolvedMediaError
from modeld.types import (
    AudioFormat,
    Content,
    ContentAudio,
    ContentDocument,
    ContentImage,
    ContentVideo,
    JsonObject,
    VideoFormat,
)

from .internal import from_google, members_of

__all__ = ["Media", "media_from_part", "media_to_part", "media_type"]

Media: TypeAlias = ContentImage | ContentAudio | ContentVideo | ContentDocument

_URLS = ("https://", "http://", "gs://", "files/")
_BY_ENDING: Mapping[str, str] = {
    "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp",
    "gif": "image/gif", "heic": "image/heic", "heif": "image/heif", "bmp": "image/bmp",
    "mp3": "audio/mpeg", "wav": "audio/wav", "mp4": "video/mp4", "mov": "video/quicktime",
    "mpeg": "video/mpeg", "mpg": "video/mpeg", "webm": "video/webm",
}  # fmt: skip
_AUDIO: Mapping[str, AudioFormat] = {
    "audio/wav": "wav", "audio/x-wav": "wav", "audio/wave": "wav",
    "audio/mp3": "mp3", "audio/mpeg": "mp3",
}  # fmt: skip
_VIDEO: Mapping[str, VideoFormat] = {
    "video/mp4": "mp4", "video/mpeg": "mpeg", "video/quicktime": "mov", "video/mov": "mov",
}  # fmt: skip
_VIDEO_TYPE: Mapping[VideoFormat, str] = {
    "mp4": "video/mp4", "mpeg": "video/mpeg", "mov": "video/quicktime",
}  # fmt: skip
_UNKNOWN = "application/octet-stream"


def media_to_part(part: Media) -> JsonObject:
    """The wire's part: inline data, or where the API takes it from."""
    where = _where(part)
    if where.startswith("data:"):
        return {"inlineData": _blob(where), **members_of(part)}
    if not where.startswith(_URLS):
        raise UnresolvedMediaError(
            f"The {part.type} {where[:80]!r} must be an inline data: URI; "
            "materialize_media() makes it one."
        )
    place: JsonObject = {"fileUri": where}
    kind = media_type(part)
    if kind:
        place["mimeType"] = kind
    return {"fileData": place, **members_of(part)}


def media_type(part: Media) -> str:
    """The media type; empty where nobody says."""
    where = _where(part)
    if where.startswith("data:"):
        return where[len("data:") :].partition(",")[0].partition(";")[0]
    if isinstance(part, ContentDocument):
        return "" if part.mime_type == _UNKNOWN else part.mime_type
    found = _BY_ENDING.get(urlsplit(where).path.rpartition(".")[2].lower(), "")
    if not found and isinstance(part, ContentVideo):
        return _VIDEO_TYPE[part.format]
    if not found and isinstance(part, ContentAudio):
        return f"audio/{'mpeg' if part.format == 'mp3' else part.format}"
    return found


def media_from_part(part: JsonObject, members: JsonObject) -> Content | None:
    """The value of a part with inline data; None where there is no class for its type."""
    blob = part["inlineData"]
    kind, data = blob.get("mimeType") or "", blob.get("data")
    if not isinstance(data, str) or blob.keys() - {"mimeType", "data"}:
        return None
    uri, internal = f"data:{kind};base64,{data}", from_google(members=members)
    if kind.startswith("image/"):
        return ContentImage(uri, internal=internal)
    if kind in _AUDIO:
        return ContentAudio(uri, format=_AUDIO[kind], internal=internal)
    if kind in _VIDEO:
        return ContentVideo(uri, format=_VIDEO[kind], internal=internal)
    if kind == "application/pdf" or kind.startswith("text/"):
        return ContentDocument(uri, internal=internal)
    return None


def _where(part: Media) -> str:
    match part:
        case ContentImage(image=where) | ContentAudio(audio=where):
            return where
        case ContentVideo(video=where) | ContentDocument(document=where):
            return where


def _blob(uri: str) -> JsonObject:
    head, _, data = uri[len("data:") :].partition(",")
    kind, *options = head.split(";")
    if "base64" not in options:
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return {"mimeType": kind or "text/plain", "data": data}
