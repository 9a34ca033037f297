"""Messages of a call to the `messages` of a request. Pure.

https://docs.mistral.ai/api/endpoint/chat
A user message may follow a tool's answer: the API took no such order once (error 3230), and takes it
now, as recorded traffic shows and mistral-common's validator says.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

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
    JsonObject,
    JsonValue,
    ToolCall,
)

from ..http.jsontext import dumps
from ..openai_chat.internal import source_of, thoughts_of
from .internal import (
    CHUNK,
    CHUNKS,
    MESSAGE,
    MESSAGE_MEMBER,
    THINKING,
    TOOL_CALL_MEMBERS,
    thinking_chunk,
)

__all__ = ["messages_to_wire", "wire_call_id"]

_CALL_ID = re.compile(r"[a-zA-Z0-9]{9}")
_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_FILE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def messages_to_wire(messages: Sequence[ChatMessage], *, thinks: bool) -> list[JsonObject]:
    """The wire's messages.

    Args:
        messages: The conversation; tools' answers hold no media any more.
        thinks: Whether the model knows thinking chunks. Another provider's thoughts are one then,
            and tagged text otherwise.
    """
    wire: list[JsonObject] = []
    for message in messages:
        if isinstance(message, ChatMessageTool):
            wire.append(_tool(message))
        elif isinstance(message, ChatMessageAssistant):
            wire += _Assistant(thinks).messages(message)
        else:
            wire.append({"role": message.role, "content": _content(message.content)})
    last = wire[-1] if wire else {}
    if last.get("role") == "assistant" and not last.get("tool_calls"):
        last["prefix"] = True  # the API takes an assistant's message at the end as a beginning only
    return wire


def wire_call_id(id: str) -> str:
    """The id of a tool call as the API takes it: nine letters and digits.

    Ids of other providers are longer; equal ones stay equal, so that answers find their calls.
    """
    if _CALL_ID.fullmatch(id):
        return id
    number = int.from_bytes(hashlib.blake2b(id.encode("utf-8", "replace"), digest_size=8).digest())
    letters = ""
    for _ in range(9):
        number, letter = divmod(number, len(_LETTERS))
        letters += _LETTERS[letter]
    return letters


# -- what users and systems say --------------------------------------------------------------


def _content(content: str | list[Content]) -> JsonValue:
    return content if isinstance(content, str) else [_part(part) for part in content]


def _part(part: Content) -> JsonObject:
    convert = _CONVERTERS.get(type(part))
    if convert is None:
        raise InvalidRequest(f"Mistral takes no {part.type} part in this message")
    return convert(part)


def _text(text: str) -> JsonObject:
    return {"type": "text", "text": text}


def _image(part: ContentImage) -> JsonObject:
    url: JsonObject = {"url": _located(part.image, "image")}
    if part.detail != "auto":
        url["detail"] = "high" if part.detail == "original" else part.detail
    return {"type": "image_url", "image_url": url}


def _audio(part: ContentAudio) -> JsonObject:
    """Inline sound with its format; the address of a sound is the string itself."""
    where = _located(part.audio, "sound")
    if not where.startswith("data:"):
        return {"type": "input_audio", "input_audio": where}
    data = where.partition(",")[2]
    return {"type": "input_audio", "input_audio": {"data": data, "format": part.format}}


def _document(part: ContentDocument) -> JsonObject:
    """Text as text: document understanding is for PDF files and the like.

    https://docs.mistral.ai/capabilities/document_ai/document_qna
    """
    if _FILE_ID.fullmatch(part.document):
        return {"type": "file", "file_id": part.document}
    where = _located(part.document, "document")
    name = part.filename if part.filename != ContentDocument(part.document).filename else ""
    if where.startswith("data:text/"):
        text = _decoded(where)
        return _text(f"{part.filename}:\n\n{text}" if name else text)
    chunk: JsonObject = {"type": "document_url", "document_url": where}
    if name:
        chunk["document_name"] = name
    return chunk


def _decoded(uri: str) -> str:
    head, _, data = uri.partition(",")
    try:
        raw = base64.b64decode(data) if head.endswith(";base64") else unquote_to_bytes(data)
    except binascii.Error as error:
        raise InvalidRequest(f"A document's data: URI is no base64: {error}") from None
    return raw.decode("utf-8", "replace")


def _located(where: str, kind: str) -> str:
    if where.startswith(("data:", "https://", "http://")):
        return where
    raise UnresolvedMediaError(
        f"The {kind} {where[:80]!r} must be an inline data: URI; materialize_media() makes it one."
    )


_CONVERTERS: Mapping[type, Callable[[Any], JsonObject]] = {
    ContentText: lambda part: _text(part.text),
    ContentImage: _image,
    ContentAudio: _audio,
    ContentDocument: _document,
    ContentReasoning: lambda part: _text(part.text),
    ContentData: lambda part: dict(part.data),
}


# -- what tools and models say ---------------------------------------------------------------


def _tool(message: ChatMessageTool) -> JsonObject:
    if message.error is not None:
        text = f"Error: {message.error.message}"
    elif isinstance(message.content, str):
        text = message.content
    else:
        lines = []
        for part in message.content:
            if isinstance(part, ContentText | ContentReasoning):
                lines.append(part.text)
            elif isinstance(part, ContentData):
                lines.append(dumps(part.data).decode())
            else:
                raise InvalidRequest(f"Mistral takes no {part.type} part in a tool's answer")
        text = "\n".join(lines)
    id = wire_call_id(message.tool_call_id) if message.tool_call_id else ""
    wire: JsonObject = {"role": "tool", "tool_call_id": id, "content": text}
    if message.function:
        wire["name"] = message.function
    return wire


class _Assistant:
    """One message of the model, and the server-side messages before it."""

    def __init__(self, thinks: bool) -> None:
        self._thinks = thinks
        self._before: list[JsonObject] = []
        self._chunks: list[JsonObject] = []
        self._only_text = True
        self._tagged = ""
        self._members: JsonObject = {}
        self._call_members: JsonObject = {}

    def messages(self, message: ChatMessageAssistant) -> list[JsonObject]:
        for part in message.content_list:
            if isinstance(part, ContentText):
                self._add_text(part)
            elif isinstance(part, ContentReasoning):
                self._add_reasoning(part)
            elif isinstance(part, ContentData):
                self._add_data(part)
            elif not isinstance(part, ContentToolUse):  # the server ran that one and knows it
                raise InvalidRequest(f"A {part.type} part cannot be sent as the assistant's")
        if self._tagged:
            self._chunks.append(_text(self._tagged))
        wire: JsonObject = {"role": "assistant", "content": self._content(), **self._members}
        if message.tool_calls:
            wire["tool_calls"] = [self._call(call) for call in message.tool_calls]
        return [*self._before, wire]

    def _content(self) -> JsonValue:
        if self._only_text and len(self._chunks) < 2:
            return self._chunks[0]["text"] if self._chunks else ""
        return self._chunks

    def _add_text(self, part: ContentText) -> None:
        tagged, self._tagged = self._tagged, ""
        if source_of(part) == CHUNKS:
            chunks = part.internal["chunks"]  # type: ignore[index]
            self._chunks += [_text(tagged), *chunks] if tagged else chunks
            self._only_text = False
        elif tagged or part.text:
            self._chunks.append(_text(tagged + part.text))

    def _add_reasoning(self, part: ContentReasoning) -> None:
        source = source_of(part)
        if source != THINKING and part.redacted and not part.summary:
            return  # another provider's ciphertext says nothing here
        if source == THINKING or (source != "think" and self._thinks):
            self._chunks.append(thinking_chunk(part))
            self._only_text = False
        else:
            self._tagged += thoughts_of(part)

    def _add_data(self, part: ContentData) -> None:
        source = source_of(part)
        if source == CHUNK:
            self._chunks.append(dict(part.data))
            self._only_text = False
        elif source == MESSAGE:
            self._before.append(dict(part.data))
        elif source == MESSAGE_MEMBER:
            self._members |= part.data
        elif source == TOOL_CALL_MEMBERS:
            self._call_members = part.data

    def _call(self, call: ToolCall) -> JsonObject:
        arguments = dumps(call.arguments).decode()
        return {
            "id": wire_call_id(call.id),
            "type": "function",
            "function": {"name": call.function, "arguments": arguments},
            **(self._call_members.get(call.id) or {}),
        }
