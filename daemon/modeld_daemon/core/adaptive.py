"""How many attempts at once: additive increase, multiplicative decrease, with a slow start.

A *round* is as many clean successes as the limit is high (at least four), a clean success being one
that needed no retry for a rate limit. At its end the limit grows if four fifths of it were in use:
before the first refusal it doubles, afterwards it grows by a small share. A refusal takes it down,
once per cooldown, from what was really in use: a limit that nobody reached says nothing.

What the last refusal has shown is remembered as a ceiling. The limit returns to just below it at
its usual pace and then waits some rounds before it tries what failed: so a bound that stays where
it is costs few refusals. A provider's waiting times have no part in this: they pause the lane
and never the controller, which for that reason cannot be frozen by ten minutes of refusals.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from modeld.types import AdaptiveConcurrency

__all__ = ["Adaptive", "Change"]

BUSY_SHARE = 0.8
SMALLEST_ROUND = 4
CEILING_ROUNDS = 10
"""Clean rounds below the ceiling before it is tried again."""
KEPT_CHANGES = 200
STEP = 5
"""Limits of ten and more are multiples of this."""


@dataclass(frozen=True, slots=True)
class Change:
    """A step of the limit, at a time of the clock."""

    at: float
    old: int
    new: int
    reason: str


class Adaptive:
    """The controller of one lane.

    Args:
        bounds: Least, first and most attempts at once, and how it moves between them.
        clock: The time in seconds.
    """

    def __init__(self, bounds: AdaptiveConcurrency, clock: Callable[[], float]) -> None:
        self.bounds = bounds
        self.limit = bounds.start
        self.changes: deque[Change] = deque(maxlen=KEPT_CHANGES)
        self._clock = clock
        self._peak = 0
        self._clean = 0
        self._limited = False
        """Whether there was ever a refusal: the end of the slow start."""
        self._ceiling: int | None = None
        self._rounds_below = 0
        self._cooldown_until = -math.inf

    def used(self, in_use: int) -> None:
        """So many attempts run now."""
        self._peak = max(self._peak, in_use)

    def succeeded(self) -> None:
        """A clean success."""
        self._clean += 1
        if self._clean < max(self.limit, SMALLEST_ROUND):
            return
        busy = self._peak >= BUSY_SHARE * self.limit
        self._clean = self._peak = 0
        if busy:
            self._grow()

    def limited(self, in_use: int, *, certain: bool = False) -> bool:
        """A refusal for a rate limit, while so many attempts ran, this one included.

        Args:
            in_use: Attempts that ran.
            certain: Whether it is certain that they were too many: then one less is right.

        Returns whether fewer may run now than did.
        """
        self._clean = self._peak = 0
        now = self._clock()
        if now < self._cooldown_until and not certain:
            return False
        self._limited = True
        self._cooldown_until = now + self.bounds.cooldown_seconds
        reached = min(self.limit, max(in_use, 1))
        self._ceiling, self._rounds_below = reached, 0
        lower = reached - 1 if certain else _floor(int(reached * self.bounds.decrease_factor))
        self._move(max(self.bounds.min, 1, lower), "rate_limit", down=True)
        return self.limit < reached

    def reopen(self) -> None:
        """A long outage is over: what was learned before it is out of date."""
        self._ceiling, self._limited = None, False
        self._clean = self._peak = 0

    def rebound(self, bounds: AdaptiveConcurrency) -> None:
        """Other bounds from now on; the limit moves only if it must."""
        if bounds != self.bounds:
            self.bounds = bounds
            inside = min(max(self.limit, bounds.min), bounds.max)
            if not self.changes:
                inside = bounds.start
            self._move(inside, "set")

    def _grow(self) -> None:
        if self._limited:
            step = max(1, round(self.limit * self.bounds.scale_up_percent))
            self._move(self._below_ceiling(_ceil(self.limit + step)), "steady_state_up")
        else:
            self._move(self.limit * 2, "slow_start")

    def _below_ceiling(self, wanted: int) -> int:
        if self._ceiling is None or wanted < self._ceiling:
            return wanted
        if self.limit >= self._ceiling:  # and a whole round went well
            self._ceiling = None
            return wanted
        self._rounds_below += 1
        patient = self._rounds_below <= CEILING_ROUNDS
        return max(self.limit, self._ceiling - 1 if patient else self._ceiling)

    def _move(self, to: int, reason: str, *, down: bool = False) -> None:
        to = min(to, self.limit) if down else min(to, self.bounds.max)
        if to != self.limit:
            self.changes.append(Change(self._clock(), self.limit, to, reason))
            self.limit = to


def _floor(number: int) -> int:
    return number if number < 2 * STEP else number - number % STEP


def _ceil(number: int) -> int:
    return number if number < 2 * STEP else -(-number // STEP) * STEP
