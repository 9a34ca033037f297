"""JSON text to values and back.

msgspec, because it is four times as fast as the standard library and, unlike other fast
libraries, keeps integers of any size as they are.
"""

from __future__ import annotations

import json

import msgspec

from modeld.errors import InvalidRequest
from modeld.types import JsonValue

__all__ = ["dumps", "loads"]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def dumps(value: JsonValue) -> bytes:
    """The value as UTF-8 JSON."""
    try:
        return _encode(value)
    except UnicodeEncodeError:  # a lone surrogate, from a client that cut a pair in two
        text = json.dumps(value, ensure_ascii=False)
        return text.encode("utf-8", "replace")
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"The request is not JSON: {error}") from None


def loads(data: bytes | bytearray | memoryview) -> JsonValue:
    """The value of the JSON text; `ValueError` if it is none.

    What strict JSON does not know but servers send (NaN, lone surrogates, bytes that are not
    UTF-8) is read too; what cannot be text becomes U+FFFD.
    """
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    text = bytes(data).decode("utf-8", "replace")
    try:
        return _clean(json.loads(text))
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None


def _clean(value: JsonValue) -> JsonValue:
    """Without lone surrogates, which no UTF-8 text (such as a protobuf string) can hold."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    return value
