"""From Python to JSON: the writing half of `to_dict` / `from_dict`.

`plain` is strict and is used for values that must survive a round trip; `jsonable` is lenient
and is used for records of what third parties sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field
from typing import Any, TypeAlias

JsonValue: TypeAlias = Any
"""Anything that JSON can say: dict with str keys, list, str, int, float, bool, None."""

JsonObject: TypeAlias = dict[str, Any]
"""A JSON object."""

Writer: TypeAlias = Callable[[Any], JsonValue]

_SCALARS = frozenset((str, int, float, bool, type(None)))
# Name, how to write, and whether None must be written because it is not the default.
_WRITERS: dict[type, tuple[tuple[str, Writer, bool], ...]] = {}

# Dumps read better with these first; JSON itself does not care.
_LEADING = ("id", "role", "type")


class ShapeError(Exception):
    """A value has the wrong shape. `path` grows outwards while the error travels up."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.path: list[str] = []

    def within(self, step: str) -> ShapeError:
        """Note that the trouble is inside `step`, such as ".content" or "[3]"."""
        self.path.insert(0, step)
        return self

    def describe(self, root: str) -> str:
        """One line that names the place: "ChatMessageUser.content[0].text: expected …"."""
        return f"{root}{''.join(self.path)}: {self.problem}"


def plain(value: object) -> JsonValue:
    """A JSON copy of the value, or `ShapeError` where it is not JSON."""
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is dict:
        return _plain_mapping(value)  # type: ignore[arg-type]
    if kind is list or kind is tuple:
        return _plain_items(value)  # type: ignore[arg-type]
    return _plain_other(value)


def _plain_mapping(value: Mapping[object, object]) -> JsonObject:
    copy: JsonObject = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise ShapeError(f"JSON keys are strings, got {key!r} ({type(key).__name__})")
        try:
            copy[key] = plain(item)
        except ShapeError as error:
            raise error.within(f"[{key!r}]") from None
    return copy


def _plain_items(value: list[object] | tuple[object, ...]) -> list[JsonValue]:
    copy: list[JsonValue] = []
    for index, item in enumerate(value):
        try:
            copy.append(plain(item))
        except ShapeError as error:
            raise error.within(f"[{index}]") from None
    return copy


def _plain_other(value: object) -> JsonValue:
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        return encode(value)
    if type(value).__module__ == "datetime":  # by name: the module need not be loaded
        return str(value.isoformat())  # type: ignore[attr-defined]
    if isinstance(value, Mapping):
        return _plain_mapping(value)
    if isinstance(value, (list, tuple)):
        return _plain_items(value)
    for scalar in (str, int, float):  # enumerations and numpy numbers derive from these
        if isinstance(value, scalar):
            return scalar.__str__(value) if scalar is str else scalar(value)
    raise ShapeError(f"{type(value).__name__} is not JSON")


def encode(value: object) -> JsonObject:
    """The fields of a dataclass as a JSON object, without those that are None by default."""
    writers = _WRITERS.get(type(value)) or _compile(type(value))
    out: JsonObject = {}
    for name, write, keep_none in writers:
        item = getattr(value, name)
        if item is None:
            if keep_none:
                out[name] = None
            continue
        try:
            out[name] = item if type(item) in _SCALARS else write(item)
        except ShapeError as error:
            raise error.within(f".{name}") from None
        except RecursionError:
            raise ShapeError("nested too deeply, or contains itself").within(f".{name}") from None
    return out


def keeps_none(field: Field[object]) -> bool:
    """Whether None says something else than the absence of the field."""
    return field.default is not None and field.default is not MISSING


def _compile(cls: type) -> tuple[tuple[str, Writer, bool], ...]:
    fields = cls.__dataclass_fields__  # type: ignore[attr-defined]
    names = [name for name in fields if not name.startswith("_")]
    names.sort(key=lambda name: _LEADING.index(name) if name in _LEADING else len(_LEADING))
    writers = tuple(
        (name, fields[name].metadata.get("write", plain), keeps_none(fields[name]))
        for name in names
    )
    _WRITERS[cls] = writers
    return writers


def jsonable(value: object) -> JsonValue:
    """A JSON copy of anything; what cannot be JSON becomes None."""
    if type(value) in _SCALARS:
        return value
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [jsonable(item) for item in value]
    for dump in ("to_dict", "model_dump"):
        method = getattr(value, dump, None)
        if callable(method) and not isinstance(value, type):
            return jsonable(method())
    fields = getattr(value, "__dataclass_fields__", None)
    if fields is not None and not isinstance(value, type):
        return {name: jsonable(getattr(value, name)) for name in fields}
    try:
        return plain(value)
    except ShapeError:
        return None
