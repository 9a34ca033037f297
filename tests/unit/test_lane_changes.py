"""What a watcher of lanes is told, and what it is not."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from modeld_daemon.core.lane_changes import DRIFT_SECONDS, LaneChanges
from modeld_daemon.core.lane_statistics import LaneStatistics
from tests.fakes.lane_board import BUSY, IDLE


def older(lane: LaneStatistics, seconds: float) -> LaneStatistics:
    """The lane when nothing has happened but time."""
    paused = max(0.0, lane.paused_seconds - seconds)
    return replace(
        lane,
        paused_seconds=paused,
        pause_reason=lane.pause_reason if paused else "",
        rates=tuple(
            replace(
                rate,
                used=max(0.0, rate.used - seconds),
                available=None if rate.available is None else rate.available + seconds,
            )
            for rate in lane.rates
        ),
        history=tuple(replace(c, seconds_ago=c.seconds_ago + seconds) for c in lane.history),
    )


@pytest.fixture
def changes() -> LaneChanges:
    """A watcher that knows both lanes since second 100."""
    changes = LaneChanges()
    assert changes.since([BUSY, IDLE], 100.0) == ([BUSY, IDLE], [])
    return changes


def test_without_lanes_there_is_nothing_to_tell():
    assert LaneChanges().since([], 0.0) == ([], [])


def test_nothing_is_told_twice(changes):
    for _ in range(3):
        assert changes.since([BUSY, IDLE], 100.0) == ([], [])


def test_time_alone_is_no_news(changes):
    for tick in range(1, 9):
        now = tick * 0.5
        assert changes.since([older(BUSY, now), older(IDLE, now)], 100.0 + now) == ([], [])


def test_moving_figures_are_told_every_few_seconds_while_they_move(changes):
    told = []
    for tick in range(1, 2 * 700):
        lanes, _ = changes.since([older(BUSY, tick / 2), IDLE], 100.0 + tick / 2)
        told += [(tick / 2, lane.rates[0].used) for lane in lanes]
    assert told[0][0] == DRIFT_SECONDS
    assert 12.5 in [at for at, _ in told], "the end of a pause is told at once"
    gaps = [after - before for (before, _), (after, _) in pairwise(told)]
    assert max(gaps) <= DRIFT_SECONDS
    assert all(gap == DRIFT_SECONDS for gap in gaps[3:])
    assert BUSY.rates[1].used > 700, "the tokens still move at the end"


@pytest.mark.parametrize(
    "change",
    [
        {"in_use": 14},
        {"queued": 0},
        {"limit": 20},
        {"limit_reason": "set"},
        {"sessions": 4},
        {"reserved_tokens": 0.0},
        {"attempts": 901},
        {"limited": 13},
        {"history": BUSY.history[1:]},
        {"rates": (replace(BUSY.rates[0], per_minute=500.0), BUSY.rates[1])},
        {"rates": (replace(BUSY.rates[0], source="set"), BUSY.rates[1])},
        {"paused_seconds": 0.0},
        {"paused_seconds": 30.0},
        {"pause_reason": "probing"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_anything_else_is_told_at_once(changes, change):
    changed = replace(BUSY, **change)
    assert changes.since([changed, IDLE], 100.1) == ([changed], [])
    assert changes.since([changed, IDLE], 100.1) == ([], [])


def test_a_lane_that_pauses_is_told_once(changes):
    paused = replace(IDLE, paused_seconds=3.0)
    assert changes.since([BUSY, paused], 100.0) == ([paused], [])
    assert changes.since([BUSY, replace(IDLE, paused_seconds=2.9)], 100.1) == ([], [])
    assert changes.since([BUSY, IDLE], 103.0)[0][-1] == IDLE


def test_lanes_come_and_go(changes):
    new = replace(IDLE, id="local/other@none")
    assert changes.since([new], 100.0) == ([new], sorted([BUSY.id, IDLE.id]))
    assert changes.since([new], 100.0) == ([], [])
    assert changes.since([new, IDLE], 100.0) == ([IDLE], []), "a lane that comes back is new"


def test_two_watchers_know_nothing_of_each_other(changes):
    assert LaneChanges().since([IDLE], 100.0) == ([IDLE], [])
    assert changes.since([BUSY, IDLE], 100.0) == ([], [])
