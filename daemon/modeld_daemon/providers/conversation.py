"""Conversations in the form that an API takes: what dialects do to messages before they write them.

Pure: messages are never changed, but copied. A dialect calls what its API needs; the order is
`keep_reasoning`, `move_tool_media`, `collapse`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from copy import copy

from modeld.types import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageTool,
    ChatMessageUser,
    Content,
    ContentAudio,
    ContentDocument,
    ContentImage,
    ContentReasoning,
    ContentText,
    ContentVideo,
    ReasoningHistory,
)

__all__ = ["collapse", "keep_reasoning", "move_tool_media"]

_INCLUDED_BELOW: dict[type, str] = {
    ContentImage: "Image content is included below.",
    ContentAudio: "Audio content is included below.",
    ContentVideo: "Video content is included below.",
    ContentDocument: "Document content is included below.",
}


def keep_reasoning(
    messages: Sequence[ChatMessage],
    mode: ReasoningHistory | None,
    *,
    auto: ReasoningHistory = "all",
    force: ReasoningHistory | None = None,
) -> list[ChatMessage]:
    """The messages with the reasoning that goes back to the model.

    Args:
        messages: The conversation.
        mode: What the caller asks for: all, last (of the newest assistant message), none or auto.
        auto: What auto and None mean for the API.
        force: What the API needs, whatever the caller asks for.
    """
    chosen = force or (auto if mode in (None, "auto") else mode)
    if chosen == "all":
        return list(messages)
    last = max(
        (i for i, m in enumerate(messages) if isinstance(m, ChatMessageAssistant)), default=-1
    )
    return [
        message if chosen == "last" and index == last else _without_reasoning(message)
        for index, message in enumerate(messages)
    ]


def _without_reasoning(message: ChatMessage) -> ChatMessage:
    if not isinstance(message, ChatMessageAssistant) or isinstance(message.content, str):
        return message
    kept: list[Content] = [
        part for part in message.content if not isinstance(part, ContentReasoning)
    ]
    if len(kept) == len(message.content):
        return message
    bare = copy(message)
    bare.content = kept
    return bare


def move_tool_media(
    messages: Sequence[ChatMessage], taken: Collection[type] = ()
) -> list[ChatMessage]:
    """The messages with the media of tools' answers in a user message after the whole block of
    answers, because nothing may stand between a call and its answers. A text stays in their place.

    Args:
        messages: The conversation.
        taken: Kinds of media that the API takes in an answer; they stay.
    """
    moving = tuple(kind for kind in _INCLUDED_BELOW if kind not in taken)
    result: list[ChatMessage] = []
    media: list[Content] = []
    calls: list[str] = []
    for message in messages:
        if isinstance(message, ChatMessageTool):
            result.append(_without_media(message, moving, media, calls))
            continue
        if media:
            result.append(ChatMessageUser(content=media, tool_call_id=calls))
            media, calls = [], []
        result.append(message)
    if media:
        result.append(ChatMessageUser(content=media, tool_call_id=calls))
    return result


def _without_media(
    message: ChatMessageTool, moving: tuple[type, ...], media: list[Content], calls: list[str]
) -> ChatMessageTool:
    if isinstance(message.content, str):
        return message
    moved = [part for part in message.content if isinstance(part, moving)]
    if not moved:
        return message
    media += moved
    if message.tool_call_id is not None:
        calls.append(message.tool_call_id)
    bare = copy(message)
    bare.content = [
        ContentText(_INCLUDED_BELOW[type(part)]) if isinstance(part, moving) else part
        for part in message.content
    ]
    return bare


def collapse(messages: Sequence[ChatMessage], roles: Collection[str]) -> list[ChatMessage]:
    """The messages with neighbours of one role made one, for these roles: texts are joined by a
    line break, lists are put together, tool calls too.
    """
    result: list[ChatMessage] = []
    for message in messages:
        before = result[-1] if result else None
        if before is None or message.role not in roles or before.role != message.role:
            result.append(message)
        else:
            result[-1] = _joined(before, message)
    return result


def _joined(one: ChatMessage, two: ChatMessage) -> ChatMessage:
    both = copy(one)
    if isinstance(one.content, str) and isinstance(two.content, str):
        both.content = f"{one.content}\n{two.content}"
    else:
        both.content = [*one.content_list, *two.content_list]
    if isinstance(both, ChatMessageAssistant) and isinstance(two, ChatMessageAssistant):
        both.tool_calls = [*(both.tool_calls or ()), *(two.tool_calls or ())] or None
    return both
