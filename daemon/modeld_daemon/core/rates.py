"""Rates: what a provider says of its limits, and buckets that hold attempts to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["MINUTE", "Bucket", "Meter", "RateLimit", "RateLimits"]

MINUTE = 60.0
SECONDS = 60


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What a provider's headers say of one of its limits."""

    limit: float
    """How much may be spent in `period`."""
    remaining: float | None = None
    """How much of it is left, this request taken off."""
    reset: float | None = None
    """Seconds until all of it is there again."""
    period: float = MINUTE
    """Seconds."""


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What a provider's answer says of its limits: by requests, tokens, input_tokens and
    output_tokens.
    """

    by_name: Mapping[str, RateLimit] = field(default_factory=dict)


class Bucket:
    """An allowance that refills steadily up to its capacity.

    Its level may fall below zero, when something cost more than was thought; then nothing fits
    until the debt is paid off.

    Args:
        rate: Refill per second.
        capacity: Most that may be saved up.
        now: The time.
        source: Where the rate is from.
        margin: Seconds of refill that are never spent: whoever counts elsewhere, by a clock of its
            own, must not find the bucket empty a moment before it is not.
    """

    __slots__ = ("_at", "_margin", "capacity", "level", "rate", "source")

    def __init__(
        self, rate: float, capacity: float, now: float, source: str, margin: float = 0.0
    ) -> None:
        self._margin = margin
        self.rate = rate
        self.capacity = capacity
        self.level = capacity
        self.source = source
        self._at = now

    def refill(self, now: float) -> None:
        """Brings the level up to date."""
        if now > self._at:
            self.level = min(self.capacity, self.level + (now - self._at) * self.rate)
            self._at = now

    def wait(self, cost: float, now: float) -> float:
        """Seconds until that much is there; a cost over the capacity waits for a full bucket."""
        self.refill(now)
        lacking = min(cost + self._margin * self.rate, self.capacity) - self.level
        # What rounding leaves must not become a wait too short to change anything.
        return max(lacking / self.rate, 1e-4) if lacking > 1e-9 else 0.0

    def take(self, cost: float) -> None:
        """Spends; the caller has seen that it does not need to wait."""
        self.level -= cost

    def give(self, amount: float) -> None:
        """Gives back what was not used, or takes what was used beyond."""
        self.level = min(self.capacity, self.level + amount)

    def configure(self, rate: float, capacity: float, now: float) -> None:
        """Another rate and capacity from now on."""
        self.refill(now)
        self.rate, self.capacity = rate, capacity
        self.level = min(self.level, capacity)

    def told(self, remaining: float, since: float, later: float, now: float) -> None:
        """The provider has told what was left when it took a request.

        Args:
            remaining: What it told.
            since: Seconds since the request was sent. It may have counted then or only now …
            later: What was spent on requests after that one. … and with these or without them.
            now: The time.
        """
        self.refill(now)
        low, high = remaining - later, remaining + since * self.rate
        self.level = min(max(self.level, low), high, self.capacity)


class Meter:
    """What was spent in the last minute, second by second."""

    __slots__ = ("_second", "_slots", "_total")

    def __init__(self) -> None:
        self._slots = [0.0] * SECONDS
        self._second = 0
        self._total = 0.0

    def add(self, amount: float, now: float) -> None:
        """Spends."""
        second = int(now)
        if second != self._second:
            self._forget(second)
        self._slots[second % SECONDS] += amount
        self._total += amount

    def total(self, now: float) -> float:
        """What the last minute has cost."""
        self._forget(int(now))
        return max(self._total, 0.0)

    def _forget(self, second: int) -> None:
        if second - self._second >= SECONDS:
            self._slots, self._total = [0.0] * SECONDS, 0.0
            self._second = second
        while self._second < second:
            self._second += 1
            self._total -= self._slots[self._second % SECONDS]
            self._slots[self._second % SECONDS] = 0.0
