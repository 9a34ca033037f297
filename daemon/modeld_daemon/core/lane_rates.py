"""The rates of one lane: told by the provider, set by somebody, or learned from refusals."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from modeld.types import ModelUsage

from .asker import Asker
from .lane_statistics import LaneSettings, RateStatistics
from .pace import Pace
from .rates import MINUTE, Bucket, Meter, RateLimit, RateLimits

__all__ = ["LaneRates", "Spending"]

REQUESTS, TOKENS = "requests", "tokens"
INPUT, OUTPUT = "input_tokens", "output_tokens"
NAMES = (REQUESTS, TOKENS, INPUT, OUTPUT)
TOLD_MARGIN = 0.02
"""Seconds by which the provider's counting may lag behind ours."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 1.0
"""Seconds of a pause after a refusal, where the provider has told its rates."""
FIRST_OUTPUT = 256.0
"""Tokens of an answer while no answer of the lane has ended."""
OUTPUT_WEIGHT = 0.1
"""Share of the newest answer in the expected length of the next one."""


def _cost(name: str, requests: float, given: float, made: float) -> float:
    """What of these a rate counts."""
    if name == REQUESTS:
        return requests
    return given if name == INPUT else made if name == OUTPUT else given + made


@dataclass(slots=True)
class Spending:
    """What an attempt has taken of the rates, and what all attempts had taken then."""

    given: float
    """Reserved input tokens; zero where the lane does not limit tokens."""
    made: float
    """Reserved output tokens."""
    at: float = 0.0
    all_requests: float = 0.0
    all_given: float = 0.0
    all_made: float = 0.0
    settled: bool = False

    def cost(self, name: str) -> float:
        """What the attempt costs of that rate."""
        return _cost(name, 1.0, self.given, self.made)


