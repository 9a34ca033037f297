"""Recorded Mistral chat completions as modeld's values, and calls to a server that plays them.

`recorded_call` turns a recorded request body into a call; `normal` brings a body into the form in
which requests that mean the same are equal; `folded` puts a stream together without the project's
code.
"""

from __future__ import annotations

import json
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
    GenerateConfig,
    JSONSchema,
    ModelOutput,
    ResponseSchema,
    ToolCall,
    ToolChoice,
    ToolFunction,
    ToolInfo,
    ToolParams,
)
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection, Row
from modeld_daemon.providers.mistral.adapter import build
from tests.fakes.deltas import Deltas
from tests.fakes.keeping import kept
from tests.fakes.recorded_openai import Recorded, expressible

ROW = Row(
    name="mistral",
    dialect="mistral",
    description="",
    key_variables=("MISTRAL_API_KEY",),
    base_url="https://api.mistral.ai",
)

_PLAIN = {
    "temperature": "temperature",
    "top_p": "top_p",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "random_seed": "seed",
    "n": "num_choices",
    "logprobs": "logprobs",
    "top_logprobs": "top_logprobs",
    "max_tokens": "max_tokens",
    "reasoning_effort": "reasoning_effort",
    "parallel_tool_calls": "parallel_tool_calls",
}
_ELSEWHERE = ("messages", "model", "stream", "tools", "tool_choice")


async def play(base_url: str, call: Call, model: str, sink: Deltas | None) -> ModelOutput:
    """One call through the adapter."""
    route = Route("mistral", model, Account("mistral", base_url, "f"))
    return await kept(lambda: build(ROW, Connection(base_url, "test-key")), call, route, sink)


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
            wire = value["json_schema"]
            schema = JSONSchema.from_dict(expressible(wire["schema"], lost))
            config.response_schema = ResponseSchema(
                wire["name"], schema, wire.get("description"), wire.get("strict")
            )
        else:
            extra[name] = value
    config.extra_body = extra or None
    tools = [_tool(tool, lost) for tool in body.get("tools") or []]
    messages = [_message(message) for message in body["messages"]]
    choice = _tool_choice(body.get("tool_choice"))
    return Recorded(messages, tools, choice, config, bool(body.get("stream")), sorted(set(lost)))


def _tool_choice(wire: Any) -> ToolChoice:
    if isinstance(wire, dict):
        return ToolFunction(wire["function"]["name"])
    choices: dict[Any, ToolChoice] = {"required": "any", "any": "any", "none": "none"}
    return choices.get(wire, "auto")


def _tool(wire: dict[str, Any], lost: list[str]) -> ToolInfo:
    if wire.get("type", "function") != "function":
        return ToolInfo(wire["type"], "", options={"mistral": wire})
    function = wire["function"]
    schema = expressible(function.get("parameters") or {}, lost)
    parameters = ToolParams.from_dict(
        {k: v for k, v in schema.items() if k in ToolParams.__dataclass_fields__}
    )
    strict = function.get("strict")
    options = None if strict is None else {"strict": strict}
    return ToolInfo(function["name"], function.get("description") or "", parameters, options)


def _message(wire: dict[str, Any]) -> ChatMessage:
    content = _content(wire.get("content"))
    match wire["role"]:
        case "system":
            return ChatMessageSystem(content)
        case "user":
            return ChatMessageUser(content)
        case "tool":
            return ChatMessageTool(
                content, tool_call_id=wire["tool_call_id"], function=wire.get("name")
            )
    calls = []
    for call in wire.get("tool_calls") or []:
        function = call["function"]
        arguments = function["arguments"]
        arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
        calls.append(ToolCall(call["id"], function["name"], arguments))
    return ChatMessageAssistant(content, tool_calls=calls or None)


def _content(wire: Any) -> str | list[Content]:
    if wire is None or isinstance(wire, str):
        return wire or ""
    return [_part(part) for part in wire]


def _part(part: dict[str, Any]) -> Content:
    match part["type"]:
        case "text":
            return ContentText(part["text"])
        case "thinking":
            return ContentReasoning("".join(piece["text"] for piece in part["thinking"]))
        case "image_url":
            image = part["image_url"]
            image = {"url": image} if isinstance(image, str) else image
            return ContentImage(image["url"], detail=image.get("detail") or "auto")
        case "input_audio":
            audio = part["input_audio"]
            if isinstance(audio, str):
                return ContentData(part)
            uri = f"data:audio/{audio['format']};base64,{audio['data']}"
            return ContentAudio(uri, format=audio["format"])
        case "document_url":
            return ContentDocument(part["document_url"], filename=part.get("document_name") or "")
        case "file":
            return ContentDocument(part["file_id"])
        case other:
            raise AssertionError(f"no value for a part of type {other!r}")


