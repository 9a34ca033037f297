"""On trio's virtual clock: half an hour takes no time."""

from __future__ import annotations

import anyio
import pytest
import trio.testing

from modeld_daemon.idle import until_displaced, until_idle


class Calls:
    """What a daemon counts."""

    def __init__(self) -> None:
        self.running = 0
        self.begun = 0

    async def call(self, seconds: float) -> None:
        self.begun += 1
        self.running += 1
        await anyio.sleep(seconds)
        self.running -= 1


@pytest.fixture
def anyio_backend():
    return ("trio", {"clock": trio.testing.MockClock(autojump_threshold=0)})


@pytest.fixture
def calls() -> Calls:
    return Calls()


async def idle_after(calls: Calls, seconds: float) -> float:
    began = anyio.current_time()
    await until_idle(seconds, lambda: calls.running, lambda: calls.begun)
    return anyio.current_time() - began


@pytest.mark.anyio
async def test_a_daemon_without_calls_leaves_after_its_time(calls):
    assert await idle_after(calls, 1800) == pytest.approx(1800)


@pytest.mark.anyio
async def test_a_running_call_holds_it_up_and_the_time_begins_at_its_end(calls):
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(calls.call, 5000)
        assert await idle_after(calls, 1800) == pytest.approx(6800, abs=180)


@pytest.mark.anyio
async def test_short_calls_between_two_looks_count(calls):
    async def now_and_then() -> None:
        for _ in range(10):
            await anyio.sleep(1501.5)
            await calls.call(0.001)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(now_and_then)
        assert await idle_after(calls, 1800) == pytest.approx(15015 + 1800, abs=31)


@pytest.mark.anyio
async def test_zero_means_never(calls):
    with anyio.move_on_after(1e9) as scope:
        await idle_after(calls, 0)
    assert scope.cancelled_caught


@pytest.mark.anyio
async def test_short_times_are_kept_closely(calls):
    assert await idle_after(calls, 0.5) == pytest.approx(0.5)


@pytest.mark.anyio
async def test_a_daemon_that_lost_its_home_leaves_within_seconds():
    stands = True
    began = anyio.current_time()

    async def vanish() -> None:
        nonlocal stands
        await anyio.sleep(100)
        stands = False

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(vanish)
        await until_displaced(lambda: stands)
    assert anyio.current_time() - began == pytest.approx(102.5, abs=2.6)
