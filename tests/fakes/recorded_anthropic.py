"""Recorded messages of Anthropic's as modeld's values: what a caller would have asked for.

`recorded_call` turns a recorded request body into a call; `normal` brings a body into the form in
which requests that mean the same are equal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
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
    ToolCallError,
    ToolChoice,
    ToolFunction,
    ToolInfo,
    ToolParams,
)
from modeld_daemon.core.call import Call
from modeld_daemon.providers.anthropic.blocks import parts_from
from tests.fakes.recorded_openai import expressible


@dataclass
class Recorded:
    """A recorded request in modeld's words."""

    messages: list[ChatMessage]
    tools: list[ToolInfo]
    tool_choice: ToolChoice
    config: GenerateConfig
    stream: bool
    args: dict[str, Any] = field(default_factory=dict)

    def call(self) -> Call:
        return Call("1", self.messages, self.config, self.tools, tool_choice=self.tool_choice)


_PLAIN = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "max_tokens": "max_tokens",
    "stop_sequences": "stop_seqs",
}
_ELSEWHERE = ("messages", "model", "stream", "system", "tools", "tool_choice")


def recorded_call(body: dict[str, Any], headers: dict[str, str] | None = None) -> Recorded:
    """The call that a caller of modeld would have made."""
    config = GenerateConfig(cache_prompt=False)  # marks are the caller's only
    extra: dict[str, Any] = {}
    for name, value in body.items():
        if value is None or name in _ELSEWHERE:
            continue
        if name in _PLAIN:
            setattr(config, _PLAIN[name], value)
        elif name == "thinking" and value.get("type") == "enabled":
            config.reasoning_tokens = value["budget_tokens"]
            config.reasoning_summary = "auto" if value.get("display") else None
        elif name == "output_config":
            _add_output_config(config, value)
        else:
            extra[name] = value
    choice = body.get("tool_choice") or {}
    if choice.get("disable_parallel_tool_use"):
        config.parallel_tool_calls = False
    config.extra_body = extra or None
    beta = (headers or {}).get("anthropic-beta")
    # the plain recordings of long answers were not streamed
    args = {"streaming": bool(body.get("stream")), **({"betas": beta} if beta else {})}
    return Recorded(
        [*_system(body.get("system")), *_messages(body["messages"])],
        [_tool(tool) for tool in body.get("tools") or []],
        _tool_choice(choice),
        config,
        bool(body.get("stream")),
        args,
    )


def _add_output_config(config: GenerateConfig, value: dict[str, Any]) -> None:
    config.effort = value.get("effort")
    if "format" in value:
        schema = JSONSchema.from_dict(expressible(value["format"]["schema"], []))
        config.response_schema = ResponseSchema("answer", schema)


def _tool_choice(wire: dict[str, Any]) -> ToolChoice:
    choices: dict[Any, ToolChoice] = {"any": "any", "none": "none"}
    if wire.get("type") == "tool":
        return ToolFunction(wire["name"])
    return choices.get(wire.get("type"), "auto")


def _tool(wire: dict[str, Any]) -> ToolInfo:
    if wire.get("type", "custom") != "custom":
        name = wire.get("name") or wire["mcp_server_name"]
        return ToolInfo(name, "", options={"anthropic": wire})
    schema = expressible(wire["input_schema"], [])
    parameters = ToolParams.from_dict(
        {k: v for k, v in schema.items() if k in ToolParams.__dataclass_fields__}
    )
    rest = {k: v for k, v in wire.items() if k not in ("name", "description", "input_schema")}
    return ToolInfo(wire["name"], wire.get("description") or "", parameters, rest or None)


def _system(wire: Any) -> list[ChatMessage]:
    return [] if wire is None else [ChatMessageSystem(_content(wire))]


def _messages(wire: list[dict[str, Any]]) -> list[ChatMessage]:
    messages: list[ChatMessage] = []
    for message in wire:
        content = message["content"]
        if message["role"] == "system":
            messages.append(ChatMessageSystem(_content(content)))
        elif message["role"] == "assistant":
            messages.append(_assistant(content))
        elif isinstance(content, str):
            messages.append(ChatMessageUser(content))
        else:
            messages += [_result(b) for b in content if b["type"] == "tool_result"]
            rest = [b for b in content if b["type"] != "tool_result"]
            if rest:
                messages.append(ChatMessageUser(_content(rest)))
    return messages


