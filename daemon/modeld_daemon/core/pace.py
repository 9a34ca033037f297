"""A request rate learned from refusals alone, for providers whose answers name no limits.

Whatever a provider counts with (a bucket that refills, a window that starts anew), between two
refusals it has served what it allows in that time, unless it had more to give than was asked for. So
the number of successes from one refusal to the next, over the time between them, is the rate or less;
and the pace at which a refusal came is more than the rate. The pace begins just below what these two
say and grows, slowly at first and then faster, until the next refusal says more: a limit that was
raised is found within a minute or two. The very first guess is rough, and is doubled every three
seconds until a refusal confirms it.
"""

from __future__ import annotations

from collections import deque

from .rates import Bucket

__all__ = ["Pace"]

HORIZON = 60.0
"""Seconds for which a refusal counts."""
SHORTEST = 0.5
"""Least seconds between two refusals that say something."""
SOON = 5.0
"""A refusal within this time (seconds) after another says what the rate is now."""
OUTAGE = 10.0
"""Seconds without a success, and with a refusal, after which it was no rate that was reached."""
BELOW = 0.985
"""Where the pace begins, as a share of what was measured …"""
STEP_BACK = 0.9
"""… or of the pace at which it was refused, if that is more."""
GROWTH = 0.004
"""Share by which the pace grows in the first second after a refusal …"""
DOUBLING = 15.0
"""… which doubles in this time (seconds) …"""
FASTEST = 0.25
"""… up to this."""
UNCONFIRMED = 0.26
"""Share by which a first guess grows in a second: doubled in three."""
BURST_SECONDS, MOST_BURST = 1.0, 10.0
"""What a pause has saved up may be sent at once: that many seconds of the rate, and no more than
that many requests.
"""


class Pace:
    """The learned pace of one lane."""

    def __init__(self) -> None:
        self.bucket: Bucket | None = None
        self._marks: deque[tuple[float, int]] = deque()
        """Refusals that said something: when, and how many requests had been served before."""
        self._served = 0
        self._first: float | None = None
        self._last = 0.0
        """When the last request was served …"""
        self._refused_since = False
        """… and whether one was refused since."""
        self._grown = 0.0
        self._confirmed = False

    def served(self, now: float) -> None:
        """The provider took a request."""
        if self._refused_since and now - self._last > OUTAGE:
            self._marks.clear()  # an outage is over; what was measured across it is no rate
            self._marks.append((now, self._served))
        self._served += 1
        self._last, self._refused_since = now, False
        if self._first is None:
            self._first = now
        if self.bucket is not None and self._marks:
            self._grow(self.bucket, now)

    def limited(self, now: float) -> None:
        """The provider refused a request: a new refusal, not one that was on its way already."""
        self._refused_since = True
        if self._first is None:
            return  # an outage from the beginning
        if self.bucket is None or not self._marks:
            # What came first may have been saved up before: a rough guess.
            rate = self._served / max(now - self._first, BURST_SECONDS)
            if self.bucket is None:
                self.bucket = Bucket(rate, _burst(rate), now, "learned")
            self._mark(now)
            return
        at, served = self._marks[-1]
        count, passed = self._served - served, now - at
        if count < 2 or passed < SHORTEST:
            return  # too little to say anything; the next refusal says it of a longer time
        while len(self._marks) > 1 and (passed < SOON or now - self._marks[0][0] > HORIZON):
            self._marks.popleft()
        at, served = self._marks[0]
        measured = max(count / passed, (self._served - served) / (now - at))
        least = self.bucket.rate * STEP_BACK
        if passed < SOON:
            # Who is refused soon after a refusal has asked for all there was: then what was served
            # in between is the rate, give or take one request. Only the first pause, which was
            # long for want of a guess, may have let something go to waste.
            least = min(least, (count + 1) / passed) if self._confirmed else least * STEP_BACK
        rate = max(measured * BELOW, least)
        self.bucket.configure(rate, _burst(rate), now)
        self._confirmed = True
        self._mark(now)

    def _mark(self, now: float) -> None:
        self._marks.append((now, self._served))
        self._grown = now

    def forget(self) -> None:
        """What was learned does not hold any more, such as when the provider has told its limits."""
        self.bucket = None
        self._marks.clear()

    def pause(self) -> float:
        """Seconds to wait after a refusal that names no time."""
        if self.bucket is None:
            return BURST_SECONDS
        return min(BURST_SECONDS, max(0.05, 3.0 / self.bucket.rate))

    def _grow(self, bucket: Bucket, now: float) -> None:
        passed = now - self._grown
        if passed < SHORTEST:
            return
        self._grown = now
        if bucket.level >= 1.0:
            return  # who does not use the pace does not test it either
        quiet = now - self._marks[-1][0]
        share = min(FASTEST, GROWTH * 2.0 ** min(quiet / DOUBLING, 60.0))
        if not self._confirmed:
            share = UNCONFIRMED
        rate = bucket.rate * (1 + share * min(passed, 5.0))
        bucket.configure(rate, _burst(rate), now)


def _burst(rate: float) -> float:
    return min(max(1.0, rate * BURST_SECONDS), MOST_BURST)
