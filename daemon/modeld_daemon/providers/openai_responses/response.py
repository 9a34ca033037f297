"""The body of a response to a `ModelOutput`. Pure.

https://platform.openai.com/docs/api-reference/responses/object
What has no class here is kept: items and parts as `ContentData`, members of the whole in the
output's metadata. A response also repeats its request; those members are not kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modeld.types import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    JsonObject,
    JsonValue,
    Logprob,
    Logprobs,
    ModelOutput,
    StopCategory,
    StopDetails,
    StopReason,
    ToolInfo,
    TopLogprob,
)

from .items import Parts
from .usage import unmodelled_usage, usage_from

__all__ = ["output_from"]

_READ = frozenset(
    ("id", "object", "created_at", "completed_at", "status", "model", "output", "usage", "error")
)
_REPEATED = frozenset(
    [
        *("background", "frequency_penalty", "include", "instructions", "max_output_tokens"),
        *("max_tool_calls", "parallel_tool_calls", "presence_penalty", "previous_response_id"),
        *("prompt", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"),
        *("reasoning", "safety_identifier", "store", "temperature", "text", "tool_choice"),
        *("tools", "top_logprobs", "top_p", "truncation", "user"),
    ]
)
_INCOMPLETE: Mapping[str, StopReason] = {
    "max_output_tokens": "max_tokens",
    "max_tokens": "max_tokens",
    "content_filter": "content_filter",
    "max_prompt_tokens": "model_length",
}


def output_from(
    body: JsonObject, tools: Sequence[ToolInfo] = (), *, custom_calls: bool = True
) -> ModelOutput:
    """The output; `ValueError`, `KeyError` or `TypeError` where the body is no response.

    Args:
        body: The answer.
        tools: What the model could call.
        custom_calls: Whether calls of custom tools are the client's to run.
    """
    model = body.get("model") or ""
    parts = Parts(tools, custom_calls=custom_calls)
    for item in body["output"]:
        parts.add(item)
    said = ChatMessageAssistant(
        parts.content or "", source="generate", tool_calls=parts.calls or None, model=model
    )
    choice = ChatCompletionChoice(said, "tool_calls" if parts.calls else "stop")
    _add_stop(choice, body)
    if parts.logprobs:
        choice.logprobs = Logprobs([_logprob(token) for token in parts.logprobs])
    output = ModelOutput(model, [choice], response_id=body.get("id") or None)
    metadata: JsonObject = {
        name: value
        for name, value in body.items()
        if name not in _READ and name not in _REPEATED and value not in (None, "", [], {})
    }
    usage = body.get("usage")
    if usage:
        output.usage = usage_from(usage)
        output.input_context_tokens = usage.get("input_tokens")
        unmodelled = unmodelled_usage(usage)
        if unmodelled:
            metadata["usage"] = unmodelled
    output.metadata = metadata or None
    return output


def _add_stop(choice: ChatCompletionChoice, body: JsonObject) -> None:
    """An answer that was cut says why; one that was cancelled has no reason of ours."""
    status = body.get("status")
    if status in ("incomplete", "cancelled"):
        details = body.get("incomplete_details") or {}
        reason = details.get("reason") or status
        choice.stop_reason = _INCOMPLETE.get(reason, "unknown")
        choice.stop_details = StopDetails(type=reason)
    filtered = _filtered(body.get("content_filters") or ())
    if filtered:
        choice.stop_details = choice.stop_details or StopDetails()
        choice.stop_details.categories = filtered


def _filtered(filters: Sequence[JsonObject]) -> list[StopCategory]:
    """What Azure's filters stopped."""
    return [
        StopCategory(category, result.get("severity"))
        for one in filters
        for category, result in (one.get("content_filter_results") or {}).items()
        if isinstance(result, dict) and result.get("filtered")
    ]


def _logprob(wire: JsonValue) -> Logprob:
    tops = [
        TopLogprob(top["token"], top["logprob"], top.get("bytes"))
        for top in wire.get("top_logprobs") or ()
    ]
    return Logprob(wire["token"], wire["logprob"], wire.get("bytes"), tops or None)
