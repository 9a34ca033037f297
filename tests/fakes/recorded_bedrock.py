"""Recorded Converse requests as modeld's values: what a caller would have asked for."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any
from urllib.parse import unquote

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
from modeld_daemon.core.ports import Connection
from modeld_daemon.providers.bedrock.adapter import build
from modeld_daemon.providers.bedrock.response import output_from
from modeld_daemon.providers.catalog import ROWS
from tests.fakes.deltas import Deltas
from tests.fakes.keeping import kept
from tests.fakes.recorded_openai import Recorded, expressible

ROW = next(row for row in ROWS if row.name == "bedrock")
SESSION = {
    "AWS_ACCESS_KEY_ID": "AKIATESTTESTTESTTEST",
    "AWS_SECRET_ACCESS_KEY": "test-secret",
    "AWS_REGION": "us-east-1",
}
_INFERENCE = {"maxTokens": "max_tokens", "temperature": "temperature", "topP": "top_p"}
_READ = ("messages", "system", "inferenceConfig", "toolConfig", "outputConfig")


# -- a recorded body as a call -----------------------------------------------------------------


def recorded_call(body: dict[str, Any], *, stream: bool = False) -> Recorded:
    """The call that a caller of modeld would have made."""
    config = GenerateConfig(cache_prompt=False)
    extra = {name: value for name, value in body.items() if name not in _READ}
    for name, value in (body.get("inferenceConfig") or {}).items():
        if name == "stopSequences":
            config.stop_seqs = value
        else:
            setattr(config, _INFERENCE[name], value)
    _read_further(extra, config)
    form = (body.get("outputConfig") or {}).get("textFormat")
    if form:
        wire = form["structure"]["jsonSchema"]
        schema = JSONSchema.from_dict(expressible(json.loads(wire["schema"]), []))
        config.response_schema = ResponseSchema(wire["name"], schema, wire.get("description"))
    tools, choice = _tools(body.get("toolConfig") or {}, extra)
    config.extra_body = extra or None
    system: list[ChatMessage] = []
    if body.get("system"):
        system = [ChatMessageSystem(_marked(body["system"]))]
    return Recorded(system + _messages(body["messages"]), tools, choice, config, stream)


def _read_further(extra: dict[str, Any], config: GenerateConfig) -> None:
    further = dict(extra.pop("additionalModelRequestFields", None) or {})
    thinking = further.get("thinking")
    if thinking == {"type": "enabled", "budget_tokens": 1024}:
        config.reasoning_tokens = 1024
        del further["thinking"]
    if further.get("reasoning_config"):
        config.reasoning_effort = further.pop("reasoning_config")
    if further.get("inferenceConfig", {}).keys() == {"topK"}:
        config.top_k = further.pop("inferenceConfig")["topK"]
    if further:
        extra["additionalModelRequestFields"] = further


def _tools(wire: dict[str, Any], extra: dict[str, Any]) -> tuple[list[ToolInfo], ToolChoice]:
    tools = []
    others = []
    for tool in wire.get("tools") or []:
        spec = tool.get("toolSpec")
        if spec is None:
            others.append(tool)
            continue
        kept = expressible(spec["inputSchema"]["json"], [])
        kept = {k: v for k, v in kept.items() if k in ToolParams.__dataclass_fields__}
        if not isinstance(kept.get("additionalProperties", False), bool):
            del kept["additionalProperties"]
        options = {"strict": spec["strict"]} if "strict" in spec else None
        parameters = ToolParams.from_dict(kept)
        tools.append(ToolInfo(spec["name"], spec.get("description") or "", parameters, options))
    if others:
        extra["toolConfig"] = {"tools": others}
    choice = wire.get("toolChoice") or {"auto": {}}
    if "tool" in choice:
        return tools, ToolFunction(choice["tool"]["name"])
    return tools, "any" if "any" in choice else "auto"


def _messages(wire: list[dict[str, Any]]) -> list[ChatMessage]:
    messages: list[ChatMessage] = []
    for message in wire:
        if message["role"] == "assistant":
            messages.append(_assistant(message))
        else:
            messages += _user(message["content"])
    return messages


def _assistant(message: dict[str, Any]) -> ChatMessageAssistant:
    """As this dialect would have kept the answer."""
    output = output_from({"output": {"message": message}}, "m", [], None)
    return output.message


def _user(blocks: list[dict[str, Any]]) -> list[ChatMessage]:
    messages: list[ChatMessage] = []
    rest = []
    for block in blocks:
        answer = block.get("toolResult")
        if answer is None:
            rest.append(block)
            continue
        error = None
        inside = [_part(part) for part in answer["content"]]
        if answer.get("status") == "error":
            error = ToolCallError("unknown", answer["content"][0]["text"])
        messages.append(ChatMessageTool(inside, tool_call_id=answer["toolUseId"], error=error))
    if rest:
        messages.append(ChatMessageUser(_marked(rest)))
    return messages


def _marked(blocks: list[dict[str, Any]]) -> list[Content]:
    """The content; a cache point after a text is a mark of the text."""
    content: list[Content] = []
    for block in blocks:
        last = content[-1] if content else None
        if "cachePoint" in block and isinstance(last, ContentText):
            last.cache_breakpoint = True
        else:
            content.append(_part(block))
    return content


def _part(block: dict[str, Any]) -> Content:
    kind, value = next(iter(block.items()))
    if kind == "text":
        return ContentText(value)
    if kind == "json":
        return ContentData(value)
    source = value.get("source", {})
    where = source.get("s3Location", {}).get("uri")
    if kind == "image":
        return ContentImage(where or f"data:image/{value['format']};base64,{source['bytes']}")
    if kind == "video":
        return ContentVideo(where or f"data:video/mp4;base64,{source['bytes']}", format="mp4")
    if kind == "document" and "context" not in value and "text" in source:
        text = base64.b64encode(source["text"].encode()).decode()
        uri = f"data:text/plain;base64,{text}"
        return ContentDocument(uri, filename=value["name"], citations="citations" in value)
    if kind == "document" and value["format"] == "pdf" and "citations" not in value:
        uri = where or f"data:application/pdf;base64,{source['bytes']}"
        return ContentDocument(uri, filename=value["name"], mime_type="application/pdf")
    return ContentData(block)


# -- the wire without the project's code ---------------------------------------------------------


def frames(data: bytes) -> list[tuple[dict[str, str], Any]]:
    """Headers and payloads of an event stream."""
    found, at = [], 0
    while at < len(data):
        total, head = struct.unpack_from(">II", data, at)
        headers, place, end = {}, at + 12, at + 12 + head
        while place < end:
            size = data[place]
            name = data[place + 1 : place + 1 + size].decode()
            (length,) = struct.unpack_from(">H", data, place + 2 + size)
            start = place + 4 + size
            headers[name] = data[start : start + length].decode()
            place = start + length
        found.append((headers, json.loads(data[end : at + total - 4] or b"{}")))
        at += total
    return found


def wire_answer(response: dict[str, Any]) -> dict[str, Any]:
    """Texts, thoughts, calls, reason and usage of an answer."""
    said: dict[str, Any] = {"text": "", "thoughts": "", "calls": {}, "signatures": []}
    if "body" in response:
        for block in response["body"]["output"]["message"]["content"]:
            _add_block(said, block)
        said["reason"], said["usage"] = response["body"]["stopReason"], response["body"]["usage"]
        return said
    kinds: dict[int, dict[str, Any]] = {}
    inputs: dict[str, str] = {}
    for headers, event in frames(base64.b64decode(response["eventstream_b64"])):
        kind, index = headers[":event-type"], event.get("contentBlockIndex", -1)
        if kind == "contentBlockStart":
            use = kinds[index] = event["start"].get("toolUse") or {}
            if use and use.get("type") != "server_tool_use":
                said["calls"][use["toolUseId"]] = (use["name"], {})
        elif kind == "contentBlockDelta":
            delta = event["delta"]
            said["text"] += delta.get("text", "")
            thought = delta.get("reasoningContent", {})
            said["thoughts"] += thought.get("text", thought.get("redactedContent", ""))
            if thought.get("signature"):
                said["signatures"].append(thought["signature"])
            if "toolUse" in delta:
                id = kinds[index]["toolUseId"]
                inputs[id] = inputs.get(id, "") + delta["toolUse"]["input"]
        elif kind == "messageStop":
            said["reason"] = event["stopReason"]
        elif kind == "metadata":
            said["usage"] = event["usage"]
    for id, (name, _) in said["calls"].items():
        said["calls"][id] = (name, json.loads(inputs.get(id) or "{}"))
    return said


def _add_block(said: dict[str, Any], block: dict[str, Any]) -> None:
    said["text"] += block.get("text", "")
    for piece in block.get("citationsContent", {}).get("content", []):
        said["text"] += piece["text"]
    thoughts = block.get("reasoningContent", {})
    thought = thoughts.get("reasoningText", {})
    said["thoughts"] += thought.get("text", thoughts.get("redactedContent", ""))
    if thought.get("signature"):
        said["signatures"].append(thought["signature"])
    use = block.get("toolUse")
    if use and use.get("type") != "server_tool_use":
        said["calls"][use["toolUseId"]] = (use["name"], use["input"])


def normal(body: dict[str, Any]) -> dict[str, Any]:
    """The body in the form in which requests that mean the same are equal."""
    body = json.loads(json.dumps(body))
    for name in ("system", "inferenceConfig", "additionalModelRequestFields"):
        if not body.get(name):
            body.pop(name, None)
    body.get("inferenceConfig", {}).pop("stopSequences", None) if not body.get(
        "inferenceConfig", {}
    ).get("stopSequences") else None
    tools = body.get("toolConfig") or {}
    if tools.get("toolChoice") == {"auto": {}}:
        del tools["toolChoice"]
    tools["tools"] = sorted(tools.get("tools") or [], key=lambda tool: "systemTool" in tool)
    for tool in tools["tools"]:
        spec = tool.get("toolSpec")
        if spec:
            spec["inputSchema"] = None
            spec.setdefault("description", "")
    form = body.get("outputConfig", {}).get("textFormat")
    if form:
        form["structure"]["jsonSchema"]["schema"] = None
    for message in body["messages"]:
        for block in message["content"]:
            _normalize(block, message["role"])
    merged: list[dict[str, Any]] = []
    for message in body["messages"]:
        if merged and merged[-1]["role"] == message["role"]:
            merged[-1]["content"] += message["content"]
        else:
            merged.append(message)
    body["messages"] = merged
    return body


def _normalize(block: dict[str, Any], role: str) -> None:
    answer = block.get("toolResult")
    if answer and role == "user":
        answer.setdefault("status", "success")
    if block.get("toolUse", {}).get("type") == "tool_use":
        del block["toolUse"]["type"]
    inner = answer["content"] if answer else [block]
    for part in inner:
        for kind in ("image", "video", "document"):
            if kind in part and part[kind].get("format") == "jpg":
                part[kind]["format"] = "jpeg"


# -- calls through the adapter -------------------------------------------------------------------


def model_of(exchange: dict[str, Any]) -> str:
    """The model as a caller names it."""
    path = exchange["request"]["url"].split("/model/", 1)[1]
    return unquote(path.rpartition("/")[0])


def make_call(recorded: Recorded) -> Call:
    return Call(
        "1", recorded.messages, recorded.config, recorded.tools, tool_choice=recorded.tool_choice
    )


def calls_of(output: ModelOutput) -> list[ToolCall]:
    return output.message.tool_calls or []


async def play(
    base_url: str, call: Call, model: str, sink: Deltas | None, **args: Any
) -> ModelOutput:
    route = Route("bedrock", model, Account("bedrock", base_url, "f"))
    connection = Connection(base_url, None, args, SESSION)
    return await kept(lambda: build(ROW, connection), call, route, sink)
