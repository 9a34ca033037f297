"""The body of a message to a `ModelOutput`. Pure.

https://platform.claude.com/docs/en/api/messages
Members that have no class here are kept in the output's metadata.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modeld.types import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    Content,
    ContentText,
    JsonObject,
    ModelFallback,
    ModelOutput,
    StopDetails,
    StopReason,
    ToolInfo,
)

from .blocks import parts_from
from .usage import context_tokens, unmodelled_usage, usage_from

__all__ = ["PAUSED", "joined_text", "output_from"]

PAUSED = "pause_turn"
"""The server paused a long turn of its own tools: sent back as it is, it goes on."""

# https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
_STOP_REASONS: Mapping[str | None, StopReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "max_tokens",
    "refusal": "content_filter",
    "model_context_window_exceeded": "model_length",
}
_BODY_MEMBERS = frozenset(
    (
        *("id", "type", "role", "model", "content", "usage", "error"),
        *("stop_reason", "stop_sequence", "stop_details"),
    )
)
_DETAIL_MEMBERS = frozenset(("type", "category", "explanation"))


def output_from(body: JsonObject, tools: Sequence[ToolInfo] = ()) -> ModelOutput:
    """The output; `ValueError`, `KeyError` or `TypeError` where the body is no message."""
    model = body.get("model") or ""
    parts = parts_from(body["content"], tools)
    message = ChatMessageAssistant(
        _plain(parts.content), source="generate", tool_calls=parts.calls or None, model=model
    )
    choice = ChatCompletionChoice(
        message, _STOP_REASONS.get(body.get("stop_reason"), "unknown"), _stop_details(body)
    )
    metadata: JsonObject = {
        key: value
        for key, value in body.items()
        if key not in _BODY_MEMBERS and value not in (None, "", [], {})
    }
    details = body.get("stop_details") or {}
    rest = {k: v for k, v in details.items() if k not in _DETAIL_MEMBERS and v is not None}
    if rest:
        metadata["stop_details"] = rest
    output = ModelOutput(model, [choice], response_id=body.get("id") or None)
    output.completion = joined_text(message)
    usage = body.get("usage")
    if usage:
        output.usage = usage_from(usage)
        output.input_context_tokens = context_tokens(usage)
        unmodelled = unmodelled_usage(usage)
        if unmodelled:
            metadata["usage"] = unmodelled
        output.fallback = _fallback(usage, model)
    output.metadata = metadata or None
    return output


def joined_text(message: ChatMessageAssistant) -> str:
    """The text of the answer. Citations cut a text in pieces, which are one again here; what
    stands apart, such as before and after a search, stays in lines of its own.
    """
    texts: list[str] = []
    before: Content | None = None
    for part in message.content_list:
        if isinstance(part, ContentText):
            if texts and not isinstance(before, ContentText):
                texts.append("\n")
            texts.append(part.text)
        before = part
    return "".join(texts)


def _plain(content: list[Content]) -> str | list[Content]:
    if not content:
        return ""
    only = content[0]
    if len(content) == 1 and isinstance(only, ContentText):
        return content if only.internal or only.citations else only.text
    return content


def _stop_details(body: JsonObject) -> StopDetails | None:
    """Of a refusal; else the text that ended the answer, or a reason that has no word here."""
    details = body.get("stop_details")
    if details:
        return StopDetails(
            type=details.get("type"),
            category=details.get("category"),
            explanation=details.get("explanation"),
        )
    reason, sequence = body.get("stop_reason"), body.get("stop_sequence")
    if sequence is not None:
        return StopDetails(type=reason, explanation=sequence)
    if reason is not None and reason not in _STOP_REASONS:
        return StopDetails(type=reason)
    return None


def _fallback(usage: JsonObject, model: str) -> ModelFallback | None:
    """Another model that answered after a refusal.

    https://platform.claude.com/docs/en/build-with-claude/refusals-and-fallback
    """
    steps = [step for step in usage.get("iterations") or () if isinstance(step, dict)]
    served = [step for step in steps if step.get("type") == "fallback_message"]
    if not served:
        return None
    return ModelFallback("", served[-1].get("model") or model, count=len(served))
