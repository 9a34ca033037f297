"""One computation and those who wait for it."""

from __future__ import annotations

import anyio
import pytest

from modeld.errors import Cancelled, Conflict, GenerateTimeout, InternalError, RateLimited
from modeld.types import CallInfo, ModelOutput
from modeld_daemon.core.call import Result
from modeld_daemon.core.flights import Flight, Flights
from tests.fakes.trio_clock import virtual_time
from tests.fakes.watching import Witness

RESULT = Result(ModelOutput.from_content("m", "hello"), CallInfo())


async def slow(flight: Flight) -> Result:
    flight.text("hel")
    await anyio.sleep(10)
    flight.text("lo")
    return RESULT


@virtual_time
async def test_a_watcher_hears_every_event_in_order_and_the_end_once():
    async with anyio.create_task_group() as tasks:
        flights, witness = Flights(tasks), Witness()
        flights.launch(Flight(slow)).watch(witness)
        await flights.drained()
    assert witness.events == [(1, "text", "hel"), (2, "text", "lo"), (3, "finished")]
    assert witness.result is RESULT


@virtual_time
async def test_the_last_watcher_to_leave_ends_the_flight():
    ended_at = 0.0

    async def compute(flight: Flight) -> Result:
        nonlocal ended_at
        try:
            return await slow(flight)
        finally:
            ended_at = anyio.current_time()

    async with anyio.create_task_group() as tasks:
        flights, one, two = Flights(tasks), Witness(), Witness()
        start = anyio.current_time()
        flight = flights.launch(Flight(compute, key="k"))
        flight.watch(one)
        flight.watch(two)
        await anyio.sleep(1)
        flight.leave(one, "gone")
        await anyio.sleep(1)
        assert not flight.ended
        flight.leave(two, "gone")
        await flights.drained()
    assert ended_at - start == 2
    assert not one.ended
    assert not two.ended
    assert flights.find("k") is None


@virtual_time
async def test_a_lasting_flight_goes_on_without_watchers_and_its_result_is_kept_for_a_while():
    async with anyio.create_task_group() as tasks:
        flights, first, late = Flights(tasks, keep_seconds=60), Witness(), Witness()
        flight = flights.launch(Flight(slow, key="k", lasting=True))
        flight.watch(first)
        await anyio.sleep(1)
        flight.leave(first, "gone")
        await flights.drained()
        kept = flights.find("k")
        assert kept is flight
        kept.watch(late)
        assert late.events == [(1, "text", "hel"), (2, "text", "lo"), (3, "finished")]
        await anyio.sleep(61)
        assert flights.find("k") is None


@virtual_time
async def test_a_late_watcher_gets_the_events_after_those_it_knows_and_then_the_rest():
    async with anyio.create_task_group() as tasks:
        flights, late = Flights(tasks), Witness()
        flight = flights.launch(Flight(slow, key="k", lasting=True))
        await anyio.sleep(1)
        flight.watch(late, after_seq=1)
        await flights.drained()
    assert late.events == [(2, "text", "lo"), (3, "finished")]


@virtual_time
async def test_a_different_request_under_the_same_key_is_a_conflict():
    async with anyio.create_task_group() as tasks:
        flights = Flights(tasks)
        flights.launch(Flight(slow, key="k", body=b"a", lasting=True))
        assert flights.find("k", b"a") is not None
        with pytest.raises(Conflict):
            flights.find("k", b"b")
        await flights.drained()


@virtual_time
async def test_each_watcher_gets_an_error_of_its_own_and_failures_are_not_kept():
    async def fail(flight: Flight) -> Result:
        await anyio.sleep(1)
        raise RateLimited("slow down", retry_after=3)

    async with anyio.create_task_group() as tasks:
        flights, one, two = Flights(tasks), Witness(), Witness()
        flight = flights.launch(Flight(fail, key="k", lasting=True))
        flight.watch(one)
        flight.watch(two)
        await flights.drained()
    assert isinstance(one.error, RateLimited)
    assert one.error.retry_after == 3
    assert one.error is not two.error
    assert flights.find("k") is None


@virtual_time
async def test_the_deadline_ends_a_flight_and_says_in_which_phase():
    async with anyio.create_task_group() as tasks:
        flights, witness = Flights(tasks), Witness()
        start = anyio.current_time()
        flights.launch(Flight(slow, deadline=start + 5)).watch(witness)
        await flights.drained()
        assert anyio.current_time() - start == 5
    assert isinstance(witness.error, GenerateTimeout)
    assert witness.error.phase == "stream"


@virtual_time
async def test_a_defect_becomes_an_internal_error_and_ends_nothing_else():
    async def broken(flight: Flight) -> Result:
        raise ZeroDivisionError("oops")

    async with anyio.create_task_group() as tasks:
        flights, bad, good = Flights(tasks), Witness(), Witness()
        flights.launch(Flight(broken)).watch(bad)
        flights.launch(Flight(slow)).watch(good)
        await flights.drained()
    assert isinstance(bad.error, InternalError)
    assert "ZeroDivisionError" in str(bad.error)
    assert good.result is RESULT


@virtual_time
async def test_cancel_all_tells_every_watcher_why():
    async with anyio.create_task_group() as tasks:
        flights, witnesses = Flights(tasks), [Witness() for _ in range(5)]
        for witness in witnesses:
            flights.launch(Flight(slow)).watch(witness)
        await anyio.sleep(1)
        flights.cancel_all("the daemon was stopped")
        await flights.drained()
    assert all(isinstance(w.error, Cancelled) for w in witnesses)
    assert "stopped" in str(witnesses[0].error)
    assert flights.statistics().in_flight == 0
    assert flights.statistics().failed == 5


@virtual_time
async def test_when_the_task_group_is_cancelled_watchers_are_still_told():
    witness = Witness()
    async with anyio.create_task_group() as tasks:
        flights = Flights(tasks)
        flights.launch(Flight(slow)).watch(witness)
        await anyio.sleep(1)
        tasks.cancel_scope.cancel()
    assert isinstance(witness.error, Cancelled)


@virtual_time
async def test_kept_results_are_bounded_by_number():
    async def quick(flight: Flight) -> Result:
        return RESULT

    async with anyio.create_task_group() as tasks:
        flights = Flights(tasks, keep_most=3)
        for key in range(10):
            flights.launch(Flight(quick, key=key, lasting=True))
        await flights.drained()
        kept = [key for key in range(10) if flights.find(key) is not None]
    assert len(kept) == 3
    assert flights.statistics().kept == 3
