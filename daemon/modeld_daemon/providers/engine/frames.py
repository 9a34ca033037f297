"""Frames between the daemon and an engine: four bytes of length, then JSON in UTF-8.

Never pickle: what an engine's process says is data, also when it has lost its mind.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator

from .words import JsonObject

LONGEST = 256 * 1024 * 1024
"""Most bytes of one frame; a longer one means that the two ends are out of step."""

_LENGTH = struct.Struct(">I")


class BadFrame(ValueError):
    """What came is no frame."""


def encode(message: JsonObject) -> bytes:
    """One message as a frame. `BadFrame` when it is too long."""
    body = json.dumps(message, ensure_ascii=False, separators=(",", ":"))
    # Lone surrogates are legal in Python's text and in JSON escapes but not in UTF-8.
    data = body.encode("utf-8", "replace")
    if len(data) > LONGEST:
        raise BadFrame(f"a frame of {len(data)} bytes")
    return _LENGTH.pack(len(data)) + data


class FrameReader:
    """Cuts a stream of bytes into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[JsonObject]:
        """The messages that `data` completes. `BadFrame` when the stream makes no sense."""
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > LONGEST:
                raise BadFrame(f"a frame of {length} bytes")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            yield _decode(body)


def _decode(body: bytes) -> JsonObject:
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadFrame(f"a frame that is no JSON: {error}") from None
    if not isinstance(message, dict):
        raise BadFrame("a frame that is no JSON object")
    return message
