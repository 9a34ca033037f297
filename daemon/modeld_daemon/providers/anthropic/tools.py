"""Tools and the choice of them. Pure.

https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview
A tool is a function of the caller's, unless its options make it one of Anthropic's own:
`options["anthropic"]` holds members of the wire's tool and, with a `type` such as
`web_search_20250305`, all of a native one. `web_search` and `code_execution` with such options,
but no type, get the type that is named below.
"""

from __future__ import annotations

from collections.abc import Sequence

from modeld.types import (
    ChatMessage,
    ChatMessageAssistant,
    GenerateConfig,
    JsonObject,
    ToolChoice,
    ToolFunction,
    ToolInfo,
)

__all__ = ["choice_to_wire", "tools_of_history", "tools_to_wire"]

_MEMBERS = (
    "strict",
    "defer_loading",
    "allowed_callers",
    "input_examples",
    "eager_input_streaming",
    "cache_control",
    "type",
)
"""Options that are members of the wire's tool under the same name."""

_NAMELESS = frozenset(("mcp_toolset",))
"""Native tools that stand for many and are named by their server; no `name` is taken.

https://platform.claude.com/docs/en/agents-and-tools/mcp-connector
"""

_NATIVE = {"web_search": "web_search_20250305", "code_execution": "code_execution_20250825"}


def tools_to_wire(tools: Sequence[ToolInfo], config: GenerateConfig) -> list[JsonObject]:
    """The wire's tools."""
    return [_tool(tool, native=config.internal_tools is not False) for tool in tools]


def _tool(tool: ToolInfo, *, native: bool) -> JsonObject:
    options = tool.options or {}
    own = options.get("anthropic")
    members = {name: options[name] for name in _MEMBERS if options.get(name) is not None}
    if isinstance(own, dict):
        members.update(own)
        if native and tool.name in _NATIVE:
            members.setdefault("type", _NATIVE[tool.name])
    elif own is True and native and tool.name in _NATIVE:
        members["type"] = _NATIVE[tool.name]
    kind = members.get("type")
    if kind is not None and kind != "custom":
        if native:
            named = {} if kind in _NAMELESS else {"name": tool.name}
            return {"type": kind, **named, **members}
        del members["type"]
    wire: JsonObject = {"name": tool.name, "input_schema": tool.parameters.to_dict()}
    if tool.description:
        wire["description"] = tool.description
    return {**wire, **members}


def tools_of_history(messages: Sequence[ChatMessage]) -> list[JsonObject]:
    """Declarations of the tools that were called before: with calls in the history the API wants
    tools, and a call that may use none of them comes without any.
    """
    names: dict[str, None] = {}
    for message in messages:
        if isinstance(message, ChatMessageAssistant):
            names.update((call.function, None) for call in message.tool_calls or ())
    return [{"name": name, "input_schema": {"type": "object"}} for name in names]


def choice_to_wire(choice: ToolChoice, config: GenerateConfig) -> JsonObject | None:
    """The wire's choice; None where the API's own default, "auto", says the same."""
    wire: JsonObject
    if isinstance(choice, ToolFunction):
        wire = {"type": "tool", "name": choice.name}
    else:
        wire = {"type": choice}
    if config.parallel_tool_calls is False and choice != "none":
        wire["disable_parallel_tool_use"] = True
    return None if wire == {"type": "auto"} else wire
