"""Recorded chat completions as modeld's values: what a caller would have asked for.

`recorded_call` turns a recorded request body into a call. What modeld has no word for is named in
`lost`, and left out of the comparison; `normal` brings a body into the form in which requests that
mean the same are equal.
"""

from __future__ import annotations

import importlib.util
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modeld.types import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    Content,
    ContentAudio,
    ContentData,
    ContentDocument,
    ContentImage,
    ContentReasoning,
    ContentText,
    ContentVideo,
    GenerateConfig,
    JSONSchema,
    ResponseSchema,
    ToolCall,
    ToolChoice,
    ToolFunction,
    ToolInfo,
    ToolParams,
)

ROOT = Path(__file__).resolve().parents[2]
# Members of a tool's options by which it is the server's own.
NATIVE = ("openrouter", "groq")
# Members of a message that modeld's values have no place for.
LOST_MEMBERS = ("images",)
SCHEMA_WORDS = frozenset(JSONSchema.__dataclass_fields__)


def recordings_folder() -> Path:
    """Where recorded traffic is, if it is anywhere."""
    return Path(os.environ.get("MODELD_RECORDINGS") or ROOT.parent / "shared" / "recordings")


def recorded_cases(api: str) -> list[dict[str, Any]]:
    """All cases of an API, by name; none where there are no recordings."""
    return [json.loads(p.read_text()) for p in sorted((recordings_folder() / api).glob("*.json"))]


