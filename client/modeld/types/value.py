"""What every public value can do: turn into JSON and back, compare, and show itself."""

from __future__ import annotations

from typing import Self

from ..errors import InvalidRequest
from .jsonable import JsonObject, JsonValue, ShapeError, encode, keeps_none
from .shape import decode, fit, read_tagged


class Value:
    """Base of the public dataclasses.

    Equality and repr are here and not generated per class: that halves the import time.
    """

    __slots__ = ()

    def to_dict(self) -> JsonObject:
        """JSON shape of the value, without what is None."""
        try:
            return encode(self)
        except ShapeError as error:
            raise InvalidRequest(error.describe(type(self).__name__)) from None

    @classmethod
    def from_dict(cls, data: JsonObject) -> Self:
        """The value that `to_dict` wrote; `InvalidRequest` names what is wrong."""
        try:
            return decode(cls, data)
        except ShapeError as error:
            raise InvalidRequest(error.describe(cls.__name__)) from None

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _names(self))

    def __repr__(self) -> str:
        fields = self.__dataclass_fields__  # type: ignore[attr-defined]
        shown = ((name, getattr(self, name)) for name in _names(self))
        inside = ", ".join(
            f"{name}={value!r}"
            for name, value in shown
            if value is not None or keeps_none(fields[name])
        )
        return f"{type(self).__name__}({inside})"


def _names(value: Value) -> list[str]:
    fields = value.__dataclass_fields__  # type: ignore[attr-defined]
    return [name for name in fields if not name.startswith("_")]


def fitted(value: object, *names: str) -> None:
    """Brings fields of a value into their shape; `InvalidRequest` names what could not be read again
    if it were written.
    """
    try:
        fit(value, names)
    except ShapeError as error:
        raise InvalidRequest(error.describe(type(value).__name__)) from None


def union_from_dict(name: str, classes: tuple[type, ...], data: JsonValue) -> object:
    """The member of a union that the JSON object describes; errors call the union `name`."""
    try:
        return read_tagged(classes, data)
    except ShapeError as error:
        raise InvalidRequest(error.describe(name)) from None
