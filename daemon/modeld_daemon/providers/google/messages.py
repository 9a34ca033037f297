"""Messages of a call to the `contents` and the `systemInstruction` of a request. Pure.

https://ai.google.dev/api/caching#Content
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from modeld.errors import InvalidRequest
from modeld.types import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageTool,
    Content,
    ContentData,
    ContentReasoning,
    ContentText,
    ContentToolUse,
    JsonObject,
    JsonValue,
    ReasoningHistory,
    ToolCall,
)

from ..conversation import keep_reasoning
from ..http.jsontext import dumps, loads
from .internal import FUNCTION_CALL, PART, SOURCE, members_of, source_of
from .media import Media, media_to_part, media_type
from .profile import GoogleProfile

__all__ = ["UNSIGNED", "Contents", "contents_to_wire"]

UNSIGNED = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="
"""What stands for the signature of a call that another model made, as Google asks: base64 of
`skip_thought_signature_validator` (https://ai.google.dev/gemini-api/docs/thought-signatures)."""

_SAFE_INTEGER = 2**53


@dataclass(frozen=True, slots=True)
class Contents:
    """What a request says of its messages."""

    contents: list[JsonObject]
    system: list[JsonObject]
    """Parts of the system instruction."""


def contents_to_wire(
    messages: Sequence[ChatMessage],
    profile: GoogleProfile,
    reasoning_history: ReasoningHistory | None,
) -> Contents:
    """The wire's contents. Answers of one turn's functions stand together in one content, since
    the API wants as many answers as there were calls in the turn before.
    """
    calls = _Calls(messages)
    system: list[JsonObject] = []
    contents: list[JsonObject] = []
    answers: list[JsonObject] = []
    media: list[JsonObject] = []
    for message in keep_reasoning(messages, reasoning_history):
        if isinstance(message, ChatMessageTool):
            answers.append(_answer(message, calls, profile, media))
            continue
        if answers:
            contents.append({"role": "user", "parts": [*answers, *media]})
            answers, media = [], []
        if isinstance(message, ChatMessageAssistant):
            parts = _assistant_parts(message, profile)
            if parts:  # the API takes no content without parts
                contents.append({"role": "model", "parts": parts})
        elif message.role == "system":
            system += _parts(message.content_list)
        else:
            contents.append({"role": "user", "parts": _parts(message.content_list)})
    if answers:
        contents.append({"role": "user", "parts": [*answers, *media]})
    if system and not profile.system_instruction:
        _put_first(contents, system)
        system = []
    return Contents(contents, system)


def _put_first(contents: list[JsonObject], parts: list[JsonObject]) -> None:
    if contents and contents[0]["role"] == "user":
        contents[0] = {"role": "user", "parts": [*parts, *contents[0]["parts"]]}
    else:
        contents.insert(0, {"role": "user", "parts": parts})


class _Calls:
    """What the history says of its function calls."""

    def __init__(self, messages: Iterable[ChatMessage]) -> None:
        self.functions: dict[str, str] = {}
        self.made: set[str] = set()
        """Ids that this dialect made up, because the answer had none: they do not go back."""
        for message in messages:
            if isinstance(message, ChatMessageAssistant):
                for call in message.tool_calls or ():
                    self.functions[call.id] = call.function
                for part in message.content_list:
                    marks = source_of(part) == FUNCTION_CALL and isinstance(part, ContentData)
                    if marks and not part.data.get("given"):  # type: ignore[union-attr]
                        self.made.add(str(part.data.get("id")))  # type: ignore[union-attr]


def _parts(content: Iterable[Content]) -> list[JsonObject]:
    """Parts of a system or user message. `ContentData` is a part as the caller wrote it."""
    parts: list[JsonObject] = []
    for part in content:
        match part:
            case ContentText(text=text):
                parts.append({"text": text})
            case ContentReasoning():
                parts.append({"text": part.text})
            case ContentData(data=data):
                parts.append(data)
            case ContentToolUse():
                raise InvalidRequest(f"A {part.type} part cannot be sent in this message")
            case _:
                parts.append(media_to_part(part))
    return parts


# -- answers of functions ----------------------------------------------------------------------


def _answer(
    message: ChatMessageTool, calls: _Calls, profile: GoogleProfile, media: list[JsonObject]
) -> JsonObject:
    """The answer; media that it may not hold itself are put into `media`, to stand behind it."""
    id = message.tool_call_id
    answer: JsonObject = {}
    if id and id not in calls.made:
        answer["id"] = id
    answer["name"] = message.function or calls.functions.get(id or "", "")
    texts, own, moved = _answer_content(message, profile)
    if message.error is not None:
        answer["response"] = {"error": message.error.message}
    elif texts or not (own or moved):
        answer["response"] = _answer_object("\n".join(texts))
    else:
        below = f"{message.content_list[0].type.capitalize()} content is included below."
        answer["response"] = {"output": below} if moved else {}
    if own:
        answer["parts"] = own
    media += moved
    return {"functionResponse": answer}


def _answer_content(
    message: ChatMessageTool, profile: GoogleProfile
) -> tuple[list[str], list[JsonObject], list[JsonObject]]:
    texts: list[str] = []
    own: list[JsonObject] = []
    moved: list[JsonObject] = []
    for part in message.content_list:
        match part:
            case ContentText(text=text):
                texts.append(text)
            case ContentReasoning():
                texts.append(part.text)
            case ContentData(data=data):
                texts.append(dumps(data).decode())
            case ContentToolUse():
                texts.append(part.result)
            case _:
                (own if _held(part, profile) else moved).append(media_to_part(part))
    return texts, own, moved


def _held(part: Media, profile: GoogleProfile) -> bool:
    return media_type(part) in profile.answer_media


def _answer_object(text: str) -> JsonObject:
    """The object that the API wants: the text's own where it is JSON, else the text as output.

    https://ai.google.dev/api/caching#FunctionResponse
    """
    if text.lstrip().startswith("{"):
        try:
            value = loads(text.encode("utf-8", "replace"))
        except ValueError:
            value = None
        if isinstance(value, dict) and _survives(value):
            return value
    return {"output": text}


def _survives(value: JsonValue) -> bool:
    """Whether the value is the same behind the API, whose objects know doubles only."""
    if isinstance(value, dict):
        return all(map(_survives, value.values()))
    if isinstance(value, list):
        return all(map(_survives, value))
    return not isinstance(value, int) or abs(value) <= _SAFE_INTEGER


# -- what the model said -----------------------------------------------------------------------


def _assistant_parts(message: ChatMessageAssistant, profile: GoogleProfile) -> list[JsonObject]:
    calls = {call.id: call for call in message.tool_calls or ()}
    parts: list[JsonObject] = []
    ours = False
    for part in message.content_list:
        source = source_of(part)
        if source == FUNCTION_CALL and isinstance(part, ContentData):
            ours = True
            call = calls.pop(part.data.get("id") or "", None)
            if call is not None:  # else the caller took it out of the history
                parts.append(_marked_call(call, part.data))
        else:
            parts += _said_parts(part, unnamed=message.model is None)
    for call in calls.values():
        wire: JsonObject = {"id": call.id, "name": call.function, "args": call.arguments}
        parts.append({"functionCall": wire})
    if profile.signed_calls and not ours:
        _excuse_signature(parts)
    return parts


def _marked_call(call: ToolCall, marker: JsonObject) -> JsonObject:
    wire: JsonObject = {"name": call.function, "args": call.arguments}
    if marker.get("given"):
        wire["id"] = call.id
    return {"functionCall": wire | (marker.get("call") or {}), **(marker.get("members") or {})}


def _excuse_signature(parts: list[JsonObject]) -> None:
    """Only the first of parallel calls is signed."""
    for part in parts:
        if "functionCall" in part:
            part.setdefault("thoughtSignature", UNSIGNED)
            return


def _said_parts(part: Content, *, unnamed: bool) -> list[JsonObject]:
    """The wire's parts. `unnamed`: no model is named for the message, so somebody wrote it."""
    match part:
        case ContentText():
            return _said_text(part)
        case ContentReasoning():
            return _said_thought(part, unnamed=unnamed)
        case ContentToolUse():
            if source_of(part) == SOURCE:
                return list(part.internal["parts"])  # type: ignore[index]
            return []  # another provider ran that one
        case ContentData(data=data):
            return [data] if source_of(part) == PART else []
        case _:
            return [media_to_part(part)]


def _said_text(part: ContentText) -> list[JsonObject]:
    """The text in the pieces in which it came, if nobody has changed it since."""
    if source_of(part) == SOURCE:
        pieces = part.internal.get("pieces") or []  # type: ignore[union-attr]
        if sum(size for size, _ in pieces) == len(part.text):
            said, at = [], 0
            for size, members in pieces:
                said.append({"text": part.text[at : at + size], **members})
                at += size
            return said
    return [{"text": part.text}] if part.text else []


def _said_thought(part: ContentReasoning, *, unnamed: bool) -> list[JsonObject]:
    """Thoughts as they came; another model's as thoughts without a signature."""
    if source_of(part) == SOURCE or (unnamed and part.internal is None and part.signature):
        said: JsonObject = {"text": part.reasoning, "thought": True, **members_of(part)}
        if part.signature is not None:
            said["thoughtSignature"] = part.signature
        return [said]
    text = (part.summary or "") if part.redacted else part.reasoning
    return [{"text": text, "thought": True}] if text else []
