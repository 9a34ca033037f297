"""Messages of a call to the `system` and `messages` of a request. Pure.

https://platform.claude.com/docs/en/api/messages
The API puts neighbours of one role together; they are put together here, block by block, because
all answers to the calls of a turn must stand in one message, in front of anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modeld.errors import InvalidRequest
from modeld.types import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    Content,
    ContentData,
    ContentDocument,
    ContentImage,
    ContentReasoning,
    ContentText,
    JsonObject,
    JsonValue,
)

from .history import assistant_blocks, wire_id
from .media import document, image

__all__ = ["Conversation", "messages_to_wire"]

NO_CONTENT = "(no content)"
"""Stands for a message that says nothing: the API takes no empty texts."""


@dataclass(slots=True)
class Conversation:
    """The wire's conversation, and what could not be said in it."""

    system: str | list[JsonObject] | None = None
    messages: list[JsonObject] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def messages_to_wire(
    messages: Sequence[ChatMessage], mark: JsonObject, *, system_turns: bool
) -> Conversation:
    """The wire's conversation.

    Args:
        messages: The conversation.
        mark: What the caller's marks of the prompt cache are sent as.
        system_turns: Whether a system message may stay in the middle, after the user's turn.
    """
    wire = Conversation()
    system: list[str | list[JsonObject]] = []
    for message in messages:
        if isinstance(message, ChatMessageSystem):
            content = _content(message.content, mark)
            if system_turns and wire.messages and wire.messages[-1]["role"] != "assistant":
                _append(wire.messages, "system", content or NO_CONTENT)
            elif content:
                system.append(content)
        elif isinstance(message, ChatMessageTool):
            _append(wire.messages, "user", [_tool_result(message, mark)])
        elif isinstance(message, ChatMessageAssistant):
            _append(wire.messages, "assistant", _assistant(message, mark, wire.warnings))
        else:
            _append(wire.messages, "user", _content(message.content, mark) or NO_CONTENT)
    if system:
        only_text = len(system) == 1 and isinstance(system[0], str)
        wire.system = system[0] if only_text else [b for part in system for b in _blocks(part)]
    for turn in wire.messages:
        _answers_first(turn)
    _trim_end(wire.messages)
    return wire


def _assistant(
    message: ChatMessageAssistant, mark: JsonObject, warnings: list[str]
) -> str | list[JsonObject]:
    if isinstance(message.content, str) and message.content.strip() and not message.tool_calls:
        return message.content
    return assistant_blocks(message, mark, warnings) or NO_CONTENT


def _append(messages: list[JsonObject], role: str, content: str | list[JsonObject]) -> None:
    if not messages or messages[-1]["role"] != role:
        messages.append({"role": role, "content": content})
        return
    messages[-1]["content"] = [*_blocks(messages[-1]["content"]), *_blocks(content)]


def _blocks(content: str | list[JsonObject]) -> list[JsonObject]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _answers_first(message: JsonObject) -> None:
    content = message["content"]
    if message["role"] != "user" or isinstance(content, str):
        return
    if any(b.get("type") == "tool_result" for b in content):
        content.sort(key=lambda block: block.get("type") != "tool_result")  # keeps their order


def _trim_end(messages: list[JsonObject]) -> None:
    """The API takes no answer to go on with that ends in white space."""
    if not messages or messages[-1]["role"] != "assistant":
        return
    content = messages[-1]["content"]
    if isinstance(content, str):
        messages[-1]["content"] = content.rstrip() or NO_CONTENT
    elif content[-1].get("type") == "text":
        content[-1] = {**content[-1], "text": content[-1]["text"].rstrip() or NO_CONTENT}


def _content(content: str | list[Content], mark: JsonObject) -> str | list[JsonObject]:
    """Empty where there is nothing to say."""
    if isinstance(content, str):
        return content if content.strip() else ""
    blocks = [_block(part, mark) for part in content]
    return [block for block in blocks if block is not None]


def _block(part: Content, mark: JsonObject) -> JsonObject | None:
    if isinstance(part, ContentText):
        return _text(part, mark)
    convert = _CONVERTERS.get(type(part))
    if convert is None:
        raise InvalidRequest(f"Anthropic takes no {part.type} part in this message.")
    return convert(part)


def _text(part: ContentText, mark: JsonObject) -> JsonObject | None:
    """The text; None where it is empty."""
    if not part.text.strip():
        return None
    wire: JsonObject = {"type": "text", "text": part.text}
    if part.cache_breakpoint:
        wire["cache_control"] = mark
    return wire


_CONVERTERS: Mapping[type, Callable[[Any], JsonObject]] = {
    ContentImage: image,
    ContentDocument: document,
    ContentReasoning: lambda part: {"type": "text", "text": part.text},
    ContentData: lambda part: dict(part.data),
}


def _tool_result(message: ChatMessageTool, mark: JsonObject) -> JsonObject:
    wire: JsonObject = {"type": "tool_result", "tool_use_id": wire_id(message.tool_call_id or "")}
    content: JsonValue
    if message.error is not None:
        # an error must say something
        content = message.error.message or message.text or "error"
        wire["is_error"] = True
    elif isinstance(message.content, str):
        content = message.content
    else:
        content = _content(message.content, mark)
        if (
            content
            and isinstance(content[-1], dict)
            and isinstance(message.content[-1], ContentText)
        ):
            # what ends with the answer is marked at the answer
            marked = content[-1].pop("cache_control", None)
            if marked is not None:
                wire["cache_control"] = marked
    wire["content"] = content
    return wire
