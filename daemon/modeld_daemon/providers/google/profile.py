"""What Google's models are like, as rows by name pattern. The dialect asks a profile, never a name.

Sources: https://ai.google.dev/gemini-api/docs/thinking (budgets and levels),
https://ai.google.dev/gemini-api/docs/thought-signatures,
https://ai.google.dev/gemini-api/docs/function-calling (media in answers of functions),
https://ai.google.dev/gemini-api/docs/safety-settings (defaults).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal, TypeAlias

from modeld.types import ReasoningEffort

__all__ = ["GoogleProfile", "google_profile"]

Thinking: TypeAlias = Literal["none", "budget", "level"]


@dataclass(frozen=True, slots=True)
class GoogleProfile:
    """A model behind `generateContent`."""

    thinking: Thinking = "none"
    """How the amount of thinking is said."""
    levels: Mapping[ReasoningEffort, str] = field(default_factory=dict)
    """`thinkingLevel` by effort."""
    silent_level: str = "LOW"
    """The level nearest to no thinking, where it cannot be turned off."""
    max_budget: int = 24_576
    """Most thinking tokens that a budget may be."""
    min_budget: int = 0
    """Fewest thinking tokens; 0 turns thinking off."""
    signed_calls: bool = False
    """Whether calls of functions in the history must carry a thought signature."""
    answer_media: frozenset[str] = frozenset()
    """Media types that the answer of a function may hold itself."""
    mixes_tools: bool = False
    """Whether Google's own tools and functions may be offered in one request."""
    system_instruction: bool = True
    json_schema: bool = True
    """Whether JSON Schema is understood; else schemas are written in OpenAPI's way."""
    filters: bool = False
    """Whether the safety filters block unless they are told not to."""
    context_tokens: int | None = None


_LEVELS: Mapping[ReasoningEffort, str] = {
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "HIGH",
    "max": "HIGH",
}
_PLAIN = GoogleProfile(context_tokens=1_048_576)
_GEMINI_2_0 = replace(_PLAIN, filters=True)
_GEMINI_1 = replace(_GEMINI_2_0, json_schema=False)
_GEMINI_2_5 = replace(_PLAIN, thinking="budget")
_GEMINI_2_5_PRO = replace(_GEMINI_2_5, min_budget=128, max_budget=32_768)
_GEMINI_3_PRO = replace(
    _PLAIN,
    thinking="level",
    levels={**_LEVELS, "minimal": "LOW"},
    signed_calls=True,
    answer_media=frozenset(
        ("image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain")
    ),
    mixes_tools=True,
)
_GEMINI_3 = replace(_GEMINI_3_PRO, levels=_LEVELS, silent_level="MINIMAL")
_GEMMA = replace(_PLAIN, json_schema=False, system_instruction=False, context_tokens=131_072)

# The first match counts. A name may carry a folder ("models/…", "publishers/google/models/…").
_ROWS: tuple[tuple[str, GoogleProfile], ...] = (
    (r"gemini-1[.-]|gemini-pro(-vision)?$|gemini-ultra|learnlm-1", _GEMINI_1),
    (r"gemini-2\.0.*thinking", replace(_GEMINI_2_5, filters=True)),
    (r"gemini-2\.0|learnlm", _GEMINI_2_0),
    (r"gemini-2\.5-pro|gemini-2\.5-computer", _GEMINI_2_5_PRO),
    (r"gemini-2\.5.*(image|tts|live|native-audio)", _PLAIN),
    (r"gemini-2\.5|gemini-robotics-er-1", _GEMINI_2_5),
    (r"gemini-([3-9]|\d\d)(\.\d+)?-pro|gemini-pro-latest", _GEMINI_3_PRO),
    (r"gemini-([3-9]|\d\d)|gemini-flash.*-latest", _GEMINI_3),
    (r"gemma-3|gemma-2|gemma-1", _GEMMA),
)
_PATTERNS = tuple((re.compile(row), profile) for row, profile in _ROWS)


@lru_cache(maxsize=1024)
def google_profile(model: str) -> GoogleProfile:
    """The profile of a model name; unknown names are models that do not think."""
    name = model.rpartition("/")[2]
    for pattern, profile in _PATTERNS:
        if pattern.match(name):
            return profile
    return _PLAIN
