"""Tools and the choice among them. Pure.

https://platform.openai.com/docs/guides/tools
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modeld.types import (
    GenerateConfig,
    ImageOutput,
    JsonObject,
    JsonValue,
    ToolChoice,
    ToolFunction,
    ToolInfo,
)

from .options import ResponsesQuirks

__all__ = [
    "has_native",
    "image_tool",
    "tool_choice_to_wire",
    "tool_to_wire",
    "uses_computer",
    "wanted_tools",
]

# What a tool with the reference's name is here, when `options["openai"]` gives no type.
_NATIVE: Mapping[str, JsonObject] = {
    "code_execution": {"type": "code_interpreter", "container": {"type": "auto"}},
    "computer": {"type": "computer"},
    "image_generation": {"type": "image_generation"},
    "web_search": {"type": "web_search"},
}
_MCP_PREFIX = "mcp_server_"
# Members of a function that the values have no field for; `options` may hold them.
_FUNCTION_MEMBERS = ("strict", "defer_loading", "allowed_callers", "output_schema")
_COMPUTERS = ("computer", "computer_use_preview")


def native_tool(tool: ToolInfo) -> JsonObject | None:
    """The tool as OpenAI's own, or None where it is a function or a custom tool of the caller's.

    `options["openai"]` is the tool as the API writes it; its type may be left out where the tool
    has the name of a well-known one.
    """
    options = tool.options or {}
    said = options.get("openai")
    if said is not None and said is not False:
        wire = dict(_NATIVE.get(tool.name, {}))
        if isinstance(said, dict):
            wire = {**({} if "type" in said else wire), **said}
        return wire if "type" in wire else None
    if tool.name.startswith(_MCP_PREFIX) and options.get("url"):
        return _mcp(tool.name, options)
    return None


def _mcp(name: str, options: JsonObject) -> JsonObject:
    """A remote MCP server, as the reference writes one into a tool's options."""
    wire: JsonObject = {
        "type": "mcp",
        "server_label": options.get("name") or name.removeprefix(_MCP_PREFIX),
        "server_url": options["url"],
        "require_approval": options.get("require_approval", "never"),
    }
    if isinstance(options.get("tools"), list):
        wire["allowed_tools"] = options["tools"]
    for member in ("headers", "authorization"):
        if options.get(member):
            wire[member] = options[member]
    return wire


def wanted_tools(tools: Sequence[ToolInfo], config: GenerateConfig) -> list[ToolInfo]:
    """The tools, functions all where none of OpenAI's may stand in for the caller's own."""
    if config.internal_tools is not False:
        return list(tools)
    return [_without_stand_in(tool) if tool.name in _NATIVE else tool for tool in tools]


def _without_stand_in(tool: ToolInfo) -> ToolInfo:
    options = {name: value for name, value in (tool.options or {}).items() if name != "openai"}
    return ToolInfo(tool.name, tool.description, tool.parameters, options=options or None)


def has_native(tools: Sequence[ToolInfo], config: GenerateConfig) -> bool:
    """Whether a call asks for what only the Responses API has: native tools, or pictures."""
    wanted = wanted_tools(tools, config)
    return bool(config.modalities) or any(native_tool(tool) is not None for tool in wanted)


def uses_computer(tools: Sequence[JsonObject]) -> bool:
    """Whether a computer is among the wire's tools."""
    return any(tool.get("type") in _COMPUTERS for tool in tools)


def tool_to_wire(tool: ToolInfo, quirks: ResponsesQuirks) -> JsonObject:
    """A tool of the request."""
    native = native_tool(tool)
    if native is not None:
        return native
    options = tool.options or {}
    if "custom" in options:
        custom = options["custom"] or {}
        return {"type": "custom", "name": tool.name, "description": tool.description, **custom}
    wire: JsonObject = {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters.to_dict(),
        "strict": quirks.strict_tools,
    }
    wire.update({name: options[name] for name in _FUNCTION_MEMBERS if name in options})
    return wire


def image_tool(config: GenerateConfig) -> JsonObject | None:
    """The tool that makes pictures, if they are asked for."""
    for modality in config.modalities or ():
        options = modality.options if isinstance(modality, ImageOutput) else None
        return {"type": "image_generation", **((options or {}).get("openai") or {})}
    return None


def tool_choice_to_wire(choice: ToolChoice, tools: Sequence[ToolInfo]) -> JsonValue:
    """The choice; a native tool is chosen by its type."""
    if not isinstance(choice, ToolFunction):
        return "required" if choice == "any" else choice
    chosen = next((tool for tool in tools if tool.name == choice.name), None)
    native = native_tool(chosen) if chosen is not None else None
    if native is not None:
        named = {"server_label": native["server_label"]} if native["type"] == "mcp" else {}
        return {"type": native["type"], **named}
    kind = "custom" if chosen is not None and "custom" in (chosen.options or {}) else "function"
    return {"type": kind, "name": choice.name}
