"""From the engine's results to a `ModelOutput`. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
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
    new_id,
)

from .stream import Answer

JsonObject: TypeAlias = dict[str, Any]


def build_output(
    model: str, results: Sequence[tuple[Answer, JsonObject]], config: GenerateConfig
) -> ModelOutput:
    """The output whose choices are these answers, each with what the engine says of it."""
    prompt = results[0][1]["prompt_tokens"]
    made = sum(result["tokens"] for _, result in results)
    return ModelOutput(
        model=model,
        choices=[_choice(model, answer, result, config) for answer, result in results],
        # The prompt is counted once, as it is one.
        usage=ModelUsage(input_tokens=prompt, output_tokens=made, total_tokens=prompt + made),
        input_context_tokens=prompt,
        time=max(result["seconds"] for _, result in results),
        response_id=new_id(),  # nobody else gives it one
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
    model: str, answer: Answer, result: JsonObject, config: GenerateConfig
) -> ChatCompletionChoice:
    content: str | list[Content] = answer.text
    if answer.reasoning:
        content = [ContentReasoning(answer.reasoning), ContentText(answer.text)]
    message = ChatMessageAssistant(
        content, model=model, source="generate", tool_calls=answer.calls or None
    )
    finish: StopReason = (
        "tool_calls" if answer.calls and result["finish"] == "stop" else result["finish"]
    )
    return ChatCompletionChoice(message, finish, logprobs=_logprobs(result["logprobs"], config))


def _logprobs(tokens: list[JsonObject], config: GenerateConfig) -> Logprobs | None:
    if not (config.logprobs or config.top_logprobs):
        return None
    return Logprobs(
        [
            Logprob(
                token["token"],
                token["logprob"],
                None,
                [TopLogprob(top["token"], top["logprob"]) for top in token["top"]]
                if config.top_logprobs
                else None,
            )
            for token in tokens
        ]
    )
