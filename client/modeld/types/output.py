"""What a model answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from .content import Content
from .identity import new_id
from .jsonable import JsonObject, JsonValue, ShapeError
from .message import ChatMessage, ChatMessageAssistant
from .tool import ToolCall
from .value import Value

StopReason: TypeAlias = Literal[
    "stop", "max_tokens", "model_length", "tool_calls", "content_filter", "unknown"
]
"""Why the model stopped. A sad reason is a result, not an error."""

_STOP_REASONS: dict[str | None, StopReason] = {reason: reason for reason in get_args(StopReason)}
_PROVIDER_WORDS: dict[str | None, StopReason] = {
    **_STOP_REASONS,
    "eos": "stop",
    "length": "max_tokens",
    "function_call": "tool_calls",
}


def as_stop_reason(reason: str | None) -> StopReason:
    """The stop reason that a provider's common word means."""
    return _PROVIDER_WORDS.get(reason, "unknown")


def _read_stop_reason(data: JsonValue) -> StopReason:
    """A reason of a newer version is unknown here; "length" is an old word for max_tokens."""
    if not isinstance(data, str):
        raise ShapeError(f"expected str, got {type(data).__name__}")
    return "max_tokens" if data == "length" else _STOP_REASONS.get(data, "unknown")


@dataclass(slots=True, eq=False, repr=False)
class TopLogprob(Value):
    """An alternative to a token."""

    token: str
    logprob: float
    """Natural logarithm of its probability."""
    bytes: list[int] | None = None
    """Its bytes, each 0 to 255."""


@dataclass(slots=True, eq=False, repr=False)
class Logprob(Value):
    """Log probability of one token."""

    token: str
    logprob: float
    """Natural logarithm of its probability."""
    bytes: list[int] | None = None
    """Its bytes, each 0 to 255."""
    top_logprobs: list[TopLogprob] | None = None
    """Alternatives, likeliest first; None when none were asked for."""


@dataclass(slots=True, eq=False, repr=False)
class Logprobs(Value):
    """Log probabilities, one entry per token."""

    content: list[Logprob]


@dataclass(slots=True, eq=False, repr=False)
class StopCategory(Value):
    """A category of a content filter."""

    category: str
    level: str | None = None
    """Level or severity."""


@dataclass(slots=True, eq=False, repr=False)
class StopDetails(Value):
    """More about why an answer ended, in the provider's words."""

    type: str | None = None
    category: str | None = None
    explanation: str | None = None
    categories: list[StopCategory] = field(default_factory=list)


@dataclass(slots=True, eq=False, repr=False)
class ChatCompletionChoice(Value):
    """One of the answers."""

    message: ChatMessageAssistant
    stop_reason: StopReason = field(default="unknown", metadata={"read": _read_stop_reason})
    stop_details: StopDetails | None = None
    logprobs: Logprobs | None = None
    """Log probabilities of the answer's tokens."""
    prompt_logprobs: Logprobs | None = None
    """Log probabilities of the prompt's tokens."""

    def __post_init__(self) -> None:
        if self.stop_reason == "length":  # type: ignore[comparison-overlap]
            self.stop_reason = "max_tokens"


@dataclass(slots=True, eq=False, repr=False)
class ModelUsage(Value):
    """Tokens used."""

    input_tokens: int = 0
    """Input tokens, without those read from or written to the prompt cache."""
    output_tokens: int = 0
    """Output tokens, reasoning included."""
    total_tokens: int = 0
    input_tokens_cache_write: int | None = None
    input_tokens_cache_read: int | None = None
    reasoning_tokens: int | None = None
    total_cost: float | None = None
    """Cost in dollars."""

    def __add__(self, other: ModelUsage) -> ModelUsage:
        def total(a: int | None, b: int | None) -> int | None:
            return a if b is None else b if a is None else a + b

        cost = self.total_cost
        if other.total_cost is not None:
            cost = (cost or 0.0) + other.total_cost
        return ModelUsage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.total_tokens + other.total_tokens,
            total(self.input_tokens_cache_write, other.input_tokens_cache_write),
            total(self.input_tokens_cache_read, other.input_tokens_cache_read),
            total(self.reasoning_tokens, other.reasoning_tokens),
            cost,
        )


@dataclass(slots=True, eq=False, repr=False)
class ModelFallback(Value):
    """Another model answered instead of the one asked."""

    model: str
    fallback_model: str
    count: int = 1
    """How often it fell back."""
    metadata: JsonObject | None = None


@dataclass(slots=True, eq=False, repr=False)
class ServedModelUsage(Value):
    """Usage of the model that a router really served with."""

    model: str
    usage: ModelUsage
    cost: float | None = None
    """Cost in dollars."""


@dataclass(slots=True, eq=False, repr=False)
class ModelOutput(Value):
    """The answer of a model."""

    model: str = ""
    """Model that answered, as the provider names it."""
    choices: list[ChatCompletionChoice] = field(default_factory=list)
    completion: str = ""
    """Text of the answer; the first choice's text when not given."""
    usage: ModelUsage | None = None
    input_context_tokens: int | None = None
    """Tokens of context that the input took, cached ones included."""
    fallback: ModelFallback | None = None
    time: float | None = None
    """Seconds that the provider took."""
    metadata: JsonObject | None = None
    """The provider's further data; `metadata["modeld"]` is the `CallInfo`."""
    error: str | None = None
    """Error text of a result that is not a failure."""
    response_id: str | None = None
    """The provider's id of the response."""

    def __post_init__(self) -> None:
        if not self.completion and self.choices:
            self.completion = self.choices[0].message.text

    @property
    def empty(self) -> bool:
        """Whether there are no choices."""
        return not self.choices

    @property
    def stop_reason(self) -> StopReason:
        """Why the first choice ended."""
        return self._first.stop_reason

    @property
    def message(self) -> ChatMessageAssistant:
        """Message of the first choice."""
        return self._first.message

    @property
    def _first(self) -> ChatCompletionChoice:
        if not self.choices:
            raise IndexError("The model output has no choices.")
        return self.choices[0]

    @staticmethod
    def from_message(message: ChatMessage, stop_reason: StopReason = "stop") -> ModelOutput:
        """The output whose only choice is this message."""
        if not isinstance(message, ChatMessageAssistant):
            message = ChatMessageAssistant(message.content, source="generate")
        return ModelOutput(message.model or "", [ChatCompletionChoice(message, stop_reason)])

    @staticmethod
    def from_content(
        model: str,
        content: str | list[Content],
        stop_reason: StopReason = "stop",
        error: str | None = None,
        stop_details: StopDetails | None = None,
    ) -> ModelOutput:
        """The output whose only choice has this content."""
        message = ChatMessageAssistant(content, model=model, source="generate")
        choice = ChatCompletionChoice(message, stop_reason, stop_details)
        return ModelOutput(model, [choice], error=error)

    @staticmethod
    def for_tool_call(
        model: str,
        tool_name: str,
        tool_arguments: JsonObject,
        internal: JsonValue | None = None,  # noqa: ARG004 - the reference ignores it too
        tool_call_id: str | None = None,
        content: str | None = None,
    ) -> ModelOutput:
        """The output that asks for one call of a tool."""
        call = ToolCall(tool_call_id or f"for_tool_call_{new_id()}", tool_name, tool_arguments)
        message = ChatMessageAssistant(
            f"tool call for tool {tool_name}" if content is None else content,
            model=model,
            source="generate",
            tool_calls=[call],
        )
        return ModelOutput(model, [ChatCompletionChoice(message, "tool_calls")])