class LaneRates:
    """Buckets by name, and what the last minute has cost."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._told: dict[str, Bucket] = {}
        self._set: dict[str, Bucket] = {}
        self._pace = Pace()
        self._requests = Meter()
        self._given, self._made = Meter(), Meter()
        self._limits_tokens = False
        self._all_requests = self._all_given = self._all_made = 0.0
        self._output = FIRST_OUTPUT
        self.reserved_tokens = 0.0

    @property
    def known(self) -> bool:
        """Whether the provider has told a limit of requests."""
        return REQUESTS in self._told

    def wait(self, asker: Asker, now: float) -> float:
        """Seconds until all that an attempt needs is there; 0 when it is."""
        wait = 0.0
        if self._told or self._set:
            given, made = self._needs(asker)
            for buckets in (self._told, self._set):
                for name, bucket in buckets.items():
                    wait = max(wait, bucket.wait(_cost(name, 1.0, given, made), now))
        if self._pace.bucket is not None:
            wait = max(wait, self._pace.bucket.wait(1.0, now))
        return wait

    def spend(self, asker: Asker, now: float) -> Spending:
        """Takes all that an attempt needs; `wait` was 0."""
        given, made = self._needs(asker)
        for buckets in (self._told, self._set):
            for name, bucket in buckets.items():
                bucket.take(_cost(name, 1.0, given, made))
        if self._pace.bucket is not None:
            self._pace.bucket.take(1.0)
        self._all_requests += 1.0
        self._all_given += given
        self._all_made += made
        self._requests.add(1.0, now)
        self.reserved_tokens += given + made
        return Spending(given, made, now, self._all_requests, self._all_given, self._all_made)

    def _needs(self, asker: Asker) -> tuple[float, float]:
        if not self._limits_tokens:
            return 0.0, 0.0
        given, made = asker.tokens()
        return given, self._output if made == math.inf else made

    def told(self, limits: RateLimits, spending: Spending, now: float) -> None:
        """The provider has told its limits in the answer to an attempt."""
        for name, limit in limits.by_name.items():
            if name in NAMES and limit.limit > 0 and limit.period > 0:
                self._tell(name, limit, spending, now)

    def room(self, now: float) -> bool:
        """Whether the provider has told that there is room for more, as to its rates."""
        for bucket in self._told.values():
            bucket.refill(now)
        return self.known and all(bucket.level >= 1.0 for bucket in self._told.values())

    def _tell(self, name: str, limit: RateLimit, spending: Spending, now: float) -> None:
        rate = limit.limit / limit.period
        remaining = limit.limit if limit.remaining is None else max(limit.remaining, 0.0)
        # How much fits at once is often less than a minute's worth: what is left, and what comes
        # until all is there again.
        seen = remaining + max((limit.reset or 0.0) * rate, 1.0)
        bucket = self._told.get(name)
        if bucket is None:
            capacity = min(seen, limit.limit)
            bucket = self._told[name] = Bucket(rate, capacity, now, "provider", TOLD_MARGIN)
            bucket.level = -math.inf  # so that what was told and spent since is all that counts
            self._limits_tokens |= name != REQUESTS
            if name == REQUESTS:
                self._pace.forget()
        else:
            bucket.configure(rate, min(max(seen, bucket.capacity), limit.limit), now)
        later = _cost(
            name,
            self._all_requests - spending.all_requests,
            self._all_given - spending.all_given,
            self._all_made - spending.all_made,
        )
        bucket.told(remaining, now - spending.at, later, now)

    def settle(self, spending: Spending, usage: ModelUsage | None, now: float) -> None:
        """The attempt has an answer, of which the usage is known or not."""
        if self._pace.bucket is not None or not self.known:
            self._pace.served(now)
        if usage is None:
            return
        # A read of the provider's cache is cheap or free of limits; a write is not.
        given = float(usage.input_tokens + (usage.input_tokens_cache_write or 0))
        made = float(usage.output_tokens)
        self._output += (made - self._output) * OUTPUT_WEIGHT
        self._given.add(given, now)
        self._made.add(made, now)
        if (spending.given or spending.made) and not spending.settled:
            spending.settled = True
            self._return(spending, given, made)

    def close(self, spending: Spending, *, refused: bool) -> None:
        """The attempt has ended. What a refused one had reserved is there again."""
        if refused and not spending.settled:
            spending.settled = True
            self._return(spending, 0.0, 0.0)
        self.reserved_tokens -= spending.given + spending.made
        if self.reserved_tokens < 1e-6:  # what adding and taking away of floats has left
            self.reserved_tokens = 0.0

    def _return(self, spending: Spending, given: float, made: float) -> None:
        for buckets in (self._told, self._set):
            for name, bucket in buckets.items():
                if name != REQUESTS:
                    bucket.give(spending.cost(name) - _cost(name, 1.0, given, made))

    def limited(self, now: float) -> None:
        """A refusal that is news."""
        if not self.known:
            self._pace.limited(now)

    def pause(self) -> float:
        """Seconds to wait after a refusal that names no time."""
        if not self.known:
            return self._pace.pause()
        now = self._clock()
        lacking = max(bucket.wait(1.0, now) for bucket in self._told.values())
        return min(max(lacking, SHORTEST_PAUSE), LONGEST_PAUSE)

    def set(self, settings: LaneSettings, now: float) -> None:
        """What somebody has set, in place of what was set before."""
        self._set = {}
        if settings.requests_per_minute is not None:
            rate = settings.requests_per_minute / MINUTE
            self._set[REQUESTS] = Bucket(rate, max(rate, 1.0), now, "set")
        if settings.tokens_per_minute is not None:
            most = settings.tokens_per_minute
            self._set[TOKENS] = Bucket(most / MINUTE, most, now, "set")
        self._limits_tokens = any(name != REQUESTS for name in (*self._told, *self._set))

    def spent(self, name: str, now: float) -> float:
        """What the last minute has cost."""
        if name == REQUESTS:
            return self._requests.total(now)
        return _cost(name, 0.0, self._given.total(now), self._made.total(now))

    def statistics(self, now: float) -> tuple[RateStatistics, ...]:
        """A snapshot: requests and tokens always, the others where there is a limit."""
        named = [REQUESTS, TOKENS, *(n for n in (INPUT, OUTPUT) if n in self._told)]
        return tuple(self._statistics(name, now) for name in named)

    def _statistics(self, name: str, now: float) -> RateStatistics:
        learned = self._pace.bucket if name == REQUESTS else None
        buckets = [b for b in (self._told.get(name), self._set.get(name), learned) if b is not None]
        used = self.spent(name, now)
        if not buckets:
            return RateStatistics(name, None, used, None, "")
        tightest = min(buckets, key=lambda bucket: bucket.rate)
        tightest.refill(now)
        per_minute = round(tightest.rate * MINUTE, 6)  # 500, and not a hair more
        return RateStatistics(name, per_minute, used, tightest.level, tightest.source)
