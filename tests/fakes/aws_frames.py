"""Frames of `application/vnd.amazon.eventstream`, as a server writes them."""

from __future__ import annotations

import struct
import zlib

__all__ = ["frame"]


def frame(payload: bytes, more: bytes = b"", **headers: str) -> bytes:
    """One frame; `more` is further headers as bytes."""
    head = more
    for name, value in headers.items():
        head += struct.pack(">B", len(name)) + name.encode()
        head += struct.pack(">BH", 7, len(value)) + value.encode()
    prelude = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    body = prelude + struct.pack(">I", zlib.crc32(prelude)) + head + payload
    return body + struct.pack(">I", zlib.crc32(body))
