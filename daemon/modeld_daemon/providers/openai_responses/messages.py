"""Messages of a call to the items of a request's `input`. Pure.

https://platform.openai.com/docs/api-reference/responses/create#responses-create-input
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modeld.errors import InvalidRequest, UnresolvedMediaError
from modeld.types import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageTool,
    Content,
    ContentAudio,
    ContentData,
    ContentDocument,
    ContentImage,
    ContentReasoning,
    ContentText,
    JsonObject,
    JsonValue,
    ReasoningHistory,
)

from ..conversation import keep_reasoning, move_tool_media
from ..http.jsontext import dumps
from .history import assistant_to_input
from .internal import CALL, internal_of

__all__ = ["messages_to_input"]

_FILE_ID = "file-"


def messages_to_input(
    messages: Sequence[ChatMessage],
    system_role: str,
    reasoning_history: ReasoningHistory | None,
    *,
    phase: bool = True,
    cache_marks: bool = False,
) -> list[JsonObject]:
    """The input's items.

    Args:
        messages: The conversation.
        system_role: The role of system messages.
        reasoning_history: Which earlier thoughts go back.
        phase: Whether the phase of earlier messages goes back.
        cache_marks: Whether texts may carry explicit prompt-cache marks.
    """
    kept = keep_reasoning(messages, reasoning_history)
    # An item that lost its thoughts must not be recognised: OpenAI refuses a call that it knows
    # to belong to thoughts which are missing.
    bare = {id(new) for old, new in zip(messages, kept, strict=True) if new is not old}
    kinds = _call_kinds(kept)
    items: list[JsonObject] = []
    for message in move_tool_media(kept, taken=(ContentImage, ContentDocument)):
        if isinstance(message, ChatMessageAssistant):
            items += assistant_to_input(message, known=id(message) not in bare, phase=phase)
        elif isinstance(message, ChatMessageTool):
            items.append(_tool(message, kinds))
        else:
            role = system_role if message.role == "system" else "user"
            items += _said(role, message.content, cache_marks)
    return items


def _said(role: str, content: str | list[Content], cache_marks: bool) -> list[JsonObject]:
    """A message of the user or developer. Data with a role or an item's type is an item itself."""
    if isinstance(content, str):
        return [{"role": role, "content": content}]
    items: list[JsonObject] = []
    parts: list[JsonObject] = []
    for part in content:
        if isinstance(part, ContentData) and not _is_part(part.data):
            items.append(part.data)
        else:
            parts.append(_part(part, cache_marks))
    if parts or not items:
        items.append({"role": role, "content": parts})
    return items


def _is_part(data: JsonObject) -> bool:
    return str(data.get("type", "")).startswith("input_")


def _part(part: Content, cache_marks: bool = False) -> JsonObject:
    convert = _CONVERTERS.get(type(part))
    if convert is None:
        raise InvalidRequest(f"A {part.type} part cannot be sent in this message")
    wire = convert(part)
    if cache_marks and isinstance(part, ContentText) and part.cache_breakpoint:
        wire["prompt_cache_breakpoint"] = {"mode": "explicit"}
    return wire


def _image(part: ContentImage) -> JsonObject:
    wire: JsonObject = {"type": "input_image"}
    if part.image.startswith(_FILE_ID):
        wire["file_id"] = part.image
    else:
        wire["image_url"] = _located(part.image, "image", urls=True)
    if part.detail != "auto":
        wire["detail"] = part.detail
    return wire


def _document(part: ContentDocument) -> JsonObject:
    if part.document.startswith(_FILE_ID):  # the id of an uploaded file
        return {"type": "input_file", "file_id": part.document}
    where = _located(part.document, "document", urls=True)
    if not where.startswith("data:"):
        return {"type": "input_file", "file_url": where}
    return {"type": "input_file", "filename": part.filename, "file_data": where}


def _audio(part: ContentAudio) -> JsonObject:
    """Not OpenAI's own here; routers that speak Responses know it from the chat API."""
    data = _located(part.audio, "sound", urls=False).partition(",")[2]
    return {"type": "input_audio", "input_audio": {"data": data, "format": part.format}}


def _located(where: str, kind: str, *, urls: bool) -> str:
    if where.startswith("data:") or (urls and where.startswith(("https://", "http://"))):
        return where
    raise UnresolvedMediaError(
        f"The {kind} {where[:80]!r} must be an inline data: URI; materialize_media() makes it one."
    )


_CONVERTERS: Mapping[type, Callable[[Any], JsonObject]] = {
    ContentText: lambda part: {"type": "input_text", "text": part.text},
    ContentImage: _image,
    ContentDocument: _document,
    ContentAudio: _audio,
    ContentReasoning: lambda part: {"type": "input_text", "text": part.text},
    ContentData: lambda part: dict(part.data),
}


# -- what tools answer -----------------------------------------------------------------------


def _call_kinds(messages: Sequence[ChatMessage]) -> dict[str, JsonObject]:
    """What is known of calls that are no plain functions', by the call's id."""
    kinds: dict[str, JsonObject] = {}
    for message in messages:
        if not isinstance(message, ChatMessageAssistant):
            continue
        for call in message.tool_calls or ():
            if call.type == "custom":
                kinds[call.id] = {"type": "custom_tool_call"}
        if not isinstance(message.content, str):
            for part in message.content:
                if isinstance(part, ContentData) and internal_of(part, CALL):
                    kinds[part.data.get("call_id", "")] = part.data
    return kinds


def _tool(message: ChatMessageTool, kinds: Mapping[str, JsonObject]) -> JsonObject:
    call_id = message.tool_call_id or ""
    call = kinds.get(call_id, {})
    if call.get("type") == "computer_call" and message.error is None:
        return _screenshot(message, call)
    kind = "custom_tool_call" if call.get("type") == "custom_tool_call" else "function_call"
    wire: JsonObject = {"type": f"{kind}_output", "call_id": call_id, "output": _answer(message)}
    if call.get("caller"):  # a program of the model's that waits for it
        wire["caller"] = call["caller"]
    return wire


def _answer(message: ChatMessageTool) -> JsonValue:
    """A text; or parts, where there are pictures or documents."""
    if message.error is not None:
        return f"Error: {message.error.message}"
    if isinstance(message.content, str):
        return message.content
    if any(_is_medium(part) for part in message.content):
        return [_answer_part(part) for part in message.content]
    texts = [_answer_part(part)["text"] for part in message.content]
    return "\n".join(texts)


def _is_medium(part: Content) -> bool:
    if isinstance(part, ContentData):
        return _is_part(part.data)
    return isinstance(part, (ContentImage, ContentDocument))


def _answer_part(part: Content) -> JsonObject:
    if isinstance(part, ContentData) and not _is_part(part.data):
        return {"type": "input_text", "text": dumps(part.data).decode()}
    return _part(part)


def _screenshot(message: ChatMessageTool, call: JsonObject) -> JsonObject:
    """A computer's answer: https://platform.openai.com/docs/guides/tools-computer-use."""
    picture = next((p for p in message.content_list if isinstance(p, ContentImage)), None)
    if picture is None:
        raise InvalidRequest("A computer answers with a picture of its screen")
    screen = _image(picture)
    wire: JsonObject = {
        "type": "computer_call_output",
        "call_id": message.tool_call_id or "",
        "output": {**screen, "type": "computer_screenshot"},
    }
    # Whoever answers has seen the checks: they travel with the call.
    if call.get("pending_safety_checks"):
        wire["acknowledged_safety_checks"] = call["pending_safety_checks"]
    return wire
