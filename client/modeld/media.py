"""Local files and web pages in messages, made inline.

The daemon takes media as data: URIs only: it may run elsewhere, and must not read a caller's files or
fetch on a caller's behalf. So the caller's own process reads and fetches, with the caller's rights.
"""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Iterator, Sequence
from copy import copy
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import types  # its names load when they are first used, so that importing costs little
from .errors import InvalidRequest, UnresolvedMediaError

if TYPE_CHECKING:
    from .types import ChatMessage, Content

__all__ = ["materialize_media", "materialize_media_sync"]

_MAX_BYTES = 20 * 2**20
_TIMEOUT = 60.0
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+):")  # one letter is a drive of Windows
_UNKNOWN = ("", "application/octet-stream", "binary/octet-stream")
_KINDS = ("image", "audio", "video", "document")

# What files begin with: (offset, bytes, media type).
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypmif1", "image/heif"),
    (8, b"WAVE", "audio/wav"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\xff\xf3", "audio/mpeg"),
    (0, b"\xff\xf2", "audio/mpeg"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x00\x00\x01\xba", "video/mpeg"),
    (0, b"\x00\x00\x01\xb3", "video/mpeg"),
)
_BY_NAME = {
    "avif": "image/avif",
    "bmp": "image/bmp",
    "gif": "image/gif",
    "heic": "image/heic",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "mov": "video/quicktime",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "mpeg": "video/mpeg",
    "mpg": "video/mpeg",
    "png": "image/png",
    "svg": "image/svg+xml",
    "tiff": "image/tiff",
    "wav": "audio/wav",
    "webp": "image/webp",
}


async def materialize_media(
    messages: Sequence[ChatMessage],
    *,
    max_bytes: int = _MAX_BYTES,
    timeout: float = _TIMEOUT,  # noqa: ASYNC109  # of each download, in a thread
) -> list[ChatMessage]:
    """The messages with all images, sounds, films and documents as inline data: URIs.

    Paths and http(s) URLs are read and fetched in a thread, in asyncio or trio, with the rights of
    this process: give it messages that you trust. Messages that change are copied.

    Args:
        messages: A conversation.
        max_bytes: Most bytes of one file.
        timeout: Seconds for one download.

    Raises:
        UnresolvedMediaError: A file cannot be had or is not what the part says; the message names
            the part.
    """
    if not any(_unresolved(messages)):
        return list(messages)
    work = partial(materialize_media_sync, messages, max_bytes=max_bytes, timeout=timeout)
    trio: Any = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        made: list[ChatMessage] = await trio.to_thread.run_sync(work, abandon_on_cancel=True)
        return made
    asyncio: Any = sys.modules["asyncio"]  # a task that runs has imported its library
    return await asyncio.get_running_loop().run_in_executor(None, work)  # type: ignore[no-any-return]


def materialize_media_sync(
    messages: Sequence[ChatMessage], *, max_bytes: int = _MAX_BYTES, timeout: float = _TIMEOUT
) -> list[ChatMessage]:
    """As `materialize_media`, in plain code and threads."""
    if max_bytes < 1 or not timeout > 0:
        raise InvalidRequest("max_bytes and timeout must be more than 0")
    made = list(messages)
    fetched: dict[str, tuple[bytes, str]] = {}
    for at, index, part in _unresolved(messages):
        if made[at] is messages[at]:
            made[at] = copy(messages[at])
            made[at].content = list(messages[at].content_list)
        where = _address(part)
        name = f"messages[{at}].content[{index}] ({part.type} {_shown(where)!r})"
        if where not in fetched:
            fetched[where] = _bytes(where, name, max_bytes, timeout)
        data, said = fetched[where]
        made[at].content[index] = _inline(part, data, said, name)  # type: ignore[index]
    return made


def _unresolved(messages: Sequence[ChatMessage]) -> Iterator[tuple[int, int, Any]]:
    """Message, part and the part itself, of those that are not inline."""
    for at, message in enumerate(messages):
        if isinstance(message.content, str):
            continue
        for index, part in enumerate(message.content):
            if part.type in _KINDS and not _address(part).startswith("data:"):
                yield at, index, part


def _address(part: Any) -> str:
    where: str = getattr(part, part.type)  # the member is called as the kind is
    return where


def _shown(where: str) -> str:
    """The address without what may be secret in it: a query, a user and a password."""
    if _SCHEME.match(where):
        where = re.sub(r"//[^/@]*@", "//", re.split(r"[?#]", where)[0])
    return where if len(where) <= 100 else f"{where[:99]}…"


def _bytes(where: str, name: str, max_bytes: int, timeout: float) -> tuple[bytes, str]:
    rooms: Any = import_module(".fetch", __package__)  # it loads all of HTTP
    scheme = match[1].lower() if (match := _SCHEME.match(where)) else ""
    try:
        if scheme in ("http", "https"):
            data, said = rooms.fetch(where, max_bytes, timeout)
        elif scheme and where[len(scheme) :].startswith("://"):
            raise UnresolvedMediaError(f"{name}: only paths, http and https are read")
        else:
            data, said = rooms.read_file(where, max_bytes), ""
    except rooms.FetchError as error:
        raise UnresolvedMediaError(f"{name}: {error}") from None
    if not data:
        raise UnresolvedMediaError(f"{name}: it is empty")
    return data, said


def _inline(part: Any, data: bytes, said: str, name: str) -> Content:
    kind = _media_type(part, data, said, name)
    uri = f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
    made = copy(part)
    setattr(made, part.type, uri)
    if isinstance(made, types.ContentDocument):
        made.mime_type = kind
    return made  # type: ignore[no-any-return]


def _media_type(part: Any, data: bytes, said: str, name: str) -> str:
    """What the bytes are; else what the server says, else what the name says."""
    found = _sniffed(data)
    guess = found or ("" if said in _UNKNOWN else said) or _named(_address(part))
    if part.type == "document":
        declared = "" if part.mime_type in _UNKNOWN else part.mime_type
        no_pdf = declared == "application/pdf" and found != declared
        page = said == "text/html" and not found and declared not in ("", said)
        if no_pdf or page:  # such as a page that asks to log in
            raise UnresolvedMediaError(f"{name}: it is no {declared} but {guess or 'unknown'}")
        return declared or guess or "application/octet-stream"
    if not guess and part.type in ("audio", "video"):
        guess = _BY_NAME[part.format]
    if not guess.startswith(f"{part.type}/"):
        raise UnresolvedMediaError(f"{name}: it is no {part.type} but {guess or 'unknown'}")
    return guess


def _sniffed(data: bytes) -> str:
    if b"%PDF-" in data[:1024]:  # readers look for it there
        return "application/pdf"
    return next((kind for at, mark, kind in _MAGIC if data.startswith(mark, at)), "")


def _named(where: str) -> str:
    path = re.split(r"[?#]", where)[0] if _SCHEME.match(where) else where
    return _BY_NAME.get(path.rpartition(".")[2].lower(), "")
