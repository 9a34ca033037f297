"""Values as bytes with a checksum: what comes back is what was put in, or nothing."""

from __future__ import annotations

import hashlib
import json

from modeld.errors import InvalidRequest
from modeld.types import JsonValue

__all__ = ["Unpackable", "pack", "unpack"]

_DIGEST = 8


class Unpackable(Exception):
    """The value cannot be kept."""


def pack(name: bytes, value: JsonValue) -> bytes:
    """The bytes of a JSON value, which belong to that name.

    NaN, infinities and long integers are written as Python reads them, and lone surrogates by
    `surrogatepass`: all that a provider may send comes back as it was.

    Raises:
        Unpackable: It is not JSON, contains itself, or holds an integer of thousands of digits.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        body = text.encode("utf-8", "surrogatepass")
    except (ValueError, TypeError, RecursionError, InvalidRequest) as error:
        raise Unpackable(str(error)) from None
    return _checksum(name, body) + body


def unpack(name: bytes, packed: object) -> JsonValue:
    """The value; `Unpackable` when a bit of it, or its name, is not what was packed."""
    if not isinstance(packed, bytes):
        raise Unpackable("it is not bytes")
    body = packed[_DIGEST:]
    if packed[:_DIGEST] != _checksum(name, body):
        raise Unpackable("its checksum is wrong")
    try:
        return json.loads(body.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise Unpackable(str(error)) from None


def _checksum(name: bytes, body: bytes) -> bytes:
    digest = hashlib.blake2b(name, digest_size=_DIGEST)
    digest.update(body)
    return digest.digest()
