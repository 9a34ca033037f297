"""What Mistral's models are like, as rows by name pattern. Adapters ask a profile, never a name.

Sources: https://docs.mistral.ai/capabilities/reasoning (which models think, and which take
`reasoning_effort`) and https://docs.mistral.ai/getting-started/models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from modeld.types import ReasoningEffort

__all__ = ["MistralProfile", "mistral_profile"]

_ON_OR_OFF: Mapping[ReasoningEffort, str] = {
    "none": "none",
    "minimal": "high",
    "low": "high",
    "medium": "high",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}
_SCALE: Mapping[ReasoningEffort, str] = {
    **_ON_OR_OFF,
    "minimal": "low",
    "low": "low",
    "medium": "medium",
}
_NO_EFFORTS: Mapping[ReasoningEffort, str] = {}


@dataclass(frozen=True, slots=True)
class MistralProfile:
    """A model behind Mistral's API."""

    thinks: bool = True
    """Whether history may hold thinking chunks; older tokenizers know none."""
    efforts: Mapping[ReasoningEffort, str] = field(default_factory=lambda: _ON_OR_OFF)
    """What each reasoning effort is sent as; empty where the API refuses the parameter."""
    why_no_effort: str = ""
    context_tokens: int | None = None


_UNKNOWN = MistralProfile()
_ADJUSTABLE = MistralProfile(context_tokens=256_000)
_NATIVE = MistralProfile(
    efforts=_NO_EFFORTS, why_no_effort="always thinks and takes", context_tokens=128_000
)
_PLAIN = MistralProfile(
    thinks=False,
    efforts=_NO_EFFORTS,
    why_no_effort="is no reasoning model and takes",
    context_tokens=128_000,
)

# The first match counts. A name may carry an organisation and a date; "ft:" names are matched by
# their base model.
_ROWS: tuple[tuple[str, MistralProfile], ...] = (
    (r"magistral", _NATIVE),
    (r"mistral-small-(latest|2[6-9]\d\d|[4-9])", _ADJUSTABLE),
    (r"mistral-small", _PLAIN),
    (r"mistral-medium-(2[0-5]\d\d|3(-[0-4])?$)", _PLAIN),
    (r"mistral-medium", _ADJUSTABLE),
    (
        r"mistral-large-(2[6-9]\d\d|[4-9])",
        replace(_ADJUSTABLE, efforts=_SCALE, context_tokens=1_000_000),
    ),
    (r"mistral-large-2[0-5]\d\d", replace(_PLAIN, context_tokens=256_000)),
    (r"(codestral|devstral)", replace(_PLAIN, context_tokens=256_000)),
    (r"voxtral", replace(_PLAIN, context_tokens=32_000)),
    (r"(ministral|pixtral|open-mi|mistral-(tiny|saba|nemo))", _PLAIN),
)
_PATTERNS = tuple((re.compile(row), profile) for row, profile in _ROWS)


@lru_cache(maxsize=1024)
def mistral_profile(model: str) -> MistralProfile:
    """The profile of a model name; an unknown name is a model that can think or not."""
    name = model.removeprefix("ft:").rpartition("/")[2]
    for pattern, profile in _PATTERNS:
        if pattern.match(name):
            return profile
    return _UNKNOWN
