"""When a value does not fit into its message: find out which part, and say so.

Conversions are written for speed and check nothing beforehand. protobuf and json refuse what
does not fit, without a name; only then is the value searched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NoReturn, TypeVar

from ..errors import InvalidRequest
from ..types.jsonable import JsonValue, ShapeError, plain
from ..types.shape import decode
from ..types.value import Value

M = TypeVar("M")
V = TypeVar("V")

MISFITS = (TypeError, ValueError, AttributeError, KeyError, RecursionError)


def build(message: M, fill: Callable[[M, V], None], value: V, name: str) -> M:
    """Fill the message from the value; `InvalidRequest` names the part that does not fit."""
    try:
        fill(message, value)
    except MISFITS as error:
        raise named(error, value, name) from None
    return message


def unknown(field: str, number: object) -> NoReturn:
    """Raise for a number of an enumeration, or a kind, that is not known here."""
    raise InvalidRequest(f"{field}: unknown or missing value ({number!r})")


def named(error: Exception, value: object, name: str) -> InvalidRequest:
    """The error that says which part of the value, called `name`, caused the exception."""
    if isinstance(error, InvalidRequest):
        return error
    try:
        data = plain(value)
        if isinstance(value, Value):
            decode(type(value), data)
    except ShapeError as problem:
        return InvalidRequest(problem.describe(name))
    except InvalidRequest as problem:
        return problem
    except RecursionError:
        return InvalidRequest(f"{name}: nested too deeply, or contains itself")
    for path, leaf in _leaves(data, name):
        fault = _fault(leaf, error)
        if fault:
            return InvalidRequest(f"{path}: {fault}")
    if isinstance(error, KeyError):
        return InvalidRequest(f"{name}: unknown value {error}")
    if isinstance(error, AttributeError) and not isinstance(value, Value):
        return InvalidRequest(
            f"{name}: expected a value of modeld.types, got {type(value).__name__}"
        )
    return InvalidRequest(f"{name}: {error}")


def _leaves(data: JsonValue, path: str) -> Iterator[tuple[str, JsonValue]]:
    if isinstance(data, dict):
        for key, item in data.items():
            yield f"{path}.{key!a}", key
            yield from _leaves(item, f"{path}.{key}")
    elif isinstance(data, list):
        for index, item in enumerate(data):
            yield from _leaves(item, f"{path}[{index}]")
    else:
        yield path, data


def _fault(leaf: JsonValue, error: Exception) -> str | None:
    if isinstance(error, UnicodeEncodeError):
        if isinstance(leaf, str) and any("\ud800" <= char <= "\udfff" for char in leaf):
            return "contains a lone surrogate, which is not text"
    elif "out of range" in str(error).lower():
        if isinstance(leaf, float) and leaf - leaf != 0:  # NaN or infinite
            return f"{leaf} is not JSON"
        if isinstance(leaf, int) and str(error).endswith(f": {leaf}"):
            return f"{leaf} is out of range"
    return None
