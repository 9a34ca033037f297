"""Messages of a call to the `messages` of a request."""

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
    ContentToolUse,
    ContentVideo,
    JsonObject,
    JsonValue,
    ReasoningHistory,
    ToolCall,
)

from ..http.jsontext import dumps
from .internal import (
    AUDIO_TRANSCRIPT,
    CONTENT_PART,
    MESSAGE_MEMBER,
    REASONING_FIELDS,
    TOOL_CALL_MEMBERS,
    source_of,
    thoughts_of,
)

__all__ = ["messages_to_wire", "tool_text"]

_MEDIA = (ContentImage, ContentAudio, ContentVideo, ContentDocument)
_INCLUDED_BELOW = {
    ContentImage: "Image content is included below.",
    ContentAudio: "Audio content is included below.",
    ContentVideo: "Video content is included below.",
    ContentDocument: "Document content is included below.",
}


def messages_to_wire(
    messages: Sequence[ChatMessage],
    system_role: str,
    reasoning_history: ReasoningHistory | None,
    *,
    cache_mark: JsonObject | None = None,
) -> list[JsonObject]:
    """The wire's messages.

    A tool's answer may only be text here: its media go into a user message after the whole block
    of tool messages, because nothing may stand between a call and its answers. `cache_mark` are the
    members of a part up to which the prompt is to be cached.
    """
    wire: list[JsonObject] = []
    moved: list[Content] = []
    last_assistant = max(
        (i for i, m in enumerate(messages) if isinstance(m, ChatMessageAssistant)), default=-1
    )
    for index, message in enumerate(messages):
        if isinstance(message, ChatMessageTool):
            text = tool_text(message, moved)
            id = message.tool_call_id or ""
            wire.append({"role": "tool", "tool_call_id": id, "content": text})
            continue
        if moved:
            wire.append({"role": "user", "content": _parts(moved, cache_mark)})
            moved = []
        if isinstance(message, ChatMessageAssistant):
            thinks = reasoning_history != "none" and (
                reasoning_history != "last" or index == last_assistant
            )
            wire.append(_assistant(message, thinks=thinks))
        else:
            role = system_role if message.role == "system" else "user"
            wire.append({"role": role, "content": _content(message.content, cache_mark)})
    if moved:
        wire.append({"role": "user", "content": _parts(moved, cache_mark)})
    return wire


def _content(content: str | list[Content], cache_mark: JsonObject | None) -> JsonValue:
    return content if isinstance(content, str) else _parts(content, cache_mark)


def _parts(content: list[Content], cache_mark: JsonObject | None) -> list[JsonObject]:
    parts = []
    for part in content:
        convert = _CONVERTERS.get(type(part))
        if convert is None:
            raise InvalidRequest(f"A {part.type} part cannot be sent in this message")
        wire = convert(part)
        if cache_mark and isinstance(part, ContentText) and part.cache_breakpoint:
            wire.update(cache_mark)
        parts.append(wire)
    return parts


def _text(part: ContentText) -> JsonObject:
    return {"type": "text", "text": part.text}


def _image(part: ContentImage) -> JsonObject:
    url: JsonObject = {"url": _located(part.image, "image", urls=True)}
    if part.detail != "auto":
        url["detail"] = part.detail
    return {"type": "image_url", "image_url": url}


def _audio(part: ContentAudio) -> JsonObject:
    data = _located(part.audio, "sound", urls=False).partition(",")[2]
    return {"type": "input_audio", "input_audio": {"data": data, "format": part.format}}


def _video(part: ContentVideo) -> JsonObject:
    """Not OpenAI's own; servers such as vLLM and OpenRouter know it."""
    return {"type": "video_url", "video_url": {"url": _located(part.video, "film", urls=True)}}


def _document(part: ContentDocument) -> JsonObject:
    if part.document.startswith("file-"):  # the id of an uploaded file
        return {"type": "file", "file": {"file_id": part.document}}
    data = _located(part.document, "document", urls=True)
    return {"type": "file", "file": {"filename": part.filename, "file_data": data}}


def _located(where: str, kind: str, *, urls: bool) -> str:
    if where.startswith("data:") or (urls and where.startswith(("https://", "http://"))):
        return where
    raise UnresolvedMediaError(
        f"The {kind} {where[:80]!r} must be an inline data: URI; materialize_media() makes it one."
    )


