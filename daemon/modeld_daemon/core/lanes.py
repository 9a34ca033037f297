"""All lanes of the daemon, by account and model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import anyio

from modeld.errors import InvalidRequest, ModelNotFound

from .call import Account, Route
from .flights import Spawner
from .lane import Lane
from .lane_statistics import LaneSettings, LaneStatistics

__all__ = ["Lanes"]

SETTINGS = ("max_connections", "requests_per_minute", "tokens_per_minute")
IDLE_SECONDS = 3600.0
"""A lane that nobody has used for this long is forgotten, with what it has learned."""


class Lanes:
    """Makes lanes when they are first used.

    Args:
        tasks: Where lanes run the task that waits for time.
        clock: The time of the event loop, in seconds.
        configured: What the daemon's settings say, by full model name or by provider.
    """

    def __init__(
        self,
        tasks: Spawner,
        clock: Callable[[], float] = anyio.current_time,
        configured: Mapping[str, LaneSettings] | None = None,
    ) -> None:
        self._tasks = tasks
        self._clock = clock
        self._configured = configured or {}
        self._lanes: dict[tuple[Account, str], Lane] = {}

    def of(self, route: Route, *, bounded: bool = True) -> Lane:
        """The lane of that route; a new one is `bounded` or takes all that comes."""
        key = (route.account, route.model)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(route, self._tasks, self._clock, bounded=bounded)
            configured = self._configured_for(route)
            if configured != LaneSettings():
                lane.set(configured)
        return lane

    def _configured_for(self, route: Route) -> LaneSettings:
        """What is said of the model; what is not said of it, of its provider."""
        model = self._configured.get(route.name, LaneSettings())
        provider = self._configured.get(route.provider, LaneSettings())
        return LaneSettings(
            *(
                own if (own := getattr(model, name)) is not None else getattr(provider, name)
                for name in SETTINGS
            )
        )

    def set(self, name: str, settings: LaneSettings) -> list[LaneStatistics]:
        """Sets limits of lanes, in place of what was set before; what is None is not set.

        Args:
            name: A lane's id, or a full model name, which means its lanes of all accounts.
            settings: The limits.
        """
        _check(settings)
        lanes = [lane for lane in self._lanes.values() if name in (lane.id, lane.route.name)]
        if not lanes:
            known = ", ".join(sorted(lane.id for lane in self._lanes.values())) or "none"
            raise ModelNotFound(
                f"There is no lane '{name[:200]}'. A lane is there once its model was called. "
                f"Lanes now: {known[:1000]}."
            )
        for lane in lanes:
            lane.set(settings)
        return [lane.statistics() for lane in lanes]

    def forget_session(self, session: str) -> None:
        """A session has ended: what it had set holds no more."""
        for lane in self._lanes.values():
            lane.forget_session(session)

    async def sweep(self, interval: float = 60.0) -> None:
        """Forgets, for ever, lanes that nobody uses."""
        while True:
            await anyio.sleep(interval)
            self.forget_idle()

    def forget_idle(self) -> None:
        """Forgets lanes that nobody has used for a while. Those with settings of their own stay."""
        now = self._clock()
        for key, lane in list(self._lanes.items()):
            if lane.idle and now - lane.used_at > IDLE_SECONDS:
                del self._lanes[key]

    def statistics(self) -> list[LaneStatistics]:
        """A snapshot of each lane."""
        return [lane.statistics() for lane in self._lanes.values()]


def _check(settings: LaneSettings) -> None:
    for name in SETTINGS:
        value = getattr(settings, name)
        if value is not None and not (math.isfinite(value) and value >= 1):
            raise InvalidRequest(f"{name} must be a number of 1 or more, not {value}")
