"""Recorded `generateContent` requests as modeld's values: what a caller would have asked for."""

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
from tests.fakes.deltas import Deltas
from tests.fakes.keeping import kept
from tests.fakes.normal_google import json_schema, spelled
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
    route = Route("google", model, Account("google", base_url, "f"))
    connection = Connection(base_url, "test-key", args)
    return await kept(lambda: build(ROW, connection), call, route, sink)


async def count(base_url: str, call: Call, model: str) -> TokenCount:
    provider = build(ROW, Connection(base_url, "test-key"))
    try:
        return await provider.count_tokens(
            call, Route("google", model, Account("google", base_url, "f"))
        )
    finally:
        await provider.aclose()
