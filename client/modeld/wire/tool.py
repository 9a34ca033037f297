"""Tools, tool calls and tool choice."""

from __future__ import annotations

from modeld.v1 import tool_pb2 as pb

from ..types import (
    ToolCall,
    ToolCallContent,
    ToolCallError,
    ToolChoice,
    ToolFunction,
    ToolInfo,
    ToolParams,
)
from . import enums
from .jsontext import dump, dump_object, load_object
from .naming import build, unknown


def tool_info_to_proto(tool: ToolInfo) -> pb.ToolInfo:
    """A tool as the model sees it."""
    return build(pb.ToolInfo(), fill_tool_info, tool, "tool")


def fill_tool_info(out: pb.ToolInfo, tool: ToolInfo) -> None:
    """Write a tool into an empty message."""
    out.name = tool.name
    out.description = tool.description
    out.parameters_json = dump(tool.parameters.to_dict())
    if tool.options is not None:
        out.options_json = dump_object(tool.options)


def tool_info_from_proto(proto: pb.ToolInfo) -> ToolInfo:
    """A tool as the model sees it."""
    schema = load_object(proto.parameters_json, "ToolInfo.parameters_json")
    options = None
    if proto.HasField("options_json"):
        options = load_object(proto.options_json, "ToolInfo.options_json")
    return ToolInfo(proto.name, proto.description, ToolParams.from_dict(schema), options)


def tool_call_to_proto(call: ToolCall) -> pb.ToolCall:
    """A call that the model asks for."""
    return build(pb.ToolCall(), fill_tool_call, call, "tool_call")


def fill_tool_call(out: pb.ToolCall, call: ToolCall) -> None:
    """Write a call into an empty message."""
    out.id = call.id
    out.function = call.function
    out.arguments_json = dump_object(call.arguments)
    if call.parse_error is not None:
        out.parse_error = call.parse_error
    if call.view is not None:
        _fill_view(out.view, call.view)
    out.type = enums.TOOL_CALL_TYPE[call.type]


def _fill_view(out: pb.ToolCallContent, view: ToolCallContent) -> None:
    if view.title is not None:
        out.title = view.title
    out.format = enums.TOOL_CALL_CONTENT_FORMAT[view.format]
    out.content = view.content


def tool_call_from_proto(proto: pb.ToolCall) -> ToolCall:
    """A call that the model asks for."""
    kind = enums.TOOL_CALL_TYPE_WORD.get(proto.type)
    if kind is None:
        unknown("ToolCall.type", proto.type)
    return ToolCall(
        proto.id,
        proto.function,
        load_object(proto.arguments_json, "ToolCall.arguments_json"),
        proto.parse_error if proto.HasField("parse_error") else None,
        _read_view(proto.view) if proto.HasField("view") else None,
        kind,
    )


def _read_view(proto: pb.ToolCallContent) -> ToolCallContent:
    text_format = enums.TOOL_CALL_CONTENT_FORMAT_WORD.get(proto.format)
    if text_format is None:
        unknown("ToolCallContent.format", proto.format)
    title = proto.title if proto.HasField("title") else None
    return ToolCallContent(title=title, format=text_format, content=proto.content)


def fill_tool_call_error(out: pb.ToolCallError, error: ToolCallError) -> None:
    """Write why a tool failed into an empty message."""
    out.type = enums.TOOL_CALL_ERROR_TYPE[error.type]
    out.message = error.message


def tool_call_error_from_proto(proto: pb.ToolCallError) -> ToolCallError:
    """Why a tool failed; a reason of a newer version is "unknown"."""
    return ToolCallError(enums.TOOL_CALL_ERROR_TYPE_WORD.get(proto.type, "unknown"), proto.message)


def tool_choice_to_proto(choice: ToolChoice) -> pb.ToolChoice:
    """Which tools the model may or must call."""
    return build(pb.ToolChoice(), fill_tool_choice, choice, "tool_choice")


def fill_tool_choice(out: pb.ToolChoice, choice: ToolChoice) -> None:
    """Write a choice into an empty message."""
    if isinstance(choice, ToolFunction):
        out.function = choice.name
    else:
        out.mode = enums.TOOL_CHOICE_MODE[choice]


def tool_choice_from_proto(proto: pb.ToolChoice) -> ToolChoice:
    """Which tools the model may or must call."""
    if proto.HasField("function"):
        return ToolFunction(proto.function)
    mode: ToolChoice | None = enums.TOOL_CHOICE_MODE_WORD.get(proto.mode)
    if mode is None:
        unknown("ToolChoice.mode", proto.mode)
    return mode
