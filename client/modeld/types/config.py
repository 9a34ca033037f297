"""How to generate."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

from ..errors import InvalidRequest
from .jsonable import JsonObject, JsonValue, ShapeError
from .policy import (
    AdaptiveConcurrency,
    BatchConfig,
    CachePolicy,
    ImageOutput,
    adaptive_from_string,
)
from .schema import JSONSchema
from .shape import reader
from .value import Value

Verbosity: TypeAlias = Literal["low", "medium", "high"]
Effort: TypeAlias = Literal["low", "medium", "high", "xhigh", "max"]
ReasoningEffort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
ReasoningMode: TypeAlias = Literal["standard", "pro"]
ReasoningSummary: TypeAlias = Literal["none", "concise", "detailed", "auto"]
ReasoningHistory: TypeAlias = Literal["none", "all", "last", "auto"]
OutputModality: TypeAlias = Literal["image"] | ImageOutput

_ATOMS = frozenset((str, int, float, bool, type(None)))


@dataclass(slots=True, eq=False, repr=False)
class ResponseSchema(Value):
    """Shape that the answer must have."""

    name: str
    """At most 64 letters, digits, dashes and underscores."""
    json_schema: JSONSchema
    description: str | None = None
    """What it is, for the model."""
    strict: bool | None = None
    """Whether the provider must hold to it strictly (OpenAI, Mistral)."""


def _read_logit_bias(data: JsonValue) -> dict[int, float] | None:
    """JSON keys are strings, token ids are numbers."""
    if data is None:
        return None
    try:
        return {int(token): float(bias) for token, bias in data.items()}
    except (AttributeError, TypeError, ValueError):
        raise ShapeError("expected numbers by token id, such as {'42': 10}") from None


def _write_logit_bias(bias: dict[int, float]) -> JsonObject:
    return {str(token): value for token, value in bias.items()}


_HISTORY_WORDS: dict[bool, ReasoningHistory] = {True: "all", False: "none"}
_read_history_word = reader(ReasoningHistory | None)


def _read_history(data: JsonValue) -> object:
    return _HISTORY_WORDS[data] if isinstance(data, bool) else _read_history_word(data)


_LOGIT_BIAS = {"read": _read_logit_bias, "write": _write_logit_bias}


@dataclass(slots=True, eq=False, repr=False, kw_only=True)
class GenerateConfig(Value):
    """Everything that can be said about how to generate. None means "not said"."""

    max_retries: int | None = None
    """Retries after the first attempt; None is unlimited where a retry is sound."""
    timeout: float | None = None
    """Seconds for the whole call, queue and retries included."""
    attempt_timeout: float | None = None
    """Seconds for one attempt, which is then retried."""
    stream_idle_timeout: float | None = None
    """Seconds without a chunk after which a streamed attempt is given up and retried."""
    max_connections: int | None = None
    """Most calls at once; turns adaptive concurrency off."""
    adaptive_connections: bool | int | str | AdaptiveConcurrency | None = None
    """Off, on, a maximum, or all numbers. Text ("4-40") is turned into one of these."""
    system_message: str | None = None
    """A system message put before all others."""
    max_tokens: int | None = None
    """Most tokens of the answer."""
    temperature: float | None = None
    """Sampling temperature."""
    top_p: float | None = None
    """Nucleus sampling: the share of probability to sample from."""
    top_k: int | None = None
    """Sample from the k likeliest tokens."""
    stop_seqs: list[str] | None = None
    """Texts that end the answer."""
    frequency_penalty: float | None = None
    """Penalty by frequency, -2 to 2."""
    presence_penalty: float | None = None
    """Penalty by presence, -2 to 2."""
    logit_bias: dict[int, float] | None = field(default=None, metadata=_LOGIT_BIAS)
    """Bias by token id, -100 to 100."""
    seed: int | None = None
    """Seed of the sampler."""
    best_of: int | None = None
    """Candidates made on the server, of which the best is returned."""
    num_choices: int | None = None
    """Choices to return."""
    logprobs: bool | None = None
    """Whether to return log probabilities of the answer's tokens."""
    top_logprobs: int | None = None
    """Alternatives per token with their log probabilities, 0 to 20."""
    prompt_logprobs: int | None = None
    """Alternatives per token of the prompt, 1 to 20."""
    parallel_tool_calls: bool | None = None
    """Whether several tools may be called in one turn."""
    internal_tools: bool | None = None
    """Whether a provider's native tools may stand in for equal ones."""
    max_tool_output: int | None = None
    """Bytes of tool output kept; 16384 when not said."""
    cache_prompt: Literal["auto"] | bool | None = None
    """The provider's own prompt cache."""
    fallback_models: list[str] | None = None
    """Models to fall back to on refusal (Anthropic)."""
    fail_on_refusal: bool | None = None
    """Whether a refusal is raised as `ModelRefusalError`."""
    verbosity: Verbosity | None = None
    """Length of answers (OpenAI GPT-5 and later)."""
    effort: Effort | None = None
    """Overall token effort (Anthropic)."""
    reasoning_effort: ReasoningEffort | None = None
    """How much a reasoning model thinks."""
    reasoning_mode: ReasoningMode | None = None
    """Way of reasoning (OpenAI)."""
    reasoning_tokens: int | None = None
    """Budget of thinking tokens."""
    reasoning_summary: ReasoningSummary | None = None
    """Summary of the reasoning (OpenAI Responses)."""
    reasoning_history: ReasoningHistory | None = field(
        default=None, metadata={"read": _read_history}
    )
    """Which earlier reasoning is sent back to the model."""
    response_schema: ResponseSchema | None = None
    """Shape that the answer must have."""
    extra_headers: dict[str, str] | None = None
    """Extra HTTP headers for the provider."""
    extra_body: JsonObject | None = None
    """Extra members of the provider's request body."""
    modalities: list[OutputModality] | None = None
    """What else to make beside text, such as ["image"]."""
    cache: bool | str | CachePolicy | None = None
    """modeld's own cache of outputs. Text ("3h") is turned into a policy."""
    batch: bool | int | BatchConfig | None = None
    """The provider's batch API: off, on, a size, or all numbers."""

    if not TYPE_CHECKING:  # the generated __init__ is what type checkers should see

        def __new__(cls, **fields: object) -> Self:
            unknown = fields.keys() - cls.__dataclass_fields__.keys()
            if unknown:
                cls.reject_unknown(unknown)
            return object.__new__(cls)

    def __post_init__(self) -> None:
        if isinstance(self.adaptive_connections, str):
            self.adaptive_connections = adaptive_from_string(self.adaptive_connections)
        if isinstance(self.cache, str):
            self.cache = CachePolicy.from_string(self.cache)
        if isinstance(self.reasoning_history, bool):
            self.reasoning_history = _HISTORY_WORDS[self.reasoning_history]
        _check_range("top_logprobs", self.top_logprobs, 0, 20)
        _check_range("prompt_logprobs", self.prompt_logprobs, 1, 20)
        _check_range("max_connections", self.max_connections, 1, 1_000_000)
        _check_range("max_retries", self.max_retries, 0, 1_000_000)
        for name in ("timeout", "attempt_timeout", "stream_idle_timeout"):
            _check_range(name, getattr(self, name), 0, 1e9)

    @staticmethod
    def reject_unknown(names: set[str]) -> None:
        """Raise the error for names that are no fields: a typo must not pass silently."""
        raise InvalidRequest(
            f"Unknown GenerateConfig field(s): {', '.join(sorted(names))}. "
            "Use extra_body for provider-specific options."
        )

    def merge(self, other: GenerateConfig | Mapping[str, Any]) -> GenerateConfig:
        """A deep copy of this config in which what `other` says replaces what this says."""
        if not isinstance(other, GenerateConfig):
            other = GenerateConfig(**other)
        merged: GenerateConfig = object.__new__(type(self))
        for name in CONFIG_FIELDS:
            value = getattr(other, name)
            if value is None:
                value = getattr(self, name)
            setattr(merged, name, value if type(value) in _ATOMS else deepcopy(value))
        return merged


CONFIG_FIELDS: tuple[str, ...] = tuple(GenerateConfig.__dataclass_fields__)
"""Names of all fields of GenerateConfig."""


def _check_range(name: str, value: float | None, low: int, high: float) -> None:
    if value is None:
        return
    try:
        inside = low <= value <= high  # never so for NaN
    except TypeError:
        raise InvalidRequest(f"{name} must be a number, not {type(value).__name__}") from None
    if not inside:
        raise InvalidRequest(f"{name} must be between {low} and {high:g} (got {value!r})")


def cache_policy(cache: bool | str | CachePolicy | None) -> CachePolicy | None:
    """The policy that a `cache` setting asks for: True is the default policy, None is off."""
    if isinstance(cache, str):
        return CachePolicy.from_string(cache)
    if isinstance(cache, CachePolicy):
        return cache
    return CachePolicy() if cache else None
