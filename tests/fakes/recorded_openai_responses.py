"""Recorded Responses as modeld's values: what a caller would have asked for.

`recorded_call` turns a recorded request body into a call. Items of earlier answers in its input are
read as answers are, since a caller has them from there. `normal` brings a body into the form in
which requests that mean the same are equal; what modeld decides itself (`store`, asking for
encrypted thoughts) is left out.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from modeld.types import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    Content,
    ContentData,
    ContentDocument,
    ContentImage,
    ContentText,
    GenerateConfig,
    JSONSchema,
    ResponseSchema,
    ToolChoice,
    ToolFunction,
    ToolInfo,
    ToolParams,
)
from modeld_daemon.providers.openai_responses.response import output_from
from tests.fakes.recorded_openai import Recorded, expressible

ENCRYPTED = "reasoning.encrypted_content"
LOGPROBS = "message.output_text.logprobs"
_PLAIN = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_output_tokens": "max_tokens",
    "top_logprobs": "top_logprobs",
    "parallel_tool_calls": "parallel_tool_calls",
}
_ELSEWHERE = ("model", "input", "instructions", "stream", "store", "tools", "tool_choice")
_OUTPUTS = ("function_call_output", "custom_tool_call_output")
# Items of an input that no answer ever has.
_INPUT_ONLY = ("additional_tools", "item_reference", "compaction_trigger")


def recorded_call(body: dict[str, Any]) -> Recorded:
    """The call that a caller of modeld would have made."""
    lost: list[str] = []
    config = GenerateConfig()
    extra: dict[str, Any] = {}
    for name, value in body.items():
        if value is None or name in _ELSEWHERE:
            continue
        if name in _PLAIN:
            setattr(config, _PLAIN[name], value)
        elif name == "reasoning":
            _reasoning(value, config, extra)
        elif name == "text":
            _text(value, config, extra, lost)
        elif name == "include":
            config.logprobs = True if LOGPROBS in value else None
            extra["include"] = [v for v in value if v not in (LOGPROBS, ENCRYPTED)]
        else:
            extra[name] = value
    if isinstance(body.get("tool_choice"), dict) and "name" not in body["tool_choice"]:
        extra["tool_choice"] = body["tool_choice"]
    config.extra_body = {k: v for k, v in extra.items() if v not in ([], {})} or None
    tools = [_tool(tool, index, lost) for index, tool in enumerate(body.get("tools") or [])]
    choice = _tool_choice(body.get("tool_choice"))
    stream = bool(body.get("stream"))
    return Recorded(messages(body), tools, choice, config, stream, sorted(set(lost)))


def _reasoning(wire: dict[str, Any], config: GenerateConfig, extra: dict[str, Any]) -> None:
    config.reasoning_effort = wire.get("effort")
    config.reasoning_summary = wire.get("summary")
    known = ("effort", "summary")
    extra["reasoning"] = {k: v for k, v in wire.items() if k not in known and v is not None}


def _text(
    wire: dict[str, Any], config: GenerateConfig, extra: dict[str, Any], lost: list[str]
) -> None:
    config.verbosity = wire.get("verbosity")
    format = wire.get("format") or {}
    if format.get("type") == "json_schema":
        schema = JSONSchema.from_dict(expressible(format["schema"], lost))
        config.response_schema = ResponseSchema(
            format["name"], schema, format.get("description"), format.get("strict")
        )
    elif format:
        extra["text"] = {"format": format}


def _tool_choice(wire: Any) -> ToolChoice:
    if isinstance(wire, dict):
        return ToolFunction(wire["name"]) if "name" in wire else "auto"
    choices: dict[Any, ToolChoice] = {"required": "any", "none": "none"}
    return choices.get(wire, "auto")


def _tool(wire: dict[str, Any], index: int, lost: list[str]) -> ToolInfo:
    rest = {k: v for k, v in wire.items() if k not in ("type", "name", "description")}
    if wire["type"] == "custom":
        return ToolInfo(wire["name"], wire.get("description", ""), options={"custom": rest})
    if wire["type"] != "function":
        return ToolInfo(f"native_{index}", "", options={"openai": wire, "grok": wire})
    schema = expressible(wire.get("parameters") or {}, lost)
    known = {k: v for k, v in schema.items() if k in ToolParams.__dataclass_fields__}
    options = {k: v for k, v in rest.items() if k != "parameters" and v is not None}
    description = wire.get("description") or ""
    return ToolInfo(wire["name"], description, ToolParams.from_dict(known), options or None)


def messages(body: dict[str, Any]) -> list[ChatMessage]:
    """The conversation of a request."""
    found: list[ChatMessage] = []
    if body.get("instructions"):
        found.append(ChatMessageSystem(body["instructions"]))
    items = body["input"]
    if isinstance(items, str):
        return [*found, ChatMessageUser(items)]
    run: list[dict[str, Any]] = []
    for item in items:
        kind, role = item.get("type"), item.get("role")
        told = kind in (None, "message") and role in ("user", "system", "developer")
        if told or kind in _OUTPUTS or kind in _INPUT_ONLY:
            found += _said_before(run)
            run = []
            found.append(_message(item))
        else:
            run.append(item)
    return [*found, *_said_before(run)]


def _message(item: dict[str, Any]) -> ChatMessage:
    if item.get("type") in _OUTPUTS:
        return ChatMessageTool(_content(item["output"]), tool_call_id=item["call_id"])
    if item.get("type") in _INPUT_ONLY:
        return ChatMessageUser([ContentData(item)])
    content = _content(item["content"])
    return ChatMessageUser(content) if item["role"] == "user" else ChatMessageSystem(content)


def _said_before(run: list[dict[str, Any]]) -> list[ChatMessage]:
    """The assistant's messages of neighbouring items."""
    if not run:
        return []
    if all(not item.get("type") for item in run):
        return [ChatMessageAssistant(_content(item["content"])) for item in run]
    items = []
    for item in run:
        content = item.get("content")
        if isinstance(content, str):
            content = [{"type": "output_text", "text": content}]
        said = {} if content is None else {"content": content}
        items.append({"type": "message", **item, **said})
    return [output_from({"output": items}).message]


