"""Thousands of calls at once: every one is answered, and nothing is left behind."""

from __future__ import annotations

import asyncio
import threading

import pytest

from modeld import get_model, rpc
from tests.fakes.acting import until

BURST = 5000


@pytest.fixture
def model(house):
    return get_model("free/model")


@pytest.fixture(autouse=True)
def at_rest_afterwards(house, actor):
    """The daemon counts to zero again, and the client keeps nothing."""
    yield
    until(lambda: house.in_flight() == actor.running == 0)
    assert {lane.in_use for lane in house.ask(house.pipeline.lanes.statistics)} <= {0}
    assert {client.in_flight for client in house.ask(house.clients.statistics)} <= {0}
    until(lambda: house.ask(house.sessions.statistics)[0].in_flight == 0)
    assert rpc.hub()._calls == {}
    assert not rpc.hub()._waiting


def test_thousands_of_calls_of_one_loop_are_all_held_and_answered(house, model, actor):
    async def main() -> list[str]:
        calls = [asyncio.create_task(model.generate(f"hold {n}")) for n in range(BURST)]
        while actor.running < BURST:
            await asyncio.sleep(0.01)
        assert house.in_flight() == BURST
        actor.release.set()
        return [(await call).completion for call in calls]

    assert asyncio.run(main()) == [f"held {n}" for n in range(BURST)]
    statistics = house.pipeline.flights.statistics()
    assert (statistics.total, statistics.failed) == (BURST, 0)


def test_thousands_of_streams_of_one_loop_are_all_answered(model):
    async def one(number: int) -> str:
        async for event in model.stream(f"letters {number % 7}0"):
            last = event
        return last.output.completion

    async def main() -> list[str]:
        return await asyncio.gather(*map(one, range(2000)))

    assert [len(text) for text in asyncio.run(main())] == [n % 7 * 10 for n in range(2000)]


def test_thousands_of_calls_of_two_hundred_threads_are_all_answered(model):
    answers: list[str] = []
    errors: list[BaseException] = []
    start = threading.Barrier(200)

    def ask(thread: int) -> None:
        start.wait()
        try:
            answers.extend(
                model.generate_sync(f"echo {thread} {n}").completion for n in range(BURST // 200)
            )
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(set(answers)) == BURST


def test_thousands_of_calls_that_are_cancelled_leave_nothing(house, model, actor):
    async def main() -> None:
        calls = [asyncio.create_task(model.generate(f"hold {n}")) for n in range(3000)]
        await asyncio.sleep(0.1)
        for call in calls:
            call.cancel()
        done = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(error) for error in done} == {asyncio.CancelledError}

    asyncio.run(main())
    until(lambda: house.in_flight() == 0, 15)
    assert model.generate_sync("echo on").completion == "on"


def test_first_calls_at_once_open_one_link_and_one_lease(house, home):
    model = get_model("free/model")
    model.close()

    async def main() -> list:
        return await asyncio.gather(*(model.generate("echo x") for _ in range(500)))

    assert len(asyncio.run(main())) == 500
    (session,) = house.ask(house.sessions.statistics)
    assert session.leases == 1
