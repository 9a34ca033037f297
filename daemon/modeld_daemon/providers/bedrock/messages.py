"""Messages of a call to the `system` and `messages` of a request. Pure.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Message.html
Turns must alternate and all answers to the calls of a turn must stand in the next one, in front of
anything else; neighbours of one role are put together here. Texts may not be blank.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

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
    ReasoningHistory,
    ToolCall,
)

from ..conversation import keep_reasoning, move_tool_media
from .internal import SOURCE, TOOL_CALL, blocks_of, source_of
from .media import Names, media_to_block
from .profile import BedrockProfile

__all__ = ["CACHE_POINT", "Conversation", "messages_to_wire"]

CACHE_POINT: JsonObject = {"cachePoint": {"type": "default"}}
_NO_CONTENT = "(no content)"


@dataclass(slots=True)
class Conversation:
    """The wire's conversation, and what could not be said in it."""

    system: list[JsonObject] = field(default_factory=list)
    messages: list[JsonObject] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def messages_to_wire(
    messages: Sequence[ChatMessage],
    profile: BedrockProfile,
    reasoning_history: ReasoningHistory | None,
) -> Conversation:
    """The wire's conversation."""
    wire = Conversation()
    names = Names()
    kept: Sequence[ChatMessage] = keep_reasoning(messages, reasoning_history)
    if not profile.answer_media:
        kept = move_tool_media(kept)
    for message in kept:
        if isinstance(message, ChatMessageTool):
            _append(wire.messages, "user", [_answer(message, profile, names)])
        elif isinstance(message, ChatMessageAssistant):
            said = _assistant(message, names, wire.warnings)
            _append(wire.messages, "assistant", said or [{"text": _NO_CONTENT}])
        elif message.role == "system" and profile.system:
            wire.system += _blocks(message.content_list, profile, names)
        else:
            said = _blocks(message.content_list, profile, names)
            _append(wire.messages, "user", said or [{"text": _NO_CONTENT}])
    for turn in wire.messages:
        if turn["role"] == "user" and any("toolResult" in block for block in turn["content"]):
            turn["content"].sort(key=lambda block: "toolResult" not in block)  # keeps their order
    return wire


def _append(messages: list[JsonObject], role: str, blocks: list[JsonObject]) -> None:
    if messages and messages[-1]["role"] == role:
        messages[-1]["content"] += blocks
    else:
        messages.append({"role": role, "content": blocks})


def _blocks(content: Sequence[Content], profile: BedrockProfile, names: Names) -> list[JsonObject]:
    """Blocks of a system or user message. `ContentData` is a block as the caller wrote it."""
    blocks: list[JsonObject] = []
    for part in content:
        match part:
            case ContentText(text=text):
                if text.strip():
                    blocks.append({"text": text})
                if part.cache_breakpoint and blocks and profile.cache_points:
                    blocks.append(CACHE_POINT)
            case ContentReasoning():
                blocks.append({"text": part.text})
            case ContentData(data=data):
                blocks.append(data)
            case ContentToolUse():
                raise InvalidRequest(f"A {part.type} part cannot be sent in this message")
            case _:
                blocks.append(media_to_block(part, names))
    return blocks


def _answer(message: ChatMessageTool, profile: BedrockProfile, names: Names) -> JsonObject:
    wire: JsonObject = {"toolUseId": message.tool_call_id or ""}
    if message.error is not None:
        # an error must say something
        wire["content"] = [{"text": message.error.message or message.text or "error"}]
        if profile.tool_status:
            wire["status"] = "error"
        return {"toolResult": wire}
    content: list[JsonObject] = []
    for part in message.content_list:
        match part:
            case ContentText(text=text):
                if text.strip():
                    content.append({"text": text})
            case ContentReasoning():
                content.append({"text": part.text})
            case ContentData(data=data):
                content.append({"json": data})
            case ContentToolUse():
                content.append({"text": part.result or _NO_CONTENT})
            case _:
                content.append(media_to_block(part, names))
    wire["content"] = content or [{"text": _NO_CONTENT}]
    return {"toolResult": wire}


# -- what the model said -----------------------------------------------------------------------


def _assistant(
    message: ChatMessageAssistant, names: Names, warnings: list[str]
) -> list[JsonObject]:
    calls = {call.id: call for call in message.tool_calls or ()}
    blocks: list[JsonObject] = []
    for part in message.content_list:
        if source_of(part) == TOOL_CALL and isinstance(part, ContentData):
            call = calls.pop(part.data.get("id") or "", None)
            if call is not None:  # else the caller took it out of the history
                blocks.append(_tool_use(call))
        else:
            blocks += _said(part, names, warnings)
    return blocks + [_tool_use(call) for call in calls.values()]


def _tool_use(call: ToolCall) -> JsonObject:
    return {"toolUse": {"toolUseId": call.id, "name": call.function, "input": call.arguments}}


def _said(part: Content, names: Names, warnings: list[str]) -> list[JsonObject]:
    kept = blocks_of(part)
    match part:
        case ContentText(text=text):
            if kept and _cited_text(kept) == text:
                return kept
            return [{"text": text}] if text.strip() else []
        case ContentReasoning():
            return _reasoning(part, warnings)
        case ContentData(data=data):
            if kept or part.internal is None:
                return kept or [data]
            warnings.append("A block of another provider's: left out.")
            return []
        case ContentToolUse():
            if not kept:
                warnings.append(f"The call of {part.name} by another provider's server: left out.")
            return kept
        case _:
            return [media_to_block(part, names)]


def _cited_text(blocks: list[JsonObject]) -> str:
    cited = [block.get("citationsContent") or {} for block in blocks]
    return "".join(piece.get("text") or "" for one in cited for piece in one.get("content") or ())


def _reasoning(part: ContentReasoning, warnings: list[str]) -> list[JsonObject]:
    """Signed thoughts as they came; models that sign none read theirs as text."""
    ours = source_of(part) == SOURCE or part.internal is None
    if ours and part.redacted and part.reasoning:
        return [{"reasoningContent": {"redactedContent": part.reasoning}}]
    if ours and part.signature is not None:
        signed = {"text": part.reasoning, "signature": part.signature}
        return [{"reasoningContent": {"reasoningText": signed}}]
    if part.redacted and not part.summary:
        warnings.append("Another provider's encrypted reasoning says nothing here: left out.")
        return []
    text = (part.summary or "") if part.redacted else part.reasoning
    return [{"text": f"<think>\n{text}\n</think>"}] if text.strip() else []