# -- requests that mean the same are equal ---------------------------------------------------


def normal(body: dict[str, Any]) -> dict[str, Any]:
    """The body without what says nothing, and with one spelling for what has several."""
    out: dict[str, Any] = {}
    for name, value in body.items():
        if value is None or name in ("messages", "tools"):
            continue
        if (name, value) in (("stream", False), ("n", 1), ("tool_choice", "auto")):
            continue
        out[name] = value
    if isinstance(out.get("stop"), str):
        out["stop"] = [out["stop"]]
    if out.get("tool_choice") == "required":
        out["tool_choice"] = "any"
    schema = out.get("response_format")
    if isinstance(schema, dict) and schema.get("type") == "json_schema":
        wire = {k: v for k, v in schema["json_schema"].items() if v is not None}
        wire["schema"] = _normal_schema(wire["schema"], top=False)
        out["response_format"] = {"type": "json_schema", "json_schema": wire}
    out["messages"] = [normal_message(message) for message in body["messages"]]
    if body.get("tools"):
        out["tools"] = [_normal_tool(tool) for tool in body["tools"]]
    return out


def normal_message(wire: dict[str, Any]) -> dict[str, Any]:
    """One message of the normal form."""
    out: dict[str, Any] = {"role": wire["role"]}
    for name, value in wire.items():
        if name in ("role", "content") or not value:
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
    arguments = wire["function"]["arguments"]
    arguments = json.loads(arguments or "{}") if isinstance(arguments, str) else arguments
    said = {"name": wire["function"]["name"], "arguments": arguments}
    return {"id": wire["id"], "type": "function", "function": said}


def _normal_part(part: dict[str, Any]) -> dict[str, Any]:
    if part["type"] == "thinking":
        return {k: v for k, v in part.items() if (k, v) != ("closed", True)}  # as if not said
    if part["type"] != "image_url":
        return part
    image = part["image_url"]
    image = {"url": image} if isinstance(image, str) else dict(image)
    if image.get("detail") == "auto":
        del image["detail"]
    return {"type": "image_url", "image_url": image}


def _normal_tool(wire: dict[str, Any]) -> dict[str, Any]:
    if wire.get("type", "function") != "function":
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


# -- streams ---------------------------------------------------------------------------------


def folded(frames: list[str]) -> dict[str, Any]:
    """The plain answer of a recorded stream, put together without the project's code."""
    lines = [line for line in "".join(frames).splitlines() if line.startswith("data:")]
    chunks = [json.loads(line[5:]) for line in lines if line[5:].strip() != "[DONE]"]
    body: dict[str, Any] = {"id": chunks[0]["id"], "model": chunks[0]["model"], "usage": None}
    choices: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        body["usage"] = chunk.get("usage") or body["usage"]
        for part in chunk["choices"]:
            message = {"role": "assistant", "content": [], "tool_calls": []}
            choice = choices.setdefault(part["index"], {"message": message, "finish_reason": None})
            choice["finish_reason"] = part["finish_reason"] or choice["finish_reason"]
            _fold_delta(choice["message"], part["delta"])
    for choice in choices.values():
        content = choice["message"]["content"]
        if all(part["type"] == "text" for part in content):
            choice["message"]["content"] = "".join(part["text"] for part in content)
    body["choices"] = [choices[index] for index in sorted(choices)]
    return body


def _fold_delta(message: dict[str, Any], delta: dict[str, Any]) -> None:
    said = delta.get("content") or []
    content = message["content"]
    for part in [{"type": "text", "text": said}] if isinstance(said, str) else said:
        same = bool(content) and content[-1]["type"] == part["type"]
        if part["type"] == "text" and same:
            content[-1]["text"] += part["text"]
        elif part["type"] == "thinking" and same:
            text = "".join(piece["text"] for piece in part["thinking"])
            content[-1]["thinking"][0]["text"] += text
        elif part != {"type": "text", "text": ""}:
            content.append(part)
    for call in delta.get("tool_calls") or []:
        calls, index = message["tool_calls"], call.get("index") or 0
        same = [one for one in calls if not call.get("id") and (one.get("index") or 0) == index]
        if same:  # most come whole
            same[-1]["function"]["arguments"] += call["function"]["arguments"]
        else:
            calls.append(call)
