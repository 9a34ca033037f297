"""Amazon's framing of streams, `application/vnd.amazon.eventstream`. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html has the frame: length
of all, length of the headers, CRC of these two; headers; payload; CRC of all before it. A header is
a name, the type of its value and the value.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

__all__ = ["Frame", "FrameParser"]

_PRELUDE = struct.Struct(">III")
_LEAST = _PRELUDE.size + 4
_MOST = 24 * 1024 * 1024
"""Bytes of a frame: Amazon's own decoders take 16 MB of payload."""
_TEXT = 7
_LENGTH_BEFORE = (6, _TEXT)
_SIZES: Mapping[int, int] = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Bytes of values by their type, where they are always the same."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message of the stream."""

    headers: Mapping[str, str]
    payload: bytes

    @property
    def kind(self) -> str:
        """`event`, `exception` or `error`."""
        return self.headers.get(":message-type", "")

    @property
    def name(self) -> str:
        """Name of the event, exception or error."""
        names = (":event-type", ":exception-type", ":error-code")
        return next((self.headers[name] for name in names if name in self.headers), "")


class FrameParser:
    """Cuts the bytes of a stream into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def empty(self) -> bool:
        """Whether no part of a frame waits for its end."""
        return not self._buffer

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete now. `ValueError` where a checksum is wrong."""
        self._buffer += data
        while len(self._buffer) >= _PRELUDE.size:
            total, head, crc = _PRELUDE.unpack_from(self._buffer)
            if zlib.crc32(self._buffer[:8]) != crc:
                raise ValueError("the checksum of a frame's beginning is wrong")
            if not _LEAST + head <= total <= _MOST:
                raise ValueError(f"a frame of {total} bytes with {head} of headers")
            if len(self._buffer) < total:
                return
            frame = bytes(self._buffer[:total])
            del self._buffer[:total]
            if zlib.crc32(frame[:-4]) != int.from_bytes(frame[-4:], "big"):
                raise ValueError("the checksum of a frame is wrong")
            body = _PRELUDE.size + head
            yield Frame(_headers(frame[_PRELUDE.size : body]), frame[body:-4])


def _headers(data: bytes) -> dict[str, str]:
    """The headers whose values are texts; the others are passed over."""
    headers: dict[str, str] = {}
    at = 0
    try:
        while at < len(data):
            end = at + 1 + data[at]
            name, kind = data[at + 1 : end].decode(), data[end]
            at = end + 1
            if kind in _LENGTH_BEFORE:
                size = int.from_bytes(data[at : at + 2], "big")
                at += 2
            else:
                size = _SIZES[kind]
            if kind == _TEXT:
                headers[name] = data[at : at + size].decode()
            at += size
    except (IndexError, KeyError) as error:
        raise ValueError(f"the headers of a frame cannot be read: {error!r}") from None
    return headers
