"""A model's text for a tool's arguments to the arguments.

Models write JSON objects, JSON objects with stray quotes behind them, plain values for tools with
one parameter, and rubbish. Rubbish is the model's error, told back to it: never an exception.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import yaml

from modeld.errors import InvalidRequest
from modeld.types import JsonObject, JsonValue, ToolCall, ToolInfo

from .http.jsontext import dumps, loads

__all__ = ["parse_tool_call", "parse_written_call"]


def parse_tool_call(id: str, function: str, text: str, tools: Sequence[ToolInfo]) -> ToolCall:
    """The call; `parse_error` says why the text could not be read."""
    text = text.strip()
    if not text:  # some servers send no text for a tool without parameters
        return ToolCall(id, function, {})
    try:
        if text.startswith("{"):
            return ToolCall(id, function, _object(text))
        return ToolCall(id, function, _first_parameter(function, text, tools))
    except (ValueError, RecursionError) as error:
        return _unreadable(id, function, f"tool call arguments:\n\n{text}", error)


def parse_written_call(id: str, text: str, tools: Sequence[ToolInfo]) -> ToolCall:
    """A whole call that a model wrote as a JSON object with `name` and `arguments`, which some models
    call `parameters`.
    """
    text = text.strip()
    name: JsonValue = None
    arguments: JsonValue = None
    problem: Exception | None = None
    try:
        said = _object(text)
        name, arguments = said.get("name"), said.get("arguments", said.get("parameters"))
    except (ValueError, RecursionError) as error:
        problem = error
    if not isinstance(name, str) or not name:
        name, problem = "unknown", problem or ValueError("there is no 'name' of a function")
    elif arguments is None:
        problem = ValueError("there are no 'arguments'")
    if problem is not None:
        return _unreadable(id, name, f"tool call:\n\n{text}", problem)
    if isinstance(arguments, dict):
        return ToolCall(id, name, arguments)
    plain = arguments if isinstance(arguments, str) else dumps(arguments).decode()
    return parse_tool_call(id, name, plain, tools)


def _unreadable(id: str, function: str, what: str, error: Exception) -> ToolCall:
    reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
    problem = f"Error parsing the following {what}\n\n{reason}"
    return ToolCall(id, function, {}, parse_error=problem)


def _object(text: str) -> JsonObject:
    try:
        value = loads(text.encode("utf-8", "replace"))
    except ValueError:
        value, end = json.JSONDecoder().raw_decode(text)
        if text[end:].strip("\"'`“” \t\r\n"):
            raise
    if not isinstance(value, dict):
        raise ValueError("the arguments are no JSON object")
    return value


def _first_parameter(function: str, text: str, tools: Sequence[ToolInfo]) -> JsonObject:
    parameters = next((tool.parameters.properties for tool in tools if tool.name == function), None)
    if not parameters:
        raise ValueError("the arguments are no JSON object")
    name, schema = next(iter(parameters.items()))
    value = _yaml_value(text)
    if schema.type == "string" and not isinstance(value, str):
        value = text  # "42" and "key: value" are texts where a text is wanted
    return {name: value}


def _yaml_value(text: str) -> JsonValue:
    """The value of the text, if it is YAML with a value that JSON has too; else the text."""
    if "&" in text and "*" in text:
        return text  # a few lines with anchors can stand for gigabytes
    try:
        return loads(dumps(yaml.safe_load(text)))  # dates and the like become texts
    except (yaml.YAMLError, InvalidRequest, ValueError, RecursionError):
        return text
