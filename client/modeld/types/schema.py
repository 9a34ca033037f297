"""JSON Schema as values, and the schema of a Python type."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Required,
    TypeAlias,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from .jsonable import JsonObject, JsonValue
from .value import Value

JSONType: TypeAlias = Literal["string", "integer", "number", "boolean", "array", "object", "null"]


@dataclass(slots=True, eq=False, repr=False, kw_only=True)
class JSONSchema(Value):
    """A JSON Schema. None means that the keyword is absent."""

    type: JSONType | list[JSONType] | None = None
    format: str | None = None
    description: str | None = None
    default: JsonValue = None
    enum: list[JsonValue] | None = None
    items: JSONSchema | None = None
    properties: dict[str, JSONSchema] | None = None
    additionalProperties: JSONSchema | bool | None = None
    anyOf: list[JSONSchema] | None = None
    required: list[str] | None = None
    pattern: str | None = None
    minLength: int | None = None
    maxLength: int | None = None
    minimum: int | float | None = None
    maximum: int | float | None = None
    examples: list[JsonValue] | None = None


ToolParam: TypeAlias = JSONSchema
"""Schema of one parameter of a tool."""

JSON_SCHEMA_EXTENDED_FIELDS = frozenset(
    ("pattern", "minLength", "maxLength", "minimum", "maximum", "examples")
)
"""Keywords that some OpenAI-compatible servers do not understand."""


@dataclass(slots=True, eq=False, repr=False, kw_only=True)
class ToolParams(Value):
    """Schema of a tool's arguments: an object."""

    type: Literal["object"] = "object"
    properties: dict[str, ToolParam] = field(default_factory=dict)
    required: list[str] = field(default_factory=list)
    additionalProperties: bool = False


_BY_TYPE: dict[object, tuple[JSONType, str | None]] = {
    str: ("string", None),
    int: ("integer", None),
    float: ("number", None),
    bool: ("boolean", None),
    NoneType: ("null", None),
}
# By name, so that this module need not import datetime, uuid and decimal.
_BY_NAME: dict[str, tuple[JSONType, str | None]] = {
    "datetime.datetime": ("string", "date-time"),
    "datetime.date": ("string", "date"),
    "datetime.time": ("string", "time"),
    "uuid.UUID": ("string", "uuid"),
    "pathlib.Path": ("string", None),
    "decimal.Decimal": ("number", None),
}
_ARRAYS = ("list", "tuple", "set", "frozenset", "Sequence", "Iterable", "Collection")
_OBJECTS = ("dict", "Mapping", "MutableMapping", "defaultdict", "OrderedDict")


def json_schema(type: object) -> JSONSchema:
    """The schema of a Python type.

    Accepts scalars, Literal, Optional and unions, list, dict, enumerations, pydantic models,
    dataclasses and typed dicts. Objects allow no other properties; fields without a default
    are required; what has no schema becomes the empty schema.
    """
    return _schema(type, ())


def _schema(hint: object, outer: tuple[object, ...]) -> JSONSchema:
    """`outer` holds the classes whose schema is being made, so that recursion ends."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Required or origin is NotRequired:
        return _schema(args[0], outer)
    if origin is Annotated:
        return _annotated(args, outer)
    if origin is Union or origin is UnionType:
        return JSONSchema(anyOf=[_schema(member, outer) for member in args])
    if origin is Literal:
        return _enumeration(list(args))
    simple = _BY_TYPE.get(hint)
    name = getattr(origin or hint, "__name__", "")
    simple = simple or _BY_NAME.get(f"{getattr(hint, '__module__', '')}.{name}")
    if simple is not None:
        return JSONSchema(type=simple[0], format=simple[1])
    if name in _ARRAYS:
        return JSONSchema(type="array", items=_schema(args[0], outer) if args else JSONSchema())
    if name in _OBJECTS:
        inner = _schema(args[1], outer) if len(args) > 1 else JSONSchema()
        return JSONSchema(type="object", additionalProperties=inner)
    if hasattr(hint, "__members__"):
        return _enumeration([member.value for member in hint.__members__.values()])
    if hint in outer:
        return JSONSchema()
    return _class_schema(hint, (*outer, hint))


def _annotated(args: tuple[object, ...], outer: tuple[object, ...]) -> JSONSchema:
    schema = _schema(args[0], outer)
    notes = (getattr(note, "description", note) for note in args[1:])
    schema.description = next((note for note in notes if isinstance(note, str)), None)
    return schema


def _enumeration(values: list[JsonValue]) -> JSONSchema:
    kinds = {_BY_TYPE.get(type(value), (None, None))[0] for value in values}
    return JSONSchema(type=kinds.pop() if len(kinds) == 1 else None, enum=values)


def _class_schema(cls: object, outer: tuple[object, ...]) -> JSONSchema:
    if hasattr(cls, "model_json_schema"):
        return _pydantic_schema(cls.model_json_schema())
    if hasattr(cls, "__dataclass_fields__"):
        return _dataclass_schema(cls, outer)
    if is_typeddict(cls):
        return _typed_dict_schema(cls, outer)
    return JSONSchema()


def _typed_dict_schema(cls: Any, outer: tuple[object, ...]) -> JSONSchema:
    hints = get_type_hints(cls, include_extras=True)
    properties = {name: _schema(hint, outer) for name, hint in hints.items()}
    # Where annotations are text, Python itself does not see Required and NotRequired in them.
    said = {name: get_origin(hint) for name, hint in hints.items()}
    required = [
        name
        for name in hints
        if said[name] is Required
        or (said[name] is not NotRequired and name in cls.__required_keys__)
    ]
    return _object(properties, required)


def _dataclass_schema(cls: object, outer: tuple[object, ...]) -> JSONSchema:
    hints = get_type_hints(cls, include_extras=True)
    properties: dict[str, JSONSchema] = {}
    required: list[str] = []
    for name, item in cls.__dataclass_fields__.items():  # type: ignore[attr-defined]
        schema = properties[name] = _schema(hints[name], outer)
        schema.description = item.metadata.get("description", schema.description)
        if item.default is MISSING and item.default_factory is MISSING:
            required.append(name)
    return _object(properties, required)


def _object(properties: dict[str, JSONSchema], required: list[str]) -> JSONSchema:
    return JSONSchema(
        type="object",
        properties=properties,
        required=required or None,
        additionalProperties=False,
    )


def _pydantic_schema(dump: JsonObject) -> JSONSchema:
    definitions: dict[str, Any] = dump.get("$defs", {})
    return JSONSchema.from_dict(_inline(dump, definitions, ()))


def _inline(node: JsonValue, definitions: JsonObject, outer: tuple[str, ...]) -> JsonValue:
    """The schema with its references written out and its objects closed."""
    if isinstance(node, list):
        return [_inline(item, definitions, outer) for item in node]
    if not isinstance(node, dict):
        return node
    name = node["$ref"].rpartition("/")[2] if isinstance(node.get("$ref"), str) else None
    if name is not None:
        if name in outer or name not in definitions:
            return {}
        return _inline(definitions[name], definitions, (*outer, name))
    flat = {key: _inline(item, definitions, outer) for key, item in node.items() if key != "$defs"}
    if flat.get("type") == "object" and isinstance(flat.get("properties"), dict):
        flat.setdefault("additionalProperties", False)
    return flat
