"""The lane of an account's model: where attempts get their permits.

Every attempt at a provider takes a permit from the lane of its route. Lanes count; they do not
limit yet, so a permit is granted at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .call import Account, Route

__all__ = ["Lane", "LaneStatistics", "Lanes"]


@dataclass(frozen=True, slots=True)
class LaneStatistics:
    """A snapshot of one lane."""

    name: str
    account: str
    in_use: int
    total: int


class Lane:
    """Attempts at one model of one account."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.in_use = 0
        self.total = 0

    @contextmanager
    def permit(self) -> Iterator[None]:
        """Held for the length of one attempt."""
        self.in_use += 1
        self.total += 1
        try:
            yield
        finally:
            self.in_use -= 1

    def statistics(self) -> LaneStatistics:
        """A snapshot."""
        account = self.route.account.fingerprint
        return LaneStatistics(self.route.name, account, self.in_use, self.total)


class Lanes:
    """All lanes of the daemon, by account and model."""

    def __init__(self) -> None:
        self._lanes: dict[tuple[Account, str], Lane] = {}

    def of(self, route: Route) -> Lane:
        """The lane of that route."""
        key = (route.account, route.model)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(route)
        return lane

    def statistics(self) -> list[LaneStatistics]:
        """A snapshot of each lane."""
        return [lane.statistics() for lane in self._lanes.values()]
