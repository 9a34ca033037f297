"""Settings that are more than one number: caching, batching, adaptive concurrency."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from typing import Self

from ..errors import InvalidRequest
from .jsonable import JsonObject
from .value import Value

_EXPIRY_SECONDS = {
    "s": 1,
    "m": 60,
    "h": 3_600,
    "D": 86_400,
    "W": 7 * 86_400,
    "M": 30 * 86_400,
    "Y": 365 * 86_400,
}


_DIGITS = 12
"""Most of an expiry's integer, so that its end is a time that a clock can tell."""


def expiry_seconds(expiry: str | None) -> int | None:
    """Seconds of an expiry such as "3h": an integer and one of s m h D W M Y; None is for ever."""
    if expiry is None:
        return None
    count, unit = expiry[:-1], expiry[-1:]
    if unit not in _EXPIRY_SECONDS or not (count.isascii() and count.isdigit()):
        raise InvalidRequest(
            f"Invalid expiry: {expiry}. Write an integer and one of s m h D W M Y, such as 3h."
        )
    if len(count) > _DIGITS:
        raise InvalidRequest(
            f"Invalid expiry: an integer of {len(count)} digits. Write at most {_DIGITS}; "
            "with None, an output is kept for ever."
        )
    return int(count) * _EXPIRY_SECONDS[unit]


@dataclass(slots=True, eq=False, repr=False, kw_only=True)
class CachePolicy(Value):
    """How long, and for whom, modeld keeps an output."""

    expiry: str | None = "1W"
    """Integer and one of s m h D W M Y (m minutes, M months of 30 days); None is for ever."""
    per_epoch: bool = True
    """Whether each epoch has its own entry."""
    scopes: dict[str, str] = field(default_factory=dict)
    """Pairs that keep entries apart."""

    def __post_init__(self) -> None:
        if self.expiry is not None and not isinstance(self.expiry, str):
            raise InvalidRequest(f"Invalid expiry: {self.expiry!r}")
        expiry_seconds(self.expiry)

    @classmethod
    def from_string(cls, expiry: str) -> Self:
        """The policy with this expiry, such as "3h"."""
        return cls(expiry=expiry)

    @property
    def seconds(self) -> int | None:
        """The expiry in seconds; None is for ever."""
        return expiry_seconds(self.expiry)


@dataclass(slots=True, eq=False, repr=False)
class BatchConfig(Value):
    """Numbers of batching. None leaves a number to the provider's default."""

    size: int | None = None
    """Send when so many requests wait."""
    max_size: int | None = None
    """Most requests of one batch."""
    send_delay: float | None = None
    """Seconds after which a smaller batch is sent."""
    tick: float | None = None
    """Seconds between looks at open batches."""
    max_batches: int | None = None
    """Most open batches."""
    max_consecutive_check_failures: int | None = None
    """Failed looks in a row after which a batch is given up."""


_MIN, _START, _MAX = 10, 20, 100


# None never stays in min and start: it marks "not given", and __post_init__ puts the default,
# clamped into the range that was given. The field types say what readers see.
@dataclass(slots=True, eq=False, repr=False, kw_only=True)
class AdaptiveConcurrency(Value):
    """Bounds and tuning of the adaptive limit of calls at once.

    The defaults of `min` (10) and `start` (20) are clamped into the range that is given.
    """

    min: int = None  # type: ignore[assignment]
    """Fewest calls at once, at least 1."""
    max: int = _MAX
    """Most calls at once."""
    start: int = None  # type: ignore[assignment]
    """Calls at once to begin with."""
    cooldown_seconds: float = 15.0
    """Seconds after a decrease in which there is no other."""
    decrease_factor: float = 0.8
    """Factor of a decrease, between 0 and 1."""
    scale_up_percent: float = 0.05
    """Share of the limit that a clean round adds, up to 1."""

    def __post_init__(self) -> None:
        if self.min is None:
            self.min = min(_MIN, self.max)
        if self.start is None:
            self.start = max(self.min, min(_START, self.max))
        for wrong, problem in (
            (self.min < 1, f"min must be >= 1 (got {self.min})"),
            (self.max < self.min, f"max ({self.max}) must be >= min ({self.min})"),
            (
                not self.min <= self.start <= self.max,
                f"start ({self.start}) must be within [min={self.min}, max={self.max}]",
            ),
            (
                not (isfinite(self.cooldown_seconds) and self.cooldown_seconds >= 0),
                f"cooldown_seconds must be a finite value >= 0 (got {self.cooldown_seconds})",
            ),
            (
                not 0 < self.decrease_factor < 1,
                f"decrease_factor must be in (0, 1) (got {self.decrease_factor})",
            ),
            (
                not 0 < self.scale_up_percent <= 1,
                f"scale_up_percent must be in (0, 1] (got {self.scale_up_percent})",
            ),
        ):
            if wrong:
                raise InvalidRequest(f"AdaptiveConcurrency {problem}")

    @classmethod
    def from_string(cls, text: str) -> Self:
        """The policy that "min-max" or "min-start-max" describes."""
        parts = text.split("-")
        if len(parts) not in (2, 3) or not all(p.isascii() and p.isdigit() for p in parts):
            raise InvalidRequest(
                f"Invalid AdaptiveConcurrency {text!r}: expected 'min-max' or 'min-start-max'"
            )
        numbers = [int(part) for part in parts]
        if len(numbers) == 2:
            return cls(min=numbers[0], max=numbers[1])
        return cls(min=numbers[0], start=numbers[1], max=numbers[2])


_WORDS = {"true": True, "yes": True, "false": False, "no": False}


def adaptive_from_string(text: str) -> bool | int | AdaptiveConcurrency:
    """What true, false, yes, no, "40", "4-40" or "4-20-40" say about adaptive concurrency."""
    word = text.strip().lower()
    if word in _WORDS:
        return _WORDS[word]
    if word.isascii() and word.isdigit():
        return int(word)
    return AdaptiveConcurrency.from_string(word)


@dataclass(slots=True, eq=False, repr=False)
class ImageOutput(Value):
    """Options of pictures to make."""

    options: dict[str, JsonObject] | None = None
    """Options by provider, such as {"openai": {"quality": "low"}}."""
