"""How much a model thinks, and how long its answer may be. Pure.

https://platform.claude.com/docs/en/build-with-claude/thinking
https://platform.claude.com/docs/en/build-with-claude/effort
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modeld.errors import PrerequisiteError
from modeld.types import GenerateConfig, JsonObject

from .profile import AnthropicProfile

__all__ = ["Thought", "max_tokens", "think"]

_BUDGETS: Mapping[str, int] = {
    "minimal": 2_048,
    "low": 4_096,
    "medium": 10_000,
    "high": 16_000,
    "xhigh": 32_000,
    "max": 32_000,
}
"""Tokens of thinking by reasoning effort, for models that take a budget."""

_ROOM: Mapping[str, int] = {
    "minimal": 4_096,
    "low": 4_096,
    "medium": 10_000,
    "high": 16_000,
    "xhigh": 32_000,
    "max": 32_000,
}
"""Tokens that thoughts of this effort add to the default length of an answer."""

_LEAST_BUDGET = 1_024
_LONG_EFFORTS = ("xhigh", "max")
_LONG = 64_000
_DISPLAY = {"none": "omitted", "auto": "summarized", "concise": "summarized"}


@dataclass(slots=True)
class Thought:
    """What a request says of thinking."""

    thinking: JsonObject | None = None
    effort: str | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def budget(self) -> int | None:
        """Tokens of thinking, where they are counted."""
        return None if self.thinking is None else self.thinking.get("budget_tokens")

    @property
    def on(self) -> bool:
        """Whether the request asks for thoughts."""
        return self.thinking is not None and self.thinking["type"] != "disabled"


def think(config: GenerateConfig, profile: AnthropicProfile, model: str) -> Thought:
    """What the config means for this model."""
    thought = Thought()
    wanted = config.reasoning_effort
    if config.reasoning_tokens is not None:
        _by_budget(thought, config.reasoning_tokens, profile, model)
    elif wanted == "none":
        _off(thought, profile, model)
    elif wanted is not None:
        _by_effort(thought, wanted, config, profile, model)
    if config.effort is not None:
        thought.effort = config.effort
    if thought.effort is not None:
        _fit_effort(thought, profile, model)
    if thought.on and config.reasoning_summary is not None:
        assert thought.thinking is not None
        thought.thinking["display"] = _DISPLAY.get(config.reasoning_summary, "summarized")
    return thought


def max_tokens(config: GenerateConfig, profile: AnthropicProfile, thought: Thought) -> int:
    """Tokens of the answer, thoughts included: the API wants a number."""
    if config.max_tokens is not None:
        return config.max_tokens
    tokens = profile.default_max_tokens
    if thought.on:
        tokens += thought.budget or _ROOM.get(config.reasoning_effort or "high", 0)
    if thought.effort in _LONG_EFFORTS:
        tokens = max(tokens, _LONG)
    return min(tokens, profile.max_output)


def _by_budget(thought: Thought, tokens: int, profile: AnthropicProfile, model: str) -> None:
    if profile.budget:
        thought.thinking = {"type": "enabled", "budget_tokens": tokens}
    elif profile.thinking == "none":
        thought.warnings.append(f"{model} does not think: reasoning_tokens left out.")
    else:
        raise PrerequisiteError(
            f"{model} takes no budget of thinking tokens: use reasoning_effort."
        )


def _by_effort(
    thought: Thought, effort: str, config: GenerateConfig, profile: AnthropicProfile, model: str
) -> None:
    if profile.thinking == "none":
        thought.warnings.append(f"{model} does not think: reasoning_effort left out.")
    elif profile.thinking == "budget":
        budget = _BUDGETS[effort]
        if config.max_tokens is not None and budget >= config.max_tokens:
            # the answer's limit includes the thoughts and must be larger than their budget
            budget = max(_LEAST_BUDGET, config.max_tokens // 2)
            thought.warnings.append(f"max_tokens leaves {budget} tokens for thinking.")
        thought.thinking = {"type": "enabled", "budget_tokens": budget}
    else:
        thought.thinking = {"type": "adaptive"}
        thought.effort = "low" if effort == "minimal" else effort


def _off(thought: Thought, profile: AnthropicProfile, model: str) -> None:
    if profile.thinking_off == "disabled":
        thought.thinking = {"type": "disabled"}
    elif profile.thinking_off == "never":
        thought.effort = "low"
        thought.warnings.append(f"{model} always thinks: reasoning_effort none is sent as low.")


def _fit_effort(thought: Thought, profile: AnthropicProfile, model: str) -> None:
    """The nearest level below that the model has."""
    if thought.effort in profile.efforts:
        return
    if not profile.efforts:
        thought.warnings.append(f"{model} has no levels of effort: effort left out.")
        thought.effort = None
        return
    thought.warnings.append(f"{model} has no effort {thought.effort}: sent as high.")
    thought.effort = "high"
