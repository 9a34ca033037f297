"""When a lane stands still for everybody: after a refusal, until one attempt has tried it again."""

from __future__ import annotations

import math
from collections.abc import Callable

__all__ = ["Pause"]

SHORTEST_PROBE, LONGEST_PROBE, PATIENCE = 0.1, 1.0, 4.0
"""Refusals come at once, and an answer may take minutes: a probe has passed when it was not refused for
so many times as long (PATIENCE) as the last refusal took, within these bounds (seconds).
"""
LONGEST_UNNAMED = 15.0
"""Longest pause that no provider has named: a recovery must be noticed."""
SHORTEST_NAMED = 0.02
"""A named time below this names nothing."""
OUTAGE = 4
"""Refusals in a row after which a success ends an outage."""


class Pause:
    """The pauses of one lane. Attempts are told apart by when they began.

    Args:
        clock: The time in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.until = -math.inf
        self.reason = ""
        """Why, for people."""
        self._probe_due = False
        self._probe: float | None = None
        self._patience = LONGEST_PROBE
        self._strikes = 0
        self._outage = False
        self._limited_at = -math.inf

    def wait(self, now: float) -> float:
        """Seconds until an attempt may start, as far as pauses go."""
        if now < self.until:
            return self.until - now
        if self._probe is not None:
            wait = self._probe + self._patience - now
            if wait > 0:
                return wait
            self._probe, self._strikes = None, 0
        return 0.0

    def began(self, now: float) -> None:
        """An attempt starts: the first one after a pause is the probe."""
        if self._probe_due:
            self._probe_due, self._probe = False, now

    def passed(self, began: float) -> None:
        """An attempt was not refused."""
        if self._probe == began:
            self._probe = None

    def succeeded(self, began: float) -> bool:
        """An attempt gave an answer; whether that ends a long outage."""
        self.passed(began)
        if began <= self._limited_at:
            return False
        outage, self._outage, self._strikes = self._outage, False, 0
        return outage

    def news(self, began: float) -> bool:
        """Whether a refusal of that attempt says something new: it began after the last one that
        did. Refusals of attempts that were on their way already are the same news.
        """
        return began > self._limited_at

    def limited(self, began: float, named: float | None, unnamed: float | None) -> bool:
        """An attempt was refused; whether the pause is now longer than it was.

        Args:
            began: When the attempt began.
            named: Seconds that the provider asks for.
            unnamed: Seconds of a first pause that the provider has not named; None for no pause.
        """
        now = self._clock()
        named = None if named is None or named < SHORTEST_NAMED else named
        news = self.news(began)
        self._patience = min(max(PATIENCE * (now - began), SHORTEST_PROBE), LONGEST_PROBE)
        self.passed(began)
        if named is None and unnamed is None:
            return False
        if news:
            self._limited_at = now
            self._strikes += 1
            self._outage |= self._strikes >= OUTAGE
        if named is not None:
            return self._extend(now + named, f"the provider asked for {named:.3g} s")
        if not news or unnamed is None:
            return False
        pause = min(unnamed * 2.0 ** min(self._strikes - 1, 30), LONGEST_UNNAMED)
        return self._extend(now + pause, "the provider's rate limit was reached")

    def _extend(self, until: float, reason: str) -> bool:
        if until <= self.until:
            return False
        self.until, self.reason = until, reason
        self._probe_due, self._probe = True, None
        return True

    def seconds(self) -> float:
        """Until it ends; 0 when there is none."""
        return max(self.until - self._clock(), 0.0)
