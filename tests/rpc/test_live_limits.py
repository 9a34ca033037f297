"""Limits of real lanes, seen and changed while calls are in them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from modeld import daemon, get_model
from modeld.daemon import LaneLimits
from tests.fakes.acting import until


@pytest.fixture
def calls(house, actor, monkeypatch):
    """Asks the model in threads, which end with the test."""
    monkeypatch.setenv(
        "FAKE_API_KEY", "key"
    )  # of a provider over the network: its lanes are limited
    with ThreadPoolExecutor(30) as pool:
        model = get_model("fake/model")
        yield lambda text, **more: pool.submit(model.generate_sync, text, **more)
        actor.release.set()


def lane() -> LaneLimits:
    (only,) = daemon.limits()
    return only


def test_a_lane_shows_who_is_in_it(actor, calls):
    held = [calls(f"hold {number}") for number in range(12)]
    until(lambda: actor.running == 10)
    until(lambda: lane().queued == 2)
    seen = lane()
    assert (seen.model, seen.in_use, seen.sessions) == ("fake/model", 10, 1)
    assert seen.queued_bytes > 0
    actor.release.set()
    for call in held:
        call.result(10)
    done = lane()
    assert (done.in_use, done.queued, done.attempts, done.succeeded) == (0, 0, 12, 12)
    assert done.rates[0].name == "requests"


def test_a_limit_that_is_set_holds_for_those_who_wait_already(actor, calls):
    calls("echo first").result(10)  # a lane that has never answered opens with 10, whatever is set
    held = [calls(f"hold {number}") for number in range(12)]
    until(lambda: actor.running == 10 and lane().queued == 2)
    (seen,) = daemon.set_limits("fake/model", max_connections=12)
    assert (seen.limit, seen.limit_reason) == (12, "set")
    until(lambda: actor.running == 12)
    daemon.set_limits(seen.id, max_connections=1)
    actor.release.set()
    for call in held:
        call.result(10)
    actor.most_running = 0
    for call in [calls(f"sleep 0.0{number}") for number in range(5)]:
        call.result(10)
    assert actor.most_running == 1
    (cleared,) = daemon.set_limits(seen.id)
    assert cleared.limit_reason == "adaptive"


def test_an_interactive_call_is_not_stuck_behind_a_batch(actor, calls):
    calls("echo first").result(10)
    daemon.set_limits("fake/model", max_connections=1)
    batch = [calls(f"hold {number}", priority="batch") for number in range(20)]
    until(lambda: lane().queued == 19)
    urgent = calls("echo urgent", priority="interactive")
    until(lambda: lane().queued == 20)
    actor.release.set()
    urgent.result(10)
    for call in batch:
        call.result(10)
    assert actor.begun.index("echo urgent") <= 3


def test_a_watcher_sees_a_lane_fill_and_empty(actor, calls):
    updates = daemon.watch_limits(0.05)
    assert next(updates).lanes == []
    held = calls("hold")
    assert [seen.in_use for seen in next(updates).lanes] == [1]
    actor.release.set()
    held.result(10)
    for update in updates:
        if update.lanes[0].in_use == 0:
            break
    assert update.lanes[0].succeeded == 1
    updates.close()
