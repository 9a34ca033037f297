"""Bodies of `generateContent` in the form in which requests that mean the same are equal: one
spelling of names, of base64 and of schemas.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from modeld_daemon.providers.google.messages import UNSIGNED
from tests.fakes.recorded_openai import expressible

# Members whose own members are the caller's words, not the API's.
_FREE = ("args", "response", "properties")
_DATA = ("thoughtSignature", "data")
_TYPES = ("STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL")


def camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda match: match[1].upper(), name)


def spelled(value: Any, name: str = "") -> Any:
    """One spelling: the API takes snake_case too, and both alphabets of base64."""
    if isinstance(value, dict):
        return (
            {(k if name in _FREE else camel(k)): spelled(v, camel(k)) for k, v in value.items()}
            if (name not in ("args", "response"))
            else value
        )
    if isinstance(value, list):
        return [spelled(item, name) for item in value]
    if name in _DATA and isinstance(value, str):
        return value.replace("-", "+").replace("_", "/")
    if name == "type" and isinstance(value, int):  # enums may be numbers
        return ("TYPE_UNSPECIFIED", *_TYPES)[value]
    return value


def json_schema(schema: Any) -> Any:
    """OpenAPI's schema as JSON Schema."""
    if isinstance(schema, list):
        return [json_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    wire: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "type" and isinstance(value, str):
            wire[key] = value.lower()
        elif key == "properties":
            wire[key] = {name: json_schema(item) for name, item in value.items()}
        elif key in ("items", "anyOf", "additionalProperties"):
            wire[key] = json_schema(value)
        elif key in ("minLength", "maxLength"):
            wire[key] = int(value)
        elif key not in ("propertyOrdering", "property_ordering"):
            wire[key] = value
    if wire.pop("nullable", False) and "type" in wire:
        wire["anyOf"] = [{"type": wire.pop("type")}, {"type": "null"}]
    return wire


# -- requests that mean the same are equal -------------------------------------------------------


def normal(body: dict[str, Any]) -> dict[str, Any]:
    """The body without what says nothing, in one spelling."""
    body = spelled(body)
    out = {k: v for k, v in body.items() if k not in ("contents", "tools", "toolConfig")}
    out["contents"] = normal_contents(body["contents"])
    if "systemInstruction" in out:
        parts = out["systemInstruction"]["parts"]
        out["systemInstruction"] = parts if isinstance(parts, list) else [parts]
    generation = _normal_generation(out.pop("generationConfig", None) or {})
    if generation:
        out["generationConfig"] = generation
    functions, others = [], []
    for tool in body.get("tools") or []:
        functions += tool.get("functionDeclarations") or []
        if "functionDeclarations" not in tool:
            others.append(tool)
    out["tools"] = [_normal_function(function) for function in functions] + others
    config = dict(body.get("toolConfig") or {})
    calling = dict(config.get("functionCallingConfig") or {})
    if calling:
        calling["mode"] = str(calling.get("mode", "")).upper()
        config["functionCallingConfig"] = calling
    if config and calling != {"mode": "AUTO"}:
        out["toolConfig"] = config
    elif config.keys() - {"functionCallingConfig"}:
        out["toolConfig"] = {k: v for k, v in config.items() if k != "functionCallingConfig"}
    return {k: v for k, v in out.items() if v not in (None, [], {})}


def normal_contents(contents: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Neighbours of one role are one turn, however they were cut into contents."""
    turns: list[dict[str, Any]] = []
    for content in spelled(list(contents)):
        role = content.get("role") or "user"
        said = [part for part in content.get("parts") or [] if part != {"text": ""}]
        parts = [normal_part(part) for part in said]
        if turns and turns[-1]["role"] == role:
            turns[-1]["parts"] += parts
        else:
            turns.append({"role": role, "parts": parts})
    return turns


def normal_part(part: dict[str, Any]) -> dict[str, Any]:
    part = {k: v for k, v in part.items() if not (k == "thought" and v is False)}
    if part.get("thoughtSignature") == UNSIGNED:
        del part["thoughtSignature"]
    for kind in ("functionCall", "functionResponse"):
        if kind in part:
            part[kind] = {k: v for k, v in part[kind].items() if v != ""}
    if "functionCall" in part:
        part["functionCall"].setdefault("args", {})
    return part


def _normal_generation(wire: dict[str, Any]) -> dict[str, Any]:
    out = {k: v for k, v in wire.items() if v is not None}
    for name in ("responseSchema", "responseJsonSchema"):
        if name in out:
            out["schema"] = normal_schema(json_schema(out.pop(name)))
    thinking = dict(out.get("thinkingConfig") or {})
    if "thinkingLevel" in thinking:
        thinking["thinkingLevel"] = thinking["thinkingLevel"].upper()
    if thinking.get("includeThoughts") is False:  # as the API has it where nothing is said
        del thinking["includeThoughts"]
    out.pop("thinkingConfig", None)
    if thinking:
        out["thinkingConfig"] = thinking
    if out.get("stopSequences") == []:
        del out["stopSequences"]
    return out


def _normal_function(function: dict[str, Any]) -> dict[str, Any]:
    schema = function.get("parametersJsonSchema") or json_schema(function.get("parameters") or {})
    kept = normal_schema(schema)
    kept = {k: v for k, v in kept.items() if k in ("type", "properties", "required")}
    kept.setdefault("type", "object")
    kept.setdefault("properties", {})
    return {
        "name": function["name"],
        "description": function.get("description") or "",
        "parameters": kept,
    }


def normal_schema(schema: Any) -> Any:
    """The keywords that modeld knows; nothing required is not said."""
    kept = expressible(schema, [])
    return _tidy(kept)


def _tidy(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    out = {k: _tidy(v) for k, v in schema.items()}
    if out.get("required") == []:
        del out["required"]
    return out
