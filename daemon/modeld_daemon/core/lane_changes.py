"""What has changed in the lanes since somebody looked last.

Some values of a lane move by themselves, in every lane and at every look: a pause runs out, what
was used in the last minute becomes less, the past grows older. If each of them were a change, a
watcher of idle lanes would be told of all of them all the time. So

- the age of a change in the history is never news, and neither is the rest of a pause that runs
  out as announced: a pause that begins, ends or is made longer is;
- what is used and available is news together with anything else, and by itself every few seconds
  as long as it moves, so that a watcher never shows an old figure for long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .lane_statistics import LaneStatistics

__all__ = ["LaneChanges"]

DRIFT_SECONDS = 5.0
"""How long figures that only time moves may stay untold."""
PAUSE_SECONDS = 0.25
"""Difference between two ends of a pause from which on they are two."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What a watcher was told of a lane, and when."""

    lane: LaneStatistics
    at: float

    def outdated_by(self, lane: LaneStatistics, now: float) -> bool:
        if _steady(lane) != _steady(self.lane) or self._pause_moved(lane, now):
            return True
        return now - self.at >= DRIFT_SECONDS and lane.rates != self.lane.rates

    def _pause_moved(self, lane: LaneStatistics, now: float) -> bool:
        before, after = self.lane.paused_seconds, lane.paused_seconds
        if not before or not after:
            return bool(before) != bool(after)
        return abs((now + after) - (self.at + before)) > PAUSE_SECONDS


class LaneChanges:
    """Compares each look at the lanes with what one watcher knows already."""

    def __init__(self) -> None:
        self._told: dict[str, _Told] = {}

    def since(
        self, lanes: Sequence[LaneStatistics], now: float
    ) -> tuple[list[LaneStatistics], list[str]]:
        """Lanes that are new or have changed, and the ids of those that are gone.

        Args:
            lanes: All lanes, as they are now.
            now: Seconds of a clock that never goes back.
        """
        changed = [lane for lane in lanes if self._is_news(lane, now)]
        removed = sorted(self._told.keys() - {lane.id for lane in lanes})
        for id in removed:
            del self._told[id]
        self._told.update((lane.id, _Told(lane, now)) for lane in changed)
        return changed, removed

    def _is_news(self, lane: LaneStatistics, now: float) -> bool:
        told = self._told.get(lane.id)
        return told is None or told.outdated_by(lane, now)


def _steady(lane: LaneStatistics) -> LaneStatistics:
    """The lane without what time alone moves."""
    return replace(
        lane,
        paused_seconds=0.0,
        rates=tuple(replace(rate, used=0.0, available=None) for rate in lane.rates),
        history=tuple(replace(change, seconds_ago=0.0) for change in lane.history),
    )