# https://console.groq.com/docs/api-reference#chat-create: Groq refuses members that it does not know
_OUTPUT_ONLY = frozenset(("annotations", "executed_tools"))
"""Members of an answer that no API takes back."""

_CONVERTERS: Mapping[type, Callable[[Any], JsonObject]] = {
    ContentText: _text,
    ContentImage: _image,
    ContentAudio: _audio,
    ContentVideo: _video,
    ContentDocument: _document,
    ContentReasoning: lambda part: {"type": "text", "text": part.text},
    ContentData: lambda part: dict(part.data),
}


def tool_text(message: ChatMessageTool, moved: list[Content]) -> str:
    """The answer's text; its media are put into `moved`."""
    if message.error is not None:
        return f"Error: {message.error.message}"
    if isinstance(message.content, str):
        return message.content
    lines = []
    for part in message.content:
        if isinstance(part, _MEDIA):
            moved.append(part)
            lines.append(_INCLUDED_BELOW[type(part)])
        elif isinstance(part, (ContentText, ContentReasoning)):
            lines.append(part.text)
        elif isinstance(part, ContentData):
            lines.append(dumps(part.data).decode())
    return "\n".join(lines)


def _assistant(message: ChatMessageAssistant, *, thinks: bool) -> JsonObject:
    wire: JsonObject = {"role": "assistant", "content": None}
    texts: list[str] = []
    thoughts = ""
    listed: list[JsonValue] = []
    call_members: JsonObject = {}
    for part in message.content_list:
        if isinstance(part, ContentText):
            if part.refusal:
                wire["refusal"] = part.text
            elif source_of(part) != AUDIO_TRANSCRIPT:
                texts.append(part.text)
        elif isinstance(part, ContentReasoning):
            if thinks and source_of(part) == CONTENT_PART:
                listed.append(part.internal["part"])  # type: ignore[index]
            elif thinks:
                thoughts += _replay_reasoning(part, wire)
        elif isinstance(part, ContentData):
            if source_of(part) == TOOL_CALL_MEMBERS:
                call_members = part.data
            else:
                _replay_data(part, wire)
        elif not isinstance(part, ContentToolUse):  # the server ran that one and knows it
            raise InvalidRequest(f"A {part.type} part cannot be sent as the assistant's")
    calls = message.tool_calls
    if calls:
        wire["tool_calls"] = [
            _tool_call(call) | (call_members.get(call.id) or {}) for call in calls
        ]
    if thoughts and texts:
        texts[0] = thoughts + texts[0]
    elif thoughts:
        texts = [thoughts]
    if len(texts) > 1 or listed:
        wire["content"] = [*listed, *({"type": "text", "text": text} for text in texts if text)]
    elif texts and (texts[0] or not calls):
        wire["content"] = texts[0]
    elif not calls and "refusal" not in wire and "audio" not in wire:
        wire["content"] = ""
    return wire


def _replay_reasoning(part: ContentReasoning, wire: JsonObject) -> str:
    """Puts thoughts back where they arrived; returns those that were text of the answer."""
    source = source_of(part)
    if source in REASONING_FIELDS:
        wire[source] = wire.get(source, "") + part.reasoning
        return ""
    if source == "reasoning_details":
        wire[source] = part.internal["details"]  # type: ignore[index]
        return ""
    if part.redacted and not part.summary:
        return ""  # another provider's ciphertext says nothing here
    return thoughts_of(part)


def _replay_data(part: ContentData, wire: JsonObject) -> None:
    if source_of(part) != MESSAGE_MEMBER:
        return
    for name, value in part.data.items():
        if name == "audio" and isinstance(value, dict):
            wire["audio"] = {"id": value.get("id")}  # all that the API takes back
        elif name not in _OUTPUT_ONLY:
            wire[name] = value


def _tool_call(call: ToolCall) -> JsonObject:
    if call.type == "custom":
        text = call.arguments.get("input", "")
        return {"id": call.id, "type": "custom", "custom": {"name": call.function, "input": text}}
    arguments = dumps(call.arguments).decode()
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.function, "arguments": arguments},
    }
