"""Recorded `generateContent` requests as modeld's values: what a caller would have asked for.

`recorded_call` turns a recorded body into a call; `normal` brings a body into the form in which
requests that mean the same are equal: one spelling of names, of base64 and of schemas.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
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
    ModelOutput,
    ResponseSchema,
    ToolCall,
    ToolChoice,
    ToolFunction,
    ToolInfo,
    ToolParams,
)
from modeld.types.tool import ToolCallError
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection, TokenCount
from modeld_daemon.providers.catalog import ROWS
from modeld_daemon.providers.google.adapter import build
from modeld_daemon.providers.google.messages import UNSIGNED
from tests.fakes.playing_openai import Deltas
from tests.fakes.recorded_openai import Recorded, expressible

ROW = next(row for row in ROWS if row.name == "google")

_CONFIG = {
    "temperature": "temperature",
    "topP": "top_p",
    "topK": "top_k",
    "maxOutputTokens": "max_tokens",
    "seed": "seed",
    "candidateCount": "num_choices",
    "responseLogprobs": "logprobs",
    "logprobs": "top_logprobs",
    "frequencyPenalty": "frequency_penalty",
    "presencePenalty": "presence_penalty",
    "stopSequences": "stop_seqs",
}
_READ = ("contents", "systemInstruction", "generationConfig", "tools", "toolConfig")
# Members whose own members are the caller's words, not the API's.
_FREE = ("args", "response", "properties")
_DATA = ("thoughtSignature", "data")
_SCHEMAS = ("parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema")


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
    return value


# -- a recorded body as a call -----------------------------------------------------------------


def recorded_call(body: dict[str, Any], *, stream: bool = False) -> Recorded:
    """The call that a caller of modeld would have made."""
    body = spelled(body)
    config = GenerateConfig()
    extra = {name: value for name, value in body.items() if name not in _READ}
    generation = _read_generation(body.get("generationConfig") or {}, config)
    if generation:
        extra["generationConfig"] = generation
    tools, others = [], []
    for tool in body.get("tools") or []:
        if "functionDeclarations" in tool:
            tools += [_tool(function) for function in tool["functionDeclarations"]]
        else:
            others.append(tool)
    if others:
        extra["tools"] = others
    choice, rest = _tool_choice(dict(body.get("toolConfig") or {}))
    if rest:
        extra["toolConfig"] = rest
    config.extra_body = extra or None
    messages = _system(body) + _messages(body["contents"])
    return Recorded(messages, tools, choice, config, stream)


def _read_generation(wire: dict[str, Any], config: GenerateConfig) -> dict[str, Any]:
    """Fills the config; returns what it has no word for."""
    rest: dict[str, Any] = {}
    for name, value in wire.items():
        if name in _CONFIG:
            setattr(config, _CONFIG[name], value)
        elif name in ("responseJsonSchema", "responseSchema"):
            schema = JSONSchema.from_dict(expressible(json_schema(value), []))
            config.response_schema = ResponseSchema("answer", schema)
        elif name == "responseMimeType" and {"responseJsonSchema", "responseSchema"} & wire.keys():
            continue
        elif name == "thinkingConfig":
            thinking = dict(value)
            level = thinking.pop("thinkingLevel", None)
            config.reasoning_effort = level.lower() if level else None
            config.reasoning_tokens = thinking.pop("thinkingBudget", None)
            config.reasoning_summary = "auto" if thinking.pop("includeThoughts", False) else "none"
            assert not thinking
        else:
            rest[name] = value
    return rest


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


def _tool(function: dict[str, Any]) -> ToolInfo:
    schema = function.get("parametersJsonSchema") or json_schema(function.get("parameters") or {})
    kept = expressible(schema, [])
    kept = {k: v for k, v in kept.items() if k in ToolParams.__dataclass_fields__}
    if not isinstance(kept.get("additionalProperties", False), bool):
        del kept["additionalProperties"]
    return ToolInfo(function["name"], function.get("description") or "", ToolParams.from_dict(kept))


def _tool_choice(wire: dict[str, Any]) -> tuple[ToolChoice, dict[str, Any]]:
    calling = wire.get("functionCallingConfig") or {}
    mode = str(calling.get("mode", "")).lower()
    names = calling.get("allowedFunctionNames") or []
    if mode in ("any", "none") and len(names) < 2:
        del wire["functionCallingConfig"]
        return ToolFunction(names[0]) if names else ("any" if mode == "any" else "none"), wire
    return "auto", wire


def _system(body: dict[str, Any]) -> list[ChatMessage]:
    system = body.get("systemInstruction")
    if not system:
        return []
    parts = system["parts"] if isinstance(system["parts"], list) else [system["parts"]]
    content: list[Content] = [ContentText(part["text"]) for part in parts]
    return [ChatMessageSystem(content)]


def _messages(contents: list[dict[str, Any]]) -> list[ChatMessage]:
    messages: list[ChatMessage] = []
    names: dict[str, list[str]] = {}
    for at, content in enumerate(contents):
        parts = content.get("parts") or []
        if content.get("role") == "model":
            messages.append(_assistant(parts, at, names))
        else:
            messages += _user(parts, names)
    return messages


def _assistant(
    parts: list[dict[str, Any]], at: int, names: dict[str, list[str]]
) -> ChatMessageAssistant:
    """As this dialect would have kept the answer: markers, signatures and pieces in `internal`."""
    from modeld_daemon.providers.google.parts import read_parts  # noqa: PLC0415

    content, calls = read_parts(parts, f"recorded_{at}")
    for call in calls:
        names.setdefault(call.function, []).append(call.id)
    return ChatMessageAssistant(content or "", tool_calls=calls or None)


def _user(parts: list[dict[str, Any]], names: dict[str, list[str]]) -> list[ChatMessage]:
    messages: list[ChatMessage] = []
    content: list[Content] = []
    for part in parts:
        answer = part.get("functionResponse")
        if answer is None:
            content.append(_part(part))
            continue
        waiting = names.get(answer["name"]) or []
        id = answer.get("id") or (waiting.pop(0) if waiting else None)
        inside: list[Content] = [_part(inner) for inner in answer.get("parts") or []]
        response, error = answer["response"], None
        if response.keys() == {"error"}:
            error = ToolCallError("unknown", str(response["error"]))
        elif response or not inside:
            inside.insert(0, ContentText(json.dumps(response)))
        messages.append(
            ChatMessageTool(inside, tool_call_id=id, function=answer["name"], error=error)
        )
    if content:
        messages.append(ChatMessageUser(content))
    return messages


def _part(part: dict[str, Any]) -> Content:
    if part.keys() == {"text"}:
        return ContentText(part["text"])
    place = part.get("inlineData") or part.get("fileData")
    if place is None or part.keys() - {"inlineData", "fileData"}:
        return ContentData(part)
    kind = place.get("mimeType") or "application/pdf"
    where = place.get("fileUri") or f"data:{kind};base64,{place['data']}"
    family, _, word = kind.partition("/")
    if family == "image" and where.startswith("data:"):
        return ContentImage(where)
    if kind in ("audio/wav", "audio/mpeg", "audio/mp3"):
        return ContentAudio(where, format="wav" if word == "wav" else "mp3")
    if kind == "video/mp4":
        return ContentVideo(where, format="mp4")
    return ContentDocument(where, mime_type=kind)


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
        parts = [normal_part(part) for part in content.get("parts") or []]
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


# -- answers without the project's code ----------------------------------------------------------


def wire_chunks(response: dict[str, Any]) -> list[dict[str, Any]]:
    """The chunks of a stream, or the one plain answer."""
    if "sse" in response:
        lines = "".join(response["sse"]).splitlines()
        return [json.loads(line[5:]) for line in lines if line.startswith("data:")]
    body = response["body"]
    return body if isinstance(body, list) else [body]


def wire_parts(response: dict[str, Any]) -> list[dict[str, Any]]:
    """All parts of the first candidate."""
    return [
        part
        for chunk in wire_chunks(response)
        for candidate in (chunk.get("candidates") or [])[:1]
        for part in (candidate.get("content") or {}).get("parts") or []
    ]


# -- calls through the adapter -------------------------------------------------------------------


def make_call(recorded: Recorded) -> Call:
    return Call(
        "1", recorded.messages, recorded.config, recorded.tools, tool_choice=recorded.tool_choice
    )


def thoughts_of(output: ModelOutput) -> str:
    parts = output.message.content_list
    return "".join(part.reasoning for part in parts if isinstance(part, ContentReasoning))


def calls_of(output: ModelOutput) -> list[ToolCall]:
    return output.message.tool_calls or []


async def play(
    base_url: str, call: Call, model: str, sink: Deltas | None, **args: Any
) -> ModelOutput:
    provider = build(ROW, Connection(base_url, "test-key", args))
    try:
        route = Route("google", model, Account("google", base_url, "f"))
        return await provider.generate(call, route, sink)
    finally:
        await provider.aclose()


async def count(base_url: str, call: Call, model: str) -> TokenCount:
    provider = build(ROW, Connection(base_url, "test-key"))
    try:
        return await provider.count_tokens(
            call, Route("google", model, Account("google", base_url, "f"))
        )
    finally:
        await provider.aclose()