def _content(wire: Any) -> str | list[Content]:
    if isinstance(wire, str):
        return wire
    parts: list[Content] = []
    for part in wire:
        match part["type"]:
            case "input_text" | "output_text":
                parts.append(ContentText(part["text"]))
            case "input_image":
                where = part.get("image_url") or part["file_id"]
                parts.append(ContentImage(where, detail=part.get("detail") or "auto"))
            case "input_file":
                where = part.get("file_id") or part.get("file_url") or part["file_data"]
                parts.append(ContentDocument(where, filename=part.get("filename") or ""))
            case other:
                raise AssertionError(f"no value for a part of type {other!r}")
    return parts


# -- requests that mean the same are equal ---------------------------------------------------


def normal(body: dict[str, Any]) -> dict[str, Any]:
    """The body without what says nothing, and with one spelling for what has several."""
    out: dict[str, Any] = {}
    for name, value in body.items():
        if value is None or name in ("store", "instructions", "input", "tools"):
            continue
        if (name, value) in (("stream", False), ("tool_choice", "auto")):
            continue
        out[name] = value
        if name == "include":
            out[name] = sorted(v for v in value if v != ENCRYPTED)
        elif name in ("reasoning", "text"):
            out[name] = {k: v for k, v in value.items() if v is not None}
    out = {name: value for name, value in out.items() if value not in ([], {})}
    if "format" in out.get("text", {}) and "schema" in out["text"]["format"]:
        format = {k: v for k, v in out["text"]["format"].items() if v is not None}
        out["text"] = {**out["text"], "format": {**format, "schema": _schema(format["schema"])}}
    items = body.get("input")
    items = [{"role": "user", "content": items}] if isinstance(items, str) else items or []
    if body.get("instructions"):
        items = [{"role": "system", "content": body["instructions"]}, *items]
    out["input"] = [normal_item(item) for item in items]
    if body.get("tools"):
        out["tools"] = [_normal_tool(tool) for tool in body["tools"]]
    return out


def normal_item(item: dict[str, Any]) -> dict[str, Any]:
    """An item of the input, without its status, which is never asked for."""
    out = {k: v for k, v in item.items() if v not in (None, []) and k != "status"}
    out.setdefault("type", "message")
    if out["type"] == "message":
        out["role"] = "system" if out["role"] == "developer" else out["role"]
        out["content"] = _normal_content(out.get("content"))
    elif out["type"] in _OUTPUTS:
        out["output"] = _normal_content(out.get("output"))
    elif out["type"] == "function_call":
        with suppress(ValueError):  # rubbish must go back as it came
            out["arguments"] = json.loads(out["arguments"] or "{}")
    return out


def _normal_content(content: Any) -> Any:
    if not isinstance(content, list):
        return content or ""
    parts = []
    for part in content:
        gone = (("detail", "auto"), ("annotations", []))
        kept = {k: v for k, v in part.items() if (k, v) not in gone and k != "logprobs"}
        parts.append({k: v for k, v in kept.items() if v is not None})
    if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
        return parts[0]["text"]
    return parts


def _normal_tool(wire: dict[str, Any]) -> dict[str, Any]:
    if wire["type"] != "function":
        return wire
    empty = (None, "", False)
    out = {k: v for k, v in wire.items() if not any(v is e or v == "" for e in empty)}
    parameters = _schema(wire.get("parameters") or {})
    parameters.setdefault("type", "object")
    parameters.setdefault("properties", {})
    parameters.setdefault("additionalProperties", False)
    known = ToolParams.__dataclass_fields__
    out["parameters"] = {k: v for k, v in parameters.items() if k in known}
    return out


def _schema(schema: Any) -> Any:
    kept = expressible(schema, [])
    if not kept.get("required"):
        kept.pop("required", None)
    return kept
