"""The fields of GenerateConfig as keywords, for type checkers and editors.

A test holds them to the fields: a keyword that is missing here is no error at run time.
"""

from __future__ import annotations

from typing import Literal, TypedDict

from .config import (
    Effort,
    OutputModality,
    ReasoningEffort,
    ReasoningHistory,
    ReasoningMode,
    ReasoningSummary,
    ResponseSchema,
    Verbosity,
)
from .jsonable import JsonObject
from .policy import AdaptiveConcurrency, BatchConfig, CachePolicy


class GenerateConfigArgs(TypedDict, total=False):
    """What `GenerateConfig` takes, each as it is described there."""

    max_retries: int | None
    timeout: float | None
    attempt_timeout: float | None
    stream_idle_timeout: float | None
    max_connections: int | None
    adaptive_connections: bool | int | str | AdaptiveConcurrency | None
    system_message: str | None
    max_tokens: int | None
    temperature: float | None
    top_p: float | None
    top_k: int | None
    stop_seqs: list[str] | None
    frequency_penalty: float | None
    presence_penalty: float | None
    logit_bias: dict[int, float] | None
    seed: int | None
    best_of: int | None
    num_choices: int | None
    logprobs: bool | None
    top_logprobs: int | None
    prompt_logprobs: int | None
    parallel_tool_calls: bool | None
    internal_tools: bool | None
    max_tool_output: int | None
    cache_prompt: Literal["auto"] | bool | None
    fallback_models: list[str] | None
    fail_on_refusal: bool | None
    verbosity: Verbosity | None
    effort: Effort | None
    reasoning_effort: ReasoningEffort | None
    reasoning_mode: ReasoningMode | None
    reasoning_tokens: int | None
    reasoning_summary: ReasoningSummary | None
    reasoning_history: ReasoningHistory | None
    response_schema: ResponseSchema | None
    extra_headers: dict[str, str] | None
    extra_body: JsonObject | None
    modalities: list[OutputModality] | None
    cache: bool | str | CachePolicy | None
    batch: bool | int | BatchConfig | None
