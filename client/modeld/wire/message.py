"""Messages of a conversation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from modeld.v1 import message_pb2 as pb

from ..types import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    Content,
)
from . import enums
from .content import content_from_proto, fill_content
from .jsontext import dump_object, load_object
from .naming import MISFITS, build, named, unknown
from .tool import (
    fill_tool_call,
    fill_tool_call_error,
    tool_call_error_from_proto,
    tool_call_from_proto,
)

_ASSISTANT = pb.ROLE_ASSISTANT
_USER = pb.ROLE_USER
_TOOL = pb.ROLE_TOOL
_SYSTEM = pb.ROLE_SYSTEM


def message_to_proto(message: ChatMessage) -> pb.ChatMessage:
    """One message."""
    return build(pb.ChatMessage(), fill_message, message, "message")


def fill_messages(out: Any, messages: Iterable[ChatMessage], name: str = "messages") -> None:
    """Append messages to a repeated field; errors name the message by its index."""
    message: object = None
    index = 0
    try:
        for index, message in enumerate(messages):  # noqa: B007  used by the error
            fill_message(out.add(), message)
    except MISFITS as error:
        raise named(error, message, f"{name}[{index}]") from None


def fill_message(out: pb.ChatMessage, message: ChatMessage) -> None:
    """Write a message into an empty one."""
    role = message.role
    out.role = enums.ROLE[role]
    content = message.content
    if isinstance(content, str):
        out.text = content
    else:
        out.parts.SetInParent()
        parts = out.parts.parts
        for part in content:
            fill_content(parts.add(), part)
    if message.id is not None:
        out.id = message.id
    if message.source is not None:
        out.source = enums.MESSAGE_SOURCE[message.source]
    if message.metadata is not None:
        out.metadata_json = dump_object(message.metadata)
    if role != "system":
        _FILL[role](out, message)


def _fill_user(out: pb.ChatMessage, message: ChatMessageUser) -> None:
    if message.tool_call_id:
        out.moved_tool_call_ids.extend(message.tool_call_id)


def _fill_assistant(out: pb.ChatMessage, message: ChatMessageAssistant) -> None:
    if message.tool_calls:
        for call in message.tool_calls:
            fill_tool_call(out.tool_calls.add(), call)
    if message.model is not None:
        out.model = message.model


def _fill_tool(out: pb.ChatMessage, message: ChatMessageTool) -> None:
    if message.tool_call_id is not None:
        out.tool_call_id = message.tool_call_id
    if message.function is not None:
        out.function = message.function
    if message.error is not None:
        fill_tool_call_error(out.error, message.error)


_FILL: dict[str, Any] = {"user": _fill_user, "assistant": _fill_assistant, "tool": _fill_tool}


def message_from_proto(proto: pb.ChatMessage) -> ChatMessage:
    """One message; fields of other roles are ignored."""
    role = proto.role
    content: str | list[Content] = proto.text
    if not content and proto.HasField("parts"):
        content = [content_from_proto(part) for part in proto.parts.parts]
    ident = proto.id or ("" if proto.HasField("id") else None)
    source = enums.MESSAGE_SOURCE_WORD.get(proto.source)
    metadata = None
    if proto.HasField("metadata_json"):
        metadata = load_object(proto.metadata_json, "ChatMessage.metadata_json")
    if role == _ASSISTANT:
        return ChatMessageAssistant(
            content,
            id=ident,
            source=source,
            metadata=metadata,
            tool_calls=[tool_call_from_proto(call) for call in proto.tool_calls] or None,
            model=proto.model or ("" if proto.HasField("model") else None),
        )
    if role == _USER:
        moved = list(proto.moved_tool_call_ids) or None
        return ChatMessageUser(
            content, id=ident, source=source, metadata=metadata, tool_call_id=moved
        )
    if role == _TOOL:
        return ChatMessageTool(
            content,
            id=ident,
            source=source,
            metadata=metadata,
            tool_call_id=proto.tool_call_id if proto.HasField("tool_call_id") else None,
            function=proto.function if proto.HasField("function") else None,
            error=tool_call_error_from_proto(proto.error) if proto.HasField("error") else None,
        )
    if role != _SYSTEM:
        unknown("ChatMessage.role", role)
    return ChatMessageSystem(content, id=ident, source=source, metadata=metadata)
