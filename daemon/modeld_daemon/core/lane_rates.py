"""The rates of one lane: told by the provider, set by somebody, or learned from refusals."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

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


@dataclass(slots=True)
class Spending:
    """What an attempt has taken of the rates."""

    tokens: tuple[float, float]
    """Reserved input and output; zero where the lane does not limit tokens."""
    at: float = 0.0
    """When it was spent."""
    total: Mapping[str, float] = field(default_factory=dict)
    """What all attempts had spent then, this one included, by rate."""
    settled: bool = False

    def cost(self, name: str) -> float:
        """What the attempt costs of that rate."""
        given, made = self.tokens
        return {REQUESTS: 1.0, TOKENS: given + made, INPUT: given, OUTPUT: made}[name]


class LaneRates:
    """Buckets by name, and what the last minute has cost."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._told: dict[str, Bucket] = {}
        self._set: dict[str, Bucket] = {}
        self._pace = Pace()
        self._meters = {name: Meter() for name in NAMES}
        self._total = dict.fromkeys(NAMES, 0.0)
        self._output = FIRST_OUTPUT
        self.reserved_tokens = 0.0

    @property
    def known(self) -> bool:
        """Whether the provider has told a limit of requests."""
        return REQUESTS in self._told

    def wait(self, asker: Asker, now: float) -> float:
        """Seconds until all that an attempt needs is there; 0 when it is."""
        wait = 0.0
        cost = Spending(self._needs(asker))
        for buckets in (self._told, self._set):
            for name, bucket in buckets.items():
                wait = max(wait, bucket.wait(cost.cost(name), now))
        if self._pace.bucket is not None:
            wait = max(wait, self._pace.bucket.wait(1.0, now))
        return wait

    def spend(self, asker: Asker, now: float) -> Spending:
        """Takes all that an attempt needs; `wait` was 0."""
        spending = Spending(self._needs(asker))
        for buckets in (self._told, self._set):
            for name, bucket in buckets.items():
                bucket.take(spending.cost(name))
        if self._pace.bucket is not None:
            self._pace.bucket.take(1.0)
        for name in NAMES:
            self._total[name] += spending.cost(name)
        spending.at, spending.total = now, dict(self._total)
        self._meters[REQUESTS].add(1.0, now)
        self.reserved_tokens += sum(spending.tokens)
        return spending

    def _needs(self, asker: Asker) -> tuple[float, float]:
        if not self._limits_tokens():
            return 0.0, 0.0
        given, made = asker.tokens()
        return given, self._output if made == float("inf") else made

    def _limits_tokens(self) -> bool:
        return any(name != REQUESTS for name in (*self._told, *self._set))

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
            if name == REQUESTS:
                self._pace.forget()
        else:
            bucket.configure(rate, min(max(seen, bucket.capacity), limit.limit), now)
        later = self._total[name] - spending.total.get(name, 0.0)
        bucket.told(remaining, now - spending.at, later, now)

    def settle(self, spending: Spending, usage: ModelUsage | None, now: float) -> None:
        """The attempt has an answer, of which the usage is known or not."""
        if self._pace.bucket is not None or not self.known:
            self._pace.served(now)
        if usage is None:
            return
        # A read of the provider's cache is cheap or free of limits; a write is not.
        given = usage.input_tokens + (usage.input_tokens_cache_write or 0)
        used = Spending((float(given), float(usage.output_tokens)))
        self._output += (usage.output_tokens - self._output) * OUTPUT_WEIGHT
        for name in (TOKENS, INPUT, OUTPUT):
            self._meters[name].add(used.cost(name), now)
        if spending.tokens != (0.0, 0.0) and not spending.settled:
            spending.settled = True
            self._return(spending, used)

    def close(self, spending: Spending, *, refused: bool) -> None:
        """The attempt has ended. What a refused one had reserved is there again."""
        if refused and not spending.settled:
            spending.settled = True
            self._return(spending, Spending((0.0, 0.0)))
        self.reserved_tokens -= sum(spending.tokens)
        if self.reserved_tokens < 1e-6:  # what adding and taking away of floats has left
            self.reserved_tokens = 0.0

    def _return(self, spending: Spending, used: Spending) -> None:
        for buckets in (self._told, self._set):
            for name, bucket in buckets.items():
                if name != REQUESTS:
                    bucket.give(spending.cost(name) - used.cost(name))

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

    def spent(self, name: str, now: float) -> float:
        """What the last minute has cost."""
        return self._meters[name].total(now)

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
        per_minute = tightest.rate * MINUTE
        return RateStatistics(name, per_minute, used, tightest.level, tightest.source)
