"""How many attempts at once."""

from __future__ import annotations

import pytest

from modeld.types import AdaptiveConcurrency
from modeld_daemon.core.adaptive import CEILING_ROUNDS, Adaptive


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def adaptive(clock):
    return Adaptive(AdaptiveConcurrency(), clock)


def a_round(adaptive: Adaptive, in_use: int | None = None) -> int:
    adaptive.used(adaptive.limit if in_use is None else in_use)
    for _ in range(max(adaptive.limit, 4)):
        adaptive.succeeded()
    return adaptive.limit


def test_it_doubles_per_clean_round_up_to_its_most(adaptive):
    assert [adaptive.limit, *(a_round(adaptive) for _ in range(4))] == [20, 40, 80, 100, 100]
    assert [change.reason for change in adaptive.changes] == ["slow_start"] * 3


def test_a_limit_that_nobody_needs_does_not_grow(adaptive):
    assert a_round(adaptive, in_use=15) == 20
    assert a_round(adaptive, in_use=16) == 40


def test_a_refusal_takes_it_down_from_what_was_in_use_and_once_per_cooldown(adaptive, clock):
    a_round(adaptive)
    a_round(adaptive)
    assert adaptive.limited(80)
    assert adaptive.limit == 60  # 64, as a multiple of 5
    clock.now = 14.9
    assert not adaptive.limited(60)
    assert adaptive.limit == 60
    clock.now = 15.0
    adaptive.limited(30)
    assert adaptive.limit == 20  # of the 30 that ran, not of the 60 that were allowed


def test_the_least_is_kept(adaptive, clock):
    for minute in range(100):
        clock.now = minute * 60
        adaptive.limited(adaptive.limit)
    assert adaptive.limit == 10


def test_what_certainly_is_too_much_is_reduced_by_one_each_time(adaptive):
    a_round(adaptive)
    for in_use in range(30, 20, -1):
        assert adaptive.limited(in_use, certain=True)
    assert adaptive.limit == 20


def test_growth_after_a_refusal_is_slow_and_waits_below_the_ceiling(adaptive, clock):
    a_round(adaptive)  # 40
    adaptive.limited(38)
    assert adaptive.limit == 30
    clock.now = 60
    assert a_round(adaptive) == 35
    assert a_round(adaptive) == 37  # one below what failed
    rounds = 0
    while a_round(adaptive) == 37:
        rounds += 1
    assert CEILING_ROUNDS - 2 <= rounds <= CEILING_ROUNDS
    assert adaptive.limit == 38  # what failed, once more
    assert a_round(adaptive) == 40


def test_ten_minutes_of_refusals_freeze_nothing(adaptive, clock):
    for second in range(600):
        clock.now = second
        adaptive.limited(1)
    adaptive.reopen()
    rounds = 0
    while adaptive.limit < 80:
        a_round(adaptive)
        rounds += 1
    assert rounds <= 3


def test_other_bounds_move_it_only_as_far_as_they_must(adaptive):
    adaptive.rebound(AdaptiveConcurrency(min=2, start=4, max=8))
    assert adaptive.limit == 4  # nothing was learned yet
    a_round(adaptive)
    assert adaptive.limit == 8
    adaptive.rebound(AdaptiveConcurrency(min=2, start=4, max=6))
    assert adaptive.limit == 6
