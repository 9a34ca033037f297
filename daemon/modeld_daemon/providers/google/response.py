"""The body of an answer to a `ModelOutput`. Pure.

https://ai.google.dev/api/generate-content#generatecontentresponse
What has no class here is kept: parts as `ContentData`, members of candidates and of the whole in
the output's metadata.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modeld.types import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    Content,
    ContentText,
    JsonObject,
    JsonValue,
    Logprob,
    Logprobs,
    ModelOutput,
    StopCategory,
    StopDetails,
    StopReason,
    TopLogprob,
)

from .grounding import add_citations
from .parts import read_parts
from .usage import unmodelled_usage, usage_from

__all__ = ["MALFORMED_CALL", "output_from"]

MALFORMED_CALL = "MALFORMED_FUNCTION_CALL"
"""The finish reason of a model that wrote a function call which nobody can read."""

# https://ai.google.dev/api/generate-content#FinishReason; others are unknown.
_STOP_REASONS: Mapping[str, StopReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "max_tokens",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
}
# How a gateway that writes enums as numbers writes them; past these the two APIs do not agree.
_NUMBERED = ("FINISH_REASON_UNSPECIFIED", "STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "OTHER")
# Calls of functions that were not offered are calls too: the caller answers that there are none.
_CALLING = ("STOP", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS")
_BODY_MEMBERS = frozenset(("candidates", "usageMetadata", "modelVersion", "responseId", "error"))
_CANDIDATE_MEMBERS = frozenset(("content", "finishReason", "index", "logprobsResult"))
_NOTHING: tuple[JsonValue, ...] = (None, "", [], {})


def output_from(body: JsonObject, model: str) -> ModelOutput:
    """The output; `ValueError`, `KeyError` or `TypeError` where the body is no answer.

    Args:
        body: The answer.
        model: Name of the model, where the answer says none.
    """
    candidates = body.get("candidates") or []
    feedback = body.get("promptFeedback") or {}
    if not candidates and not feedback and "usageMetadata" not in body:
        raise ValueError("there is no candidate in it")
    if len(candidates) > 1:
        candidates = sorted(candidates, key=lambda candidate: candidate.get("index") or 0)
    model = body.get("modelVersion") or model
    response_id = body.get("responseId") or None
    metadata = {k: v for k, v in body.items() if k not in _BODY_MEMBERS and v not in _NOTHING}
    choices = []
    for candidate in candidates:
        choices.append(_choice(candidate, model, response_id))
        rest = {
            k: v for k, v in candidate.items() if k not in _CANDIDATE_MEMBERS and v not in _NOTHING
        }
        if rest:
            index = str(candidate.get("index") or 0)
            metadata.setdefault("candidates", {})[index] = rest
    output = ModelOutput(model, choices or [_blocked(feedback, model)], response_id=response_id)
    usage = body.get("usageMetadata")
    if usage:
        output.usage = usage_from(usage)
        output.input_context_tokens = usage.get("promptTokenCount")
        unmodelled = unmodelled_usage(usage)
        if unmodelled:
            metadata["usage"] = unmodelled
    output.metadata = metadata or None
    return output


def _choice(candidate: JsonObject, model: str, response_id: str | None) -> ChatCompletionChoice:
    wire_parts = (candidate.get("content") or {}).get("parts") or []
    parts, calls = read_parts(wire_parts, response_id)
    add_citations(candidate, parts)
    content: str | list[Content] = parts
    if not parts:
        content = ""
    elif len(parts) == 1:
        only = parts[0]
        if isinstance(only, ContentText) and not (only.internal or only.citations):
            content = only.text
    said = ChatMessageAssistant(content, source="generate", tool_calls=calls or None, model=model)
    finish = candidate.get("finishReason") or ""
    if isinstance(finish, int):
        finish = _NUMBERED[finish] if finish < len(_NUMBERED) else str(finish)
    reason = _STOP_REASONS.get(finish, "unknown")
    if calls and finish in _CALLING:
        reason = "tool_calls"
    choice = ChatCompletionChoice(said, reason)
    if finish and finish not in ("STOP", "MAX_TOKENS"):
        choice.stop_details = StopDetails(
            type=finish,
            explanation=candidate.get("finishMessage"),
            categories=_blocking(candidate.get("safetyRatings") or ()),
        )
    logprobs = candidate.get("logprobsResult")
    if logprobs:
        choice.logprobs = _logprobs(logprobs)
    return choice


def _blocked(feedback: JsonObject, model: str) -> ChatCompletionChoice:
    """The choice of an answer without candidates: the prompt itself was refused.

    https://ai.google.dev/api/generate-content#PromptFeedback
    """
    message = feedback.get("blockReasonMessage") or ""
    said = ChatMessageAssistant(message, source="generate", model=model)
    block = feedback.get("blockReason")
    if not block:
        return ChatCompletionChoice(said, "unknown")
    details = StopDetails(
        type=str(block),
        explanation=message or None,
        categories=_blocking(feedback.get("safetyRatings") or ()),
    )
    return ChatCompletionChoice(said, "content_filter", details)


def _blocking(ratings: Sequence[JsonObject]) -> list[StopCategory]:
    return [
        StopCategory(
            rating.get("category") or "", rating.get("severity") or rating.get("probability")
        )
        for rating in ratings
        if rating.get("blocked")
    ]


def _logprobs(wire: JsonObject) -> Logprobs | None:
    """The tokens of a `LogprobsResult`."""
    chosen = wire.get("chosenCandidates") or []
    tops = wire.get("topCandidates") or []
    if not chosen:
        return None
    content = []
    for at, token in enumerate(chosen):
        others = tops[at].get("candidates") or () if at < len(tops) else ()
        alternatives = [TopLogprob(top.get("token") or "", _log(top)) for top in others]
        content.append(
            Logprob(token.get("token") or "", _log(token), top_logprobs=alternatives or None)
        )
    return Logprobs(content)


def _log(token: JsonObject) -> float:
    return float(token.get("logProbability") or 0.0)
