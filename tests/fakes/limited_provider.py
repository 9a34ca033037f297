"""A provider with rate limits of its own, and the lane before it, for tests on virtual time."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import anyio.abc

from modeld.errors import ModeldError, RateLimited
from modeld.types import ChatMessageUser, GenerateConfig, ModelOutput, ModelUsage, Priority
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.flights import Flight
from modeld_daemon.core.lane import Lane
from modeld_daemon.core.rates import RateLimit, RateLimits
from modeld_daemon.core.retry import Attempts

__all__ = ["Limited", "Road", "call", "flight", "road", "route"]

USAGE = ModelUsage(input_tokens=10, output_tokens=20, total_tokens=30)


def route(model: str = "m", key: str = "k", provider: str = "openai") -> Route:
    return Route(provider, model, Account(provider, "https://api.example", key))


def call(session: str = "s", text: str = "hi", **more) -> Call:
    config = more.pop("config", None) or GenerateConfig()
    return Call("1", [ChatMessageUser(content=text)], config, session=session, **more)


def flight(priority: Priority = "normal") -> Flight:
    async def nothing(_flight):
        raise AssertionError

    return Flight(nothing, priority=priority)


@dataclass
class Limited:
    """Answers in `latency` seconds, at most `rate` requests a second and `at_once` at once."""

    rate: float = math.inf
    burst: float = 10
    at_once: float = math.inf
    latency: float = 0.2
    headers: bool = False
    retry_after: float | None = None
    down: bool = False
    """Every request is refused."""
    usage: ModelUsage | None = field(default_factory=lambda: USAGE)
    served: list[tuple[float, str]] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    began: list[float] = field(default_factory=list)
    running: int = 0
    peak: int = 0
    level: float = -1.0
    at: float = 0.0

    async def generate(self, call: Call, route: Route, sink=None) -> ModelOutput:
        now = anyio.current_time()
        self.began.append(now)
        self._refill(now)
        limits = self._limits()
        if self.down or self.level < 1 or self.running >= self.at_once:
            self.refused.append(now)
            call.told(limits)
            raise RateLimited("slow down", retry_after=self.retry_after)
        self.level -= 1
        self.running += 1
        self.peak = max(self.peak, self.running)
        limits = self._limits()
        try:
            await anyio.sleep(self.latency)
            call.told(limits)
        finally:
            self.running -= 1
        self.served.append((anyio.current_time(), call.session))
        return ModelOutput(model=route.name, usage=self.usage)

    def _refill(self, now: float) -> None:
        if self.rate == math.inf:
            self.level = math.inf
        elif self.level < 0:
            self.level, self.at = self.burst, now
        else:
            self.level = min(self.burst, self.level + (now - self.at) * self.rate)
            self.at = now

    def _limits(self) -> RateLimits | None:
        if not self.headers:
            return None
        reset = (self.burst - self.level) / self.rate
        left = float(int(max(self.level, 0)))
        return RateLimits({"requests": RateLimit(self.rate * 60, left, reset)})


@dataclass
class Road:
    """A lane and its provider."""

    lane: Lane
    provider: Limited
    tasks: anyio.abc.TaskGroup
    failures: list[ModeldError] = field(default_factory=list)

    async def ask(self, session: str = "s", **more) -> ModelOutput | None:
        """One call from beginning to end; its failure is kept."""
        asked = call(session, **more)
        attempts = Attempts(asked, self.lane, flight(asked.priority), anyio.current_time)
        try:
            return await attempts.until_answered(self.provider.generate, self.lane.route)
        except ModeldError as error:
            self.failures.append(error)
            return None

    def flood(self, count: int, session: str = "s", **more) -> None:
        """Many calls at once."""
        for _ in range(count):
            self.tasks.start_soon(lambda: self.ask(session, **more))

    def at_rest(self) -> bool:
        """Whether nothing is held and nobody waits."""
        seen = self.lane.statistics()
        return (seen.in_use, seen.queued, seen.queued_bytes, seen.reserved_tokens) == (0, 0, 0, 0)


@asynccontextmanager
async def road(provider: Limited | None = None, **lane) -> AsyncIterator[Road]:
    """A lane that is at rest again when the block is left; what still runs then is waited for."""
    provider = provider or Limited()
    lane.setdefault("bounded", True)
    async with anyio.create_task_group() as outer:
        made = Lane(route(), outer, **lane)
        async with anyio.create_task_group() as tasks:
            one = Road(made, provider, tasks)
            yield one
        assert one.at_rest(), made.statistics()
