"""An assistant's message to the items that it was, byte for byte where this dialect made it."""

from __future__ import annotations

from modeld.errors import InvalidRequest
from modeld.types import (
    ChatMessageAssistant,
    Content,
    ContentData,
    ContentImage,
    ContentReasoning,
    ContentText,
    ContentToolUse,
    JsonObject,
    ToolCall,
)

from ..http.jsontext import dumps, loads
from .internal import CALL, ITEM, MESSAGE, internal_of

__all__ = ["assistant_to_input"]


def assistant_to_input(
    message: ChatMessageAssistant, *, known: bool = True, phase: bool = True
) -> list[JsonObject]:
    """The items of an assistant's message, in their order.

    Args:
        message: The message; calls that have no place in its content come last.
        known: Whether items keep their ids.
        phase: Whether messages keep their phase.
    """
    calls = {call.id: call for call in message.tool_calls or ()}
    items: list[JsonObject] = []
    writing: tuple[int, JsonObject] | None = None
    for part in message.content_list:
        said = internal_of(part, MESSAGE)
        if said is None and not _is_plain_text(part):
            writing = None
            items += _item(part, calls)
            continue
        its = (0, {}) if said is None else (said.get("number", 0), said["message"])
        if writing != its:
            writing = its
            items.append({**its[1], "role": "assistant", "content": []})
        items[-1]["content"].append(_text_part(part, said))
    items += [_call_item(call) for call in calls.values()]
    return [item for item in (_finished(item, known, phase) for item in items) if item]


def _is_plain_text(part: Content) -> bool:
    """Text that others wrote; thoughts of other models are text here."""
    if isinstance(part, ContentReasoning):
        foreign = internal_of(part, ITEM) is None
        return foreign and not (part.redacted and not part.summary)
    return isinstance(part, ContentText)


def _text_part(part: Content, said: JsonObject | None) -> JsonObject:
    if isinstance(part, ContentData):
        return part.data
    assert isinstance(part, (ContentText, ContentReasoning))
    if isinstance(part, ContentText) and part.refusal:
        return {"type": "refusal", "refusal": part.text}
    return {"type": "output_text", "text": part.text, **((said or {}).get("part") or {})}


def _item(part: Content, calls: dict[str, ToolCall]) -> list[JsonObject]:
    """The item that a part is; none for one of which nothing can be said here."""
    if isinstance(part, ContentData):
        if internal_of(part, CALL) is None:
            return [dict(part.data)] if internal_of(part, ITEM) is not None else []
        call = calls.pop(part.data.get("call_id", ""), None)
        return [] if call is None else [_call_item(call, part.data)]
    internal = internal_of(part, ITEM)
    if internal is None:
        if isinstance(part, (ContentReasoning, ContentToolUse)):
            return []  # another provider's ciphertext and tools mean nothing here
        raise InvalidRequest(f"A {part.type} part cannot be sent as the assistant's")
    item: JsonObject = dict(internal["item"])
    if isinstance(part, ContentReasoning) and part.signature is not None:
        item["encrypted_content"] = part.signature
    elif isinstance(part, ContentImage):
        item["result"] = part.image.partition(",")[2]
    return [item]


def _call_item(call: ToolCall, arrived: JsonObject | None = None) -> JsonObject:
    """A call as it arrived. Whoever changed its arguments meant it: the changed ones are sent."""
    item = dict(arrived or {"call_id": call.id, "name": call.function})
    kind = item.setdefault("type", "custom_tool_call" if call.type == "custom" else "function_call")
    if kind == "computer_call":
        item.update(call.arguments)
    elif kind == "custom_tool_call":
        item["input"] = call.arguments.get("input", "")
    elif call.parse_error is None and not _same(item.get("arguments"), call):
        item["arguments"] = dumps(call.arguments).decode()
    else:
        item.setdefault("arguments", "{}")
    return item


def _same(text: object, call: ToolCall) -> bool:
    if not isinstance(text, str):
        return False
    try:
        return bool(loads(text.encode()) == call.arguments)
    except ValueError:
        return not call.arguments and not text.strip()


def _finished(item: JsonObject, known: bool, phase: bool) -> JsonObject:
    """The item without what must not go back; a message of one plain text in its short form."""
    if not known:
        item.pop("id", None)
    if not phase:
        item.pop("phase", None)
    if "type" not in item and item.get("role") == "assistant":
        parts = item["content"]
        if len(parts) == 1 and parts[0].keys() == {"type", "text"}:
            item["content"] = parts[0]["text"]
        if not item["content"]:
            return {}  # a message that only calls tools has no text
    return item
