"""Free-form JSON travels as text: compact, in full Unicode, integers of any size, no NaN."""

from __future__ import annotations

import json
from typing import NoReturn

from ..errors import InvalidRequest
from ..types import JsonObject, JsonValue


def _reject_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


_decode = json.JSONDecoder(parse_constant=_reject_constant).decode

dump = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
"""The value as JSON text. Raises TypeError or ValueError where it is not JSON."""


def dump_object(value: JsonObject) -> str:
    """The object as JSON text."""
    if not isinstance(value, dict):
        raise TypeError(f"expected a JSON object, got {type(value).__name__}")
    return dump(value)


def load(text: str, name: str) -> JsonValue:
    """The value of a JSON text; `name` is the field that held it."""
    try:
        value = _decode(text)
        if "\\u" in text:  # an escape may smuggle in half a surrogate pair, which is no text
            dump(value).encode()
    except (ValueError, RecursionError) as error:
        problem = "nested too deeply" if isinstance(error, RecursionError) else error
        raise InvalidRequest(f"{name} is not JSON: {problem}") from None
    return value


def load_object(text: str, name: str) -> JsonObject:
    """The object of a JSON text; empty text means no members."""
    if not text:
        return {}
    value = load(text, name)
    if not isinstance(value, dict):
        raise InvalidRequest(f"{name} is not a JSON object")
    return value
