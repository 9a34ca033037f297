"""A model's arguments against the schema of a tool, and as the Python values its function takes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import date, datetime, time
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from ..types import JsonObject, JSONSchema, JsonValue, ToolParams
from .tool_def import ToolParsingError

_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def python_arguments(
    given: JsonObject, parameters: ToolParams, function: Callable[..., object]
) -> dict[str, Any]:
    """The arguments to call the function with; `ToolParsingError` tells the model what is wrong."""
    schema = JSONSchema(
        type="object",
        properties=parameters.properties,
        required=parameters.required,
        additionalProperties=parameters.additionalProperties,
    )
    problems = list(_problems(given, schema, ""))
    if problems:
        heading = f"Found {len(problems)} validation errors parsing tool input arguments:"
        raise ToolParsingError("\n".join([heading, *(f"- {text}" for text in problems)]))
    target = function if inspect.isroutine(function) else type(function).__call__
    hints = get_type_hints(target)
    return {name: _python_value(hints.get(name, Any), value) for name, value in given.items()}


def _problems(value: JsonValue, schema: JSONSchema, place: str) -> list[str]:
    if schema.anyOf:
        tried = [_problems(value, member, place) for member in schema.anyOf]
        return [] if not all(tried) else [f"{value!r:.200} is not valid{_at(place)}"]
    if schema.enum is not None and value not in schema.enum:
        return [f"{value!r:.200} is not one of {schema.enum!r}{_at(place)}"]
    kinds = schema.type if isinstance(schema.type, list) else [schema.type] if schema.type else []
    if kinds and not any(_is_kind(value, kind) for kind in kinds):
        return [f"{value!r:.200} is not of type {', '.join(map(repr, kinds))}{_at(place)}"]
    if isinstance(value, list) and schema.items is not None:
        items = enumerate(value)
        return [p for i, item in items for p in _problems(item, schema.items, f"{place}[{i}]")]
    return _object_problems(value, schema, place) if isinstance(value, dict) else []


def _object_problems(value: JsonObject, schema: JSONSchema, place: str) -> list[str]:
    known = schema.properties or {}
    missing = [name for name in schema.required or [] if name not in value]
    problems = [f"{name!r} is a required property{_at(place)}" for name in missing]
    for name, item in value.items():
        inner = known.get(name, schema.additionalProperties)
        if inner is False:
            problems.append(f"{name!r} is not an argument{_at(place)}")
        elif isinstance(inner, JSONSchema):
            problems += _problems(item, inner, f"{place}.{name}" if place else name)
    return problems


def _at(place: str) -> str:
    return f" (at {place})" if place else ""


def _is_kind(value: JsonValue, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _KINDS[kind])


def _python_value(hint: Any, value: JsonValue) -> Any:
    origin, members = get_origin(hint), get_args(hint)
    if value is None or hint is Any or origin is Literal:
        return value
    if origin is Union or origin is UnionType:
        rest = [member for member in members if member is not type(None)]
        return _python_value(rest[0], value) if len(rest) == 1 else value
    if isinstance(value, list) and origin in (list, tuple, set, frozenset):
        return origin(_python_value(members[0] if members else Any, item) for item in value)
    if isinstance(value, dict) and origin is dict and len(members) == 2:
        return {name: _python_value(members[1], item) for name, item in value.items()}
    if hint in (datetime, date, time):
        return _made(hint.fromisoformat, value)
    if hint in (int, float):
        return hint(value)
    if hasattr(hint, "model_validate"):  # pydantic
        return _made(hint.model_validate, value)
    if hasattr(hint, "__dataclass_fields__") and isinstance(value, dict):
        return _made(lambda fields: _dataclass_value(hint, fields), value)
    return _made(hint, value) if hasattr(hint, "__members__") else value


def _dataclass_value(cls: Any, fields: JsonObject) -> Any:
    hints = get_type_hints(cls)
    return cls(**{name: _python_value(hints[name], value) for name, value in fields.items()})


def _made(make: Callable[[Any], Any], value: JsonValue) -> Any:
    try:
        return make(value)
    except (TypeError, ValueError, KeyError) as error:
        raise ToolParsingError(f"Unable to convert {value!r:.200}: {error}") from None