def _assistant(content: Any) -> ChatMessageAssistant:
    if isinstance(content, str):
        return ChatMessageAssistant(content)
    parts = parts_from(content)
    return ChatMessageAssistant(parts.content, tool_calls=parts.calls or None)


def _result(block: dict[str, Any]) -> ChatMessageTool:
    content = block.get("content") or ""
    id = block["tool_use_id"]
    if block.get("is_error"):
        text = content if isinstance(content, str) else content[0]["text"]
        return ChatMessageTool("", tool_call_id=id, error=ToolCallError("unknown", text))
    if "cache_control" in block:
        content = [{"type": "text", "text": content}] if isinstance(content, str) else content
        content = [*content[:-1], {**content[-1], "cache_control": block["cache_control"]}]
    return ChatMessageTool(_content(content), tool_call_id=id)


def _content(wire: Any) -> str | list[Content]:
    return wire if isinstance(wire, str) else [_part(block) for block in wire]


def _part(block: dict[str, Any]) -> Content:
    source = block.get("source") or {}
    mark = block.get("cache_control")
    if block["type"] == "text" and mark in (None, {"type": "ephemeral"}):
        return ContentText(block["text"], cache_breakpoint=True if mark else None)
    if mark is None and isinstance(source, dict):
        where = {
            "base64": f"data:{source.get('media_type')};base64,{source.get('data')}",
            "url": source.get("url") or "",
            "file": source.get("file_id") or "",
        }.get(source.get("type", ""))
        if block["type"] == "image" and where:
            return ContentImage(where)
        if block["type"] == "document" and where:
            return ContentDocument(where, filename=block.get("title") or "")
    return ContentData(block)  # a caller may write any block


# -- requests that mean the same are equal ---------------------------------------------------


def normal(body: dict[str, Any]) -> dict[str, Any]:
    """The body without what says nothing, and with one spelling for what has several."""
    out = {k: v for k, v in body.items() if v is not None and k not in ("messages", "tools")}
    if not out.get("stream"):
        out.pop("stream", None)
    choice = out.get("tool_choice")
    if choice and not choice.get("disable_parallel_tool_use"):
        choice = {k: v for k, v in choice.items() if k != "disable_parallel_tool_use"}
        out["tool_choice"] = choice
    if choice == {"type": "auto"}:
        del out["tool_choice"]
    if "system" in out:
        out["system"] = _normal_blocks(out["system"])
    config = out.get("output_config")
    if config and "format" in config:
        schema = _normal_schema(config["format"]["schema"], top=False)
        out["output_config"] = {**config, "format": {"type": "json_schema", "schema": schema}}
    messages: list[dict[str, Any]] = []
    for message in body["messages"]:
        content = _normal_blocks(message["content"])
        if messages and messages[-1]["role"] == message["role"]:  # the API makes them one
            messages[-1]["content"] += content
        else:
            messages.append({"role": message["role"], "content": content})
    out["messages"] = messages
    if body.get("tools"):
        out["tools"] = [_normal_tool(tool) for tool in body["tools"]]
    return out


def _normal_blocks(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    blocks = []
    for block in content:
        kept = {k: v for k, v in block.items() if v is not None}
        if kept["type"] == "tool_result":
            kept["content"] = _normal_blocks(kept.get("content") or "")
            if not kept.get("is_error"):
                kept.pop("is_error", None)
            kept["content"], mark = _mark_of_the_last(kept["content"])
            if mark:
                kept["cache_control"] = mark
        if kept["type"] == "tool_use" and kept.get("caller") == {"type": "direct"}:
            del kept["caller"]  # as none at all
        if kept.get("citations") == []:
            del kept["citations"]
        blocks.append(kept)
    return blocks


def _mark_of_the_last(blocks: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], Any]:
    if not blocks or "cache_control" not in blocks[-1]:
        return blocks, None
    last = dict(blocks[-1])
    mark = last.pop("cache_control")
    return [*blocks[:-1], last], mark


def _normal_tool(wire: dict[str, Any]) -> dict[str, Any]:
    tool = {k: v for k, v in wire.items() if v not in (None, "")}
    if "input_schema" in tool:
        tool["input_schema"] = _normal_schema(tool["input_schema"], top=True)
    return tool


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
