"""Schemas as the API wants them. Pure.

`parametersJsonSchema` and `responseJsonSchema` take JSON Schema; older models know OpenAPI's
`Schema` only (https://ai.google.dev/api/caching#Schema).
"""

from __future__ import annotations

from modeld.types import JsonObject, JsonValue

__all__ = ["openapi_schema"]

_SAME = ("format", "description", "default", "enum", "required", "pattern", "minimum", "maximum")
_LENGTHS = ("minLength", "maxLength")  # int64, which the API's JSON writes as text


def openapi_schema(schema: JsonValue) -> JsonObject:
    """A JSON Schema in OpenAPI's words."""
    if not isinstance(schema, dict):
        return {}
    wire: JsonObject = {}
    kinds = schema.get("type")
    kinds = list(kinds) if isinstance(kinds, list) else [kinds] if kinds else []
    options = [option for option in schema.get("anyOf") or () if isinstance(option, dict)]
    if "null" in kinds or any(option.get("type") == "null" for option in options):
        wire["nullable"] = True
    kinds = [kind for kind in kinds if kind != "null"]
    options = [option for option in options if option.get("type") != "null"]
    if len(kinds) == 1:
        wire["type"] = str(kinds[0]).upper()
    else:
        options += [{"type": kind} for kind in kinds]
    if len(options) == 1:
        wire |= openapi_schema(options[0])
    elif options:
        wire["anyOf"] = [openapi_schema(option) for option in options]
    for name in _SAME:
        if schema.get(name) not in (None, []):
            wire[name] = schema[name]
    for name in _LENGTHS:
        if schema.get(name) is not None:
            wire[name] = str(schema[name])
    if schema.get("items") is not None:
        wire["items"] = openapi_schema(schema["items"])
    properties = schema.get("properties")
    if isinstance(properties, dict) and properties:
        wire["properties"] = {name: openapi_schema(item) for name, item in properties.items()}
        wire["propertyOrdering"] = list(properties)
    return wire
