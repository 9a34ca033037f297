"""From the engine's results to a `ModelOutput`. Pure functions."""

from __future__ import annotations

from typing import Any, TypeAlias

from modeld.types import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    Content,
    ContentReasoning,
    ContentText,
    GenerateConfig,
    Logprob,
    Logprobs,
    ModelOutput,
    ModelUsage,
    StopDetails,
    StopReason,
    TopLogprob,
)

JsonObject: TypeAlias = dict[str, Any]


def build_output(
    model: str, results: list[JsonObject], config: GenerateConfig, context: int
) -> ModelOutput:
    """The output whose choices are these results.

    Args:
        model: Name of the model.
        results: One result of the engine per choice.
        config: What was asked for.
        context: Tokens of context that each call has.
    """
    return ModelOutput(
        model=model,
        choices=[_choice(model, result, config, context) for result in results],
        usage=_usage(results),
        input_context_tokens=results[0]["usage"].get("prompt_tokens", 0),
        time=max(result["seconds"] for result in results),
        response_id=results[0]["id"],
    )


def overflow_output(
    model: str, explanation: str, prompt_tokens: int, seconds: float
) -> ModelOutput:
    """The output of a prompt that is longer than the context: no text, and why."""
    message = ChatMessageAssistant("", model=model, source="generate")
    details = StopDetails(type="context_overflow", explanation=explanation)
    return ModelOutput(
        model=model,
        choices=[ChatCompletionChoice(message, "model_length", details)],
        usage=ModelUsage(input_tokens=prompt_tokens, total_tokens=prompt_tokens),
        input_context_tokens=prompt_tokens,
        time=seconds,
        error=explanation,
    )


def _choice(
    model: str, result: JsonObject, config: GenerateConfig, context: int
) -> ChatCompletionChoice:
    content: str | list[Content] = result["text"]
    if result["reasoning"]:
        content = [ContentReasoning(result["reasoning"]), ContentText(result["text"])]
    return ChatCompletionChoice(
        ChatMessageAssistant(content, model=model, source="generate"),
        _stop_reason(result, config, context),
        logprobs=_logprobs(result["logprobs"], config),
    )


def _stop_reason(result: JsonObject, config: GenerateConfig, context: int) -> StopReason:
    if result["finish"] == "stop":
        return "stop"
    if result["finish"] != "length":
        return "unknown"
    # The engine says "length" for both limits.
    made = result["usage"].get("completion_tokens", 0)
    if config.max_tokens is not None and made >= config.max_tokens:
        return "max_tokens"
    full = result["usage"].get("prompt_tokens", 0) + made >= context
    return "model_length" if full else "max_tokens"


def _logprobs(tokens: list[JsonObject], config: GenerateConfig) -> Logprobs | None:
    if not (config.logprobs or config.top_logprobs):
        return None
    return Logprobs(
        [
            Logprob(
                token["token"],
                token["logprob"],
                token.get("bytes"),
                [
                    TopLogprob(top["token"], top["logprob"], top.get("bytes"))
                    for top in token.get("top_logprobs", [])
                ]
                if config.top_logprobs
                else None,
            )
            for token in tokens
        ]
    )


def _usage(results: list[JsonObject]) -> ModelUsage:
    """The prompt is counted once, as it is one; the answers are added up."""
    usages = [result["usage"] for result in results]
    prompt = usages[0].get("prompt_tokens", 0)
    cached = (usages[0].get("prompt_tokens_details") or {}).get("cached_tokens", 0)
    made = sum(usage.get("completion_tokens", 0) for usage in usages)
    return ModelUsage(
        input_tokens=prompt - cached,
        output_tokens=made,
        total_tokens=prompt + made,
        input_tokens_cache_read=cached or None,
    )
