"""What Claude models are like, as rows by name pattern. The dialect asks a profile, never a name.

Sources: https://platform.claude.com/docs/en/about-claude/models/overview,
https://platform.claude.com/docs/en/build-with-claude/thinking and …/effort, and the pages "What's
new in …" of the models.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, TypeAlias

__all__ = ["AnthropicProfile", "anthropic_profile"]

Thinking: TypeAlias = Literal["none", "budget", "adaptive"]
ThinkingOff: TypeAlias = Literal["unsaid", "disabled", "never"]

_TO_HIGH = ("low", "medium", "high")
_TO_MAX = (*_TO_HIGH, "max")
_ALL = (*_TO_HIGH, "xhigh", "max")


@dataclass(frozen=True, slots=True)
class AnthropicProfile:
    """A model behind the Messages API."""

    thinking: Thinking = "adaptive"
    """How it is told to think: not at all, by a budget of tokens, or as much as it finds fit."""
    thinking_off: ThinkingOff = "disabled"
    """How it is told not to think: by saying nothing, by "disabled", or never."""
    budget: bool = False
    """Whether it takes a budget of thinking tokens."""
    efforts: tuple[str, ...] = _ALL
    """Levels of `output_config.effort` that it takes."""
    sampling: bool = False
    """Whether temperature, top_p and top_k may be set."""
    forced_tools: bool = True
    """Whether it can be made to use a tool."""
    system_turns: bool = True
    """Whether a system message may stand in the middle of a conversation."""
    default_max_tokens: int = 32_000
    """Tokens of an answer when the caller does not say: the API wants a number."""
    max_output: int = 128_000
    """Most tokens of an answer."""
    context_tokens: int = 1_000_000


_NEWEST = AnthropicProfile()
_CLAUDE_5_5 = replace(_NEWEST, thinking_off="never", forced_tools=False)
_FABLE = replace(_NEWEST, thinking_off="never")
_OPUS_4_7 = replace(_NEWEST, system_turns=False)
_CLAUDE_4_6 = replace(_OPUS_4_7, budget=True, efforts=_TO_MAX, sampling=True)
_CLAUDE_4 = AnthropicProfile(
    thinking="budget",
    thinking_off="unsaid",
    budget=True,
    efforts=(),
    sampling=True,
    system_turns=False,
    max_output=64_000,
    context_tokens=200_000,
)
_CLAUDE_3 = replace(
    _CLAUDE_4, thinking="none", budget=False, default_max_tokens=4_096, max_output=8_192
)

# The first match counts. A name may carry a date, an alias ("-latest", "-0") or the prefix of a
# cloud ("us.anthropic."). Unknown names are taken for the newest models.
_ROWS: tuple[tuple[str, AnthropicProfile], ...] = (
    (r"claude-3-7", replace(_CLAUDE_4, max_output=128_000)),
    (r"claude-(3|v?[12]|instant)", _CLAUDE_3),
    (r"claude-opus-4-5", replace(_CLAUDE_4, efforts=_TO_HIGH)),
    (r"claude-(opus|sonnet)-4-6", _CLAUDE_4_6),
    (r"claude-opus-4-7", _OPUS_4_7),
    (r"claude-opus-4-8", _NEWEST),
    (r"claude-(opus-4(-[01])?|4-opus)", replace(_CLAUDE_4, max_output=32_000)),
    (r"claude-(sonnet|haiku)-4|claude-4-sonnet", _CLAUDE_4),
    (r"claude-[a-z]+-5-5", _CLAUDE_5_5),
    (r"claude-(fable|mythos)-5-[1-9]", _CLAUDE_5_5),
    (r"claude-(fable|mythos)", _FABLE),
)
_PATTERNS = tuple((re.compile(rf"{row}(?![0-9])"), profile) for row, profile in _ROWS)


@lru_cache(maxsize=1024)
def anthropic_profile(model: str) -> AnthropicProfile:
    """The profile of a model name."""
    for pattern, profile in _PATTERNS:
        if pattern.search(model):
            return profile
    return _NEWEST