def replay_module() -> Any:
    """The program that serves recordings, which lies beside them."""
    path = recordings_folder().parent / "tools" / "replay.py"
    spec = importlib.util.spec_from_file_location("modeld_replay", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys  # noqa: PLC0415  # dataclasses of the module look themselves up

    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@dataclass
class Recorded:
    """A recorded request in modeld's words."""

    messages: list[ChatMessage]
    tools: list[ToolInfo]
    tool_choice: ToolChoice
    config: GenerateConfig
    stream: bool
    lost: list[str] = field(default_factory=list)


_PLAIN = {
    "temperature": "temperature",
    "top_p": "top_p",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "seed": "seed",
    "n": "num_choices",
    "logprobs": "logprobs",
    "top_logprobs": "top_logprobs",
    "max_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "reasoning_effort": "reasoning_effort",
    "verbosity": "verbosity",
    "parallel_tool_calls": "parallel_tool_calls",
    "logit_bias": "logit_bias",
}
_ELSEWHERE = ("messages", "model", "stream", "stream_options", "tools", "tool_choice")


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
        elif name == "stop":
            config.stop_seqs = [value] if isinstance(value, str) else value
        elif name == "response_format" and value["type"] == "json_schema":
            config.response_schema = _response_schema(value["json_schema"], lost)
        else:
            extra[name] = value
    config.extra_body = extra or None
    tools = [_tool(tool, lost) for tool in body.get("tools") or []]
    messages = [_message(message, lost) for message in body["messages"]]
    choice = _tool_choice(body.get("tool_choice"))
    return Recorded(messages, tools, choice, config, bool(body.get("stream")), sorted(set(lost)))


def _tool_choice(wire: Any) -> ToolChoice:
    if isinstance(wire, dict):
        return ToolFunction(wire["function"]["name"])
    choices: dict[Any, ToolChoice] = {"required": "any", "none": "none"}
    return choices.get(wire, "auto")


def _response_schema(wire: dict[str, Any], lost: list[str]) -> ResponseSchema:
    schema = JSONSchema.from_dict(expressible(wire["schema"], lost))
    return ResponseSchema(
        wire.get("name", "answer"), schema, wire.get("description"), wire.get("strict")
    )


def _tool(wire: dict[str, Any], lost: list[str]) -> ToolInfo:
    if wire["type"] == "custom":
        custom = dict(wire["custom"])
        name, description = custom.pop("name"), custom.pop("description", "")
        return ToolInfo(name, description, options={"custom": custom})
    if wire["type"] != "function":
        return ToolInfo(f"native {wire['type']}", "", options=dict.fromkeys(NATIVE, wire))
    function = wire["function"]
    schema = expressible(function.get("parameters") or {}, lost)
    parameters = ToolParams.from_dict(
        {k: v for k, v in schema.items() if k in ToolParams.__dataclass_fields__}
    )
    strict = function.get("strict")
    options = None if strict is None else {"strict": strict}
    return ToolInfo(function["name"], function.get("description") or "", parameters, options)


def expressible(schema: Any, lost: list[str]) -> Any:
    """The schema without keywords that modeld's JSONSchema has no field for."""
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key not in SCHEMA_WORDS:
            lost.append(f"schema keyword {key}")
        elif key == "properties":
            kept[key] = {name: expressible(item, lost) for name, item in value.items()}
        elif key == "anyOf":
            kept[key] = [expressible(item, lost) for item in value]
        elif value is not None:
            kept[key] = expressible(value, lost) if key != "default" else value
    return kept


def _message(wire: dict[str, Any], lost: list[str]) -> ChatMessage:
    if wire.get("name") and wire["role"] != "tool":
        lost.append("message name")
    content = _content(wire.get("content"), lost)
    lost += [f"message member {name}" for name in wire.keys() & set(LOST_MEMBERS)]
    match wire["role"]:
        case "system" | "developer":
            return ChatMessageSystem(content)
        case "user":
            return ChatMessageUser(content)
        case "tool":
            return ChatMessageTool(
                content, tool_call_id=wire["tool_call_id"], function=wire.get("name")
            )
    return _said(wire, content)


def _said(wire: dict[str, Any], content: str | list[Content]) -> ChatMessage:
    """An assistant's message, with its thoughts where they had been."""
    calls = []
    for call in wire.get("tool_calls") or []:
        function = call["function"]
        calls.append(ToolCall(call["id"], function["name"], json.loads(function["arguments"])))
    thoughts: list[Content] = [
        ContentReasoning(wire[name], internal={"source": name})
        for name in ("reasoning_content", "reasoning")
        if wire.get(name)
    ]
    if wire.get("reasoning_details"):
        internal = {"source": "reasoning_details", "details": wire["reasoning_details"]}
        thoughts.append(ContentReasoning("", internal=internal))
    if thoughts:
        told = [ContentText(content)] if isinstance(content, str) and content else content or []
        content = [*thoughts, *told]  # type: ignore[list-item]
    return ChatMessageAssistant(content, tool_calls=calls or None)


def _content(wire: Any, lost: list[str]) -> str | list[Content]:
    if wire is None or isinstance(wire, str):
        return wire or ""
    parts: list[Content] = []
    for part in wire:
        match part["type"]:
            case "text":
                mark = part.get("cache_control")
                if mark and mark.get("ttl"):
                    lost.append("how long the cache is kept")
                parts.append(ContentText(part["text"], cache_breakpoint=bool(mark) or None))
            case "image_url":
                image = part["image_url"]
                image = {"url": image} if isinstance(image, str) else image  # an old spelling
                parts.append(ContentImage(image["url"], detail=image.get("detail") or "auto"))
            case "input_audio":
                audio = part["input_audio"]
                uri = f"data:audio/{audio['format']};base64,{audio['data']}"
                parts.append(ContentAudio(uri, format=audio["format"]))
            case "file":
                file = part["file"]
                name = file.get("filename") or "document.pdf"
                parts.append(ContentDocument(file["file_data"], filename=name))
            case "video_url":
                parts.append(ContentVideo(part["video_url"]["url"], format="mp4"))
            case "file_url":
                parts.append(ContentData(part))
            case other:
                raise AssertionError(f"no value for a part of type {other!r}")
    return parts


# -- requests that mean the same are equal ---------------------------------------------------


def normal(body: dict[str, Any]) -> dict[str, Any]:
    """The body without what says nothing, and with one spelling for what has several."""
    out: dict[str, Any] = {}
    for name, value in body.items():
        if value is None or name in ("stream_options", "messages", "tools"):
            continue
        if (name, value) in (("stream", False), ("n", 1), ("tool_choice", "auto")):
            continue
        out["max_tokens" if name == "max_completion_tokens" else name] = value
    if isinstance(out.get("stop"), str):
        out["stop"] = [out["stop"]]
    schema = out.get("response_format")
    if isinstance(schema, dict) and schema.get("type") == "json_schema":
        wire = {k: v for k, v in schema["json_schema"].items() if v is not None}
        wire.setdefault("name", "answer")
        wire["schema"] = _normal_schema(wire["schema"], top=False)
        out["response_format"] = {"type": "json_schema", "json_schema": wire}
    out["messages"] = [_normal_message(message) for message in body["messages"]]
    if body.get("tools"):
        out["tools"] = [_normal_tool(tool) for tool in body["tools"]]
    return out


def _normal_message(wire: dict[str, Any]) -> dict[str, Any]:
    role = wire.get("role", "assistant")
    role = "system" if role == "developer" else role
    out: dict[str, Any] = {"role": role}
    for name, value in wire.items():
        if name in ("role", "name", "annotations", "content", *LOST_MEMBERS) or not value:
            continue
        out[name] = [_normal_call(call) for call in value] if name == "tool_calls" else value
    content = wire.get("content")
    if isinstance(content, list):
        content = [_normal_part(part) for part in content]
        if len(content) == 1 and content[0]["type"] == "text":
            content = content[0]["text"]
    out["content"] = content or ""
    return out


def _normal_call(wire: dict[str, Any]) -> dict[str, Any]:
    if wire.get("type") == "custom":
        return wire
    function = wire["function"]
    said = {"name": function["name"], "arguments": json.loads(function["arguments"] or "{}")}
    return {"id": wire["id"], "type": "function", "function": said}


def _normal_part(part: dict[str, Any]) -> dict[str, Any]:
    if part.get("cache_control"):
        return {**part, "cache_control": {"type": "ephemeral"}}
    if part["type"] == "file":
        return {"type": "file", "file": {"filename": "document.pdf", **part["file"]}}
    if part["type"] != "image_url":
        return part
    image = part["image_url"]
    image = {"url": image} if isinstance(image, str) else dict(image)
    if image.get("detail") == "auto":
        del image["detail"]
    return {"type": "image_url", "image_url": image}


def _normal_tool(wire: dict[str, Any]) -> dict[str, Any]:
    if wire["type"] != "function":
        return wire
    function = {k: v for k, v in wire["function"].items() if v not in (None, "")}
    function["parameters"] = _normal_schema(function.get("parameters") or {}, top=True)
    return {"type": "function", "function": function}


def _normal_schema(schema: Any, *, top: bool) -> Any:
    kept = expressible(schema, [])
    if top:
        kept.setdefault("type", "object")
        kept.setdefault("properties", {})
        kept.setdefault("additionalProperties", False)
        kept = {k: v for k, v in kept.items() if k in ToolParams.__dataclass_fields__}
    if not kept.get("required"):
        kept.pop("required", None)
    return kept
