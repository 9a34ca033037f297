"""From JSON to Python: the reading half of `to_dict` / `from_dict`.

The annotations of a dataclass are its schema. They are turned into reader functions once per
class, at the first use; a reader takes a JSON value and returns the Python value or raises
`ShapeError`. Unknown keys are ignored, so that a newer writer does not break an older reader.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING
from types import NoneType, UnionType
from typing import Any, Literal, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

from .identity import new_id
from .jsonable import JsonObject, JsonValue, ShapeError, plain

T = TypeVar("T")
Reader: TypeAlias = Callable[[JsonValue], object]
Spec: TypeAlias = dict[str, Reader]

_SPECS: dict[type, Spec] = {}
_UNIONS: dict[tuple[type, ...], Reader] = {}
_DISCRIMINATORS = ("type", "role", "event")
_JSON_TYPES: dict[object, tuple[type, ...]] = {
    str: (str,),
    bool: (bool,),
    int: (int,),
    float: (float, int),
    NoneType: (NoneType,),
}


def decode(cls: type[T], data: JsonValue) -> T:
    """The value of class `cls` that the JSON object describes."""
    if not isinstance(data, dict):
        raise ShapeError(f"expected object, got {_name(data)}")
    spec = _SPECS.get(cls) or _compile(cls)
    given: dict[str, object] = {}
    for key, item in data.items():
        reader = spec.get(key)
        if reader is None:
            continue
        try:
            given[key] = reader(item)
        except ShapeError as error:
            raise error.within(f".{key}") from None
    if data.keys() - spec.keys():
        _reject_unknown(cls, data.keys() - spec.keys())
    return cls(**_complete(cls, given))


def fit(value: object, names: tuple[str, ...]) -> None:
    """Reads fields of a value that code has made as if they came from JSON: mappings become values,
    tuples lists, and what could not be read again is a `ShapeError`.
    """
    cls = type(value)
    spec = _SPECS.get(cls) or _compile(cls)
    for name in names:
        try:
            setattr(value, name, spec[name](getattr(value, name)))
        except ShapeError as error:
            raise error.within(f".{name}") from None


def _complete(cls: type, given: dict[str, object]) -> dict[str, object]:
    """Check that nothing required is absent. Ids are only made for values built by code."""
    for name, field in cls.__dataclass_fields__.items():  # type: ignore[attr-defined]
        if name in given:
            continue
        if field.default_factory is new_id:
            given[name] = None
        elif field.init and field.default is MISSING and field.default_factory is MISSING:
            raise ShapeError("is required").within(f".{name}")
    return given


def _reject_unknown(cls: type, names: set[str]) -> None:
    reject = getattr(cls, "reject_unknown", None)
    if reject is not None:
        reject(names)


def _compile(cls: type) -> Spec:
    hints = get_type_hints(cls)
    spec: Spec = {}
    for name, field in cls.__dataclass_fields__.items():  # type: ignore[attr-defined]
        if not name.startswith("_"):
            spec[name] = field.metadata.get("read") or reader(hints[name])
    _SPECS[cls] = spec
    return spec


def reader(hint: object) -> Reader:
    """The function that reads JSON as the annotated type."""
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any:
        return plain
    if origin is Union or origin is UnionType:
        return _read_union(args)
    if origin is Literal:
        return _read_literal(args)
    if origin is list:
        return _read_list(reader(args[0]))
    if origin is dict:
        return _read_dict(reader(args[1]))
    if origin is tuple:
        return _read_pair(reader(args[0]))
    if hasattr(hint, "__dataclass_fields__"):
        return _read_value(hint)  # type: ignore[arg-type]
    if _is_datetime(hint):
        return _read_datetime(hint)
    if hint in _JSON_TYPES:
        return _read_scalar(hint)  # type: ignore[arg-type]
    raise TypeError(f"no JSON shape for {hint!r}")


def _name(data: JsonValue) -> str:
    return "null" if data is None else type(data).__name__


def _read_scalar(kind: type) -> Reader:
    def read(data: JsonValue) -> object:
        if type(data) is kind:
            return data
        if kind is float and type(data) is int:
            return float(data)
        if kind is not bool and isinstance(data, kind) and not isinstance(data, bool):
            return data
        raise ShapeError(f"expected {kind.__name__}, got {_name(data)}")

    return read


def _read_literal(allowed: tuple[object, ...]) -> Reader:
    def read(data: JsonValue) -> object:
        if isinstance(data, str) and data in allowed:
            return data
        choices = ", ".join(repr(choice) for choice in allowed)
        raise ShapeError(f"expected one of {choices}, got {data!r:.80}")

    return read


def _read_list(item: Reader) -> Reader:
    def read(data: JsonValue) -> object:
        if not isinstance(data, (list, tuple)):
            raise ShapeError(f"expected list, got {_name(data)}")
        out = []
        for index, entry in enumerate(data):
            try:
                out.append(item(entry))
            except ShapeError as error:
                raise error.within(f"[{index}]") from None
        return out

    return read


def _read_pair(item: Reader) -> Reader:
    def read(data: JsonValue) -> object:
        if not isinstance(data, (list, tuple)) or len(data) != 2:
            raise ShapeError(f"expected a pair, got {_name(data)}")
        return tuple(item(entry) for entry in data)

    return read


def _read_dict(item: Reader) -> Reader:
    def read(data: JsonValue) -> object:
        if not isinstance(data, dict):
            raise ShapeError(f"expected object, got {_name(data)}")
        out = {}
        for key, entry in data.items():
            if not isinstance(key, str):
                raise ShapeError(f"JSON keys are strings, got {key!r} ({type(key).__name__})")
            try:
                out[key] = item(entry)
            except ShapeError as error:
                raise error.within(f"[{key!r}]") from None
        return out

    return read


def _is_datetime(hint: object) -> bool:
    """By name: the module need not be loaded."""
    return getattr(hint, "__module__", None) == "datetime"


def _read_datetime(kind: Any) -> Reader:
    def read(data: JsonValue) -> object:
        try:
            return kind.fromisoformat(data)
        except (TypeError, ValueError):
            raise ShapeError(f"expected an ISO 8601 time, got {data!r:.80}") from None

    return read


def _read_value(cls: type) -> Reader:
    def read(data: JsonValue) -> object:
        return data if isinstance(data, cls) else decode(cls, data)

    return read


def _read_union(members: tuple[object, ...]) -> Reader:
    """One reader per JSON type; members that are values are told apart by their tag."""
    values = tuple(m for m in members if hasattr(m, "__dataclass_fields__"))
    by_type: dict[type, Reader] = {}
    for member in members:
        if member not in values:
            for json_type in _json_types(member):
                by_type.setdefault(json_type, reader(member))
    if values:
        by_type[dict] = tagged(values) if len(values) > 1 else _read_value(values[0])  # type: ignore[arg-type]
    expected = " or ".join(dict.fromkeys(_word(member) for member in members if member != NoneType))

    def read(data: JsonValue) -> object:
        member = by_type.get(type(data))
        if member is None:
            if isinstance(data, values):  # type: ignore[arg-type]
                return data
            if isinstance(data, str) and str in by_type:  # of a class of its own, as enums are
                return by_type[str](data)
            raise ShapeError(f"expected {expected}, got {_name(data)}")
        return member(data)

    return read


def _word(member: object) -> str:
    """How error messages call the JSON of an annotated type."""
    origin = get_origin(member) or member
    if origin is dict or hasattr(origin, "__dataclass_fields__"):
        return "object"
    if origin is Literal:
        return " or ".join(repr(word) for word in get_args(member))
    return "list" if origin is tuple else getattr(origin, "__name__", "JSON")


def _json_types(member: object) -> tuple[type, ...]:
    origin = get_origin(member)
    if origin is Literal:
        return (str,)
    if origin is dict:
        return (dict,)
    if origin in (list, tuple):
        return (list, tuple)
    if _is_datetime(member):
        return (str,)
    if member is Any:
        return (str, bool, int, float, list, dict, NoneType)
    return _JSON_TYPES[member]


def tagged(classes: tuple[type, ...]) -> Reader:
    """A reader for a union of values that differ in their `type`, `role` or `event`."""
    key = next(tag for tag in _DISCRIMINATORS if all(_tag(cls, tag) for cls in classes))
    by_tag = {_tag(cls, key): cls for cls in classes}

    def read(data: JsonValue) -> object:
        if not isinstance(data, dict):
            if isinstance(data, classes):
                return data
            raise ShapeError(f"expected object, got {_name(data)}")
        tag = data.get(key)
        cls = by_tag.get(tag) if isinstance(tag, str) else None
        if cls is None:
            choices = ", ".join(repr(choice) for choice in by_tag)
            raise ShapeError(f"expected one of {choices}, got {tag!r:.80}").within(f".{key}")
        return decode(cls, data)

    return read


def _tag(cls: type, key: str) -> str | None:
    field = cls.__dataclass_fields__.get(key)  # type: ignore[attr-defined]
    return field.default if field is not None and isinstance(field.default, str) else None


def read_tagged(classes: tuple[type, ...], data: JsonObject) -> object:
    """The member of the union that the JSON object describes."""
    read = _UNIONS.get(classes)
    if read is None:
        read = _UNIONS[classes] = tagged(classes)
    return read(data)
