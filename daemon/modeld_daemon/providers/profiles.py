"""What models are like, as rows by name pattern. Adapters ask a profile, never a name.

Sources: https://platform.openai.com/docs/guides/reasoning (parameters of reasoning models) and
https://platform.openai.com/docs/models.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, TypeAlias

from modeld.types import ReasoningEffort

__all__ = ["OpenAIProfile", "dropped_parameters", "openai_profile", "sent_effort"]

SystemRole: TypeAlias = Literal["system", "developer", "user"]


@dataclass(frozen=True, slots=True)
class OpenAIProfile:
    """A model behind an OpenAI-style API."""

    reasoning: bool = False
    system_role: SystemRole = "system"
    max_tokens_name: str = "max_tokens"
    dropped: frozenset[str] = frozenset()
    """Sampling parameters that the model refuses; they are left out with a warning."""
    thinks_unasked: bool = True
    """Whether a reasoning model thinks when no effort is asked for. One that does not takes
    `dropped` parameters as long as it does not think.
    """
    effort_none: bool = False
    """Whether "none" is an effort that can be asked for; elsewhere it is left out."""
    max_effort: Literal["xhigh", "max"] = "xhigh"
    """What the reasoning effort "max" is sent as."""
    context_tokens: int | None = None
    cache_marks: bool = False
    """Whether text parts may carry explicit prompt-cache marks."""


_PLAIN = OpenAIProfile()
_REASONING = OpenAIProfile(
    reasoning=True,
    system_role="developer",
    max_tokens_name="max_completion_tokens",
    dropped=frozenset(
        (
            "temperature",
            "top_p",
            "frequency_penalty",
            "presence_penalty",
            "logprobs",
            "top_logprobs",
        )
    ),
    context_tokens=200_000,
)
_GPT_5 = replace(_REASONING, context_tokens=400_000)
_GPT_5_1 = replace(_GPT_5, thinks_unasked=False, effort_none=True)
_GPT_5_5 = replace(_GPT_5, effort_none=True)
_GPT_5_6 = replace(_GPT_5_5, max_effort="max", cache_marks=True)

# The first match counts. A name may carry an organisation ("openai/o3") and a date or a
# fine-tuning suffix; "ft:" names are matched by their base model.
_ROWS: tuple[tuple[str, OpenAIProfile], ...] = (
    (r"o1-(mini|preview)", replace(_REASONING, system_role="user", context_tokens=128_000)),
    (r"o[1-9]\d*", _REASONING),
    (r"(computer-use|codex)", _REASONING),
    (r"gpt-[5-9](\.\d+)?-chat", replace(_PLAIN, context_tokens=128_000)),
    (r"gpt-5(\.[1-5])?-(pro|codex)", _GPT_5),
    (r"gpt-5\.[1-4]", _GPT_5_1),
    (r"gpt-5\.5", _GPT_5_5),
    (r"gpt-5\.([6-9]|\d\d)", _GPT_5_6),
    (r"gpt-5", _GPT_5),
    (r"gpt-([6-9]|\d\d)", _GPT_5_6),
    (r"gpt-4\.1", replace(_PLAIN, context_tokens=1_047_576)),
    (r"(gpt-4o|chatgpt-4o|gpt-4-turbo|gpt-4-vision)", replace(_PLAIN, context_tokens=128_000)),
    (r"gpt-4-32k", replace(_PLAIN, context_tokens=32_768)),
    (r"gpt-4", replace(_PLAIN, context_tokens=8_192)),
    (r"gpt-3\.5", replace(_PLAIN, context_tokens=16_385)),
)
# What a reasoning model takes while it does not think:
# https://platform.openai.com/docs/guides/latest-model#gpt-5-2-parameter-compatibility
_PATTERNS = tuple((re.compile(rf"{row}(?![a-z0-9])"), profile) for row, profile in _ROWS)


def dropped_parameters(profile: OpenAIProfile, effort: ReasoningEffort | None) -> frozenset[str]:
    """The sampling parameters that a call with this effort must not have."""
    sent = sent_effort(profile, effort)
    thinks = profile.thinks_unasked if sent is None else sent != "none"
    return profile.dropped if thinks else frozenset()


def sent_effort(profile: OpenAIProfile, effort: ReasoningEffort | None) -> str | None:
    """The effort as the model knows it; None is left out."""
    if effort == "none" and not profile.effort_none:
        return None
    return profile.max_effort if effort == "max" else effort


@lru_cache(maxsize=1024)
def openai_profile(model: str) -> OpenAIProfile:
    """The profile of a model name; unknown names are plain models."""
    name = model.removeprefix("ft:").rpartition("/")[2].removeprefix("openai.")
    for pattern, profile in _PATTERNS:
        if pattern.match(name):
            return profile
    return _PLAIN
