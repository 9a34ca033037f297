"""Everything at once, at random: answers stay right, and at the end nothing is left."""

from __future__ import annotations

import asyncio
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

import pytest

from modeld import Model, get_model, rpc
from tests.fakes.acting import until
from tests.fakes.relay import Relay
from tests.fakes.serving import House

SECONDS = 1.5


class Caller:
    """A thread, or a loop, that does this and that with a few shared models."""

    def __init__(self, seed: int, models: list[Model]) -> None:
        self._dice = random.Random(seed)
        self._models = models
        self._number = seed * 1_000_000
        self._end = time.monotonic() + SECONDS
        self.answered = 0

    def _text(self) -> str:
        self._number += 1
        large = self._dice.random() < 0.03
        return f"echo {self._number} " + "x" * (1_100_000 if large else 10)

    def plain(self) -> None:
        while time.monotonic() < self._end:
            model, text = self._dice.choice(self._models), self._text()
            match self._dice.randrange(6):
                case 0:
                    model.close()
                case 1:
                    assert model.count_tokens_sync(text) == 1
                case 2:
                    stream = model.stream_sync("drip 5")
                    next(stream)
                    stream.close()
                case 3:
                    *_, last = model.stream_sync(text)
                    assert last.output.completion == text[5:]
                case _:
                    assert model.generate_sync(text).completion == text[5:]
            self.answered += 1

    async def task(self) -> None:
        while time.monotonic() < self._end:
            model, text = self._dice.choice(self._models), self._text()
            match self._dice.randrange(6):
                case 0:
                    asking = asyncio.create_task(model.generate("sleep 0.01"))
                    await asyncio.sleep(self._dice.random() / 50)
                    asking.cancel()
                    await asyncio.wait([asking])
                    assert asking.cancelled() or asking.result().completion == "slept"
                case 1:
                    async with aclosing(model.stream("drip 5")) as events:
                        await anext(events)
                case 2:
                    assert await model.count_tokens(text) == 1
                case 3:
                    assert (await model.generate(text, request_id=text[:30])).completion
                case _:
                    assert (await model.generate(text)).completion == text[5:]
            self.answered += 1

    async def tasks(self, count: int) -> None:
        await asyncio.gather(*(self.task() for _ in range(count)))


@pytest.mark.parametrize("cuts", [False, True], ids=["a good link", "a link that breaks"])
@pytest.mark.parametrize("seed", [1, 2])
def test_answers_stay_right_whatever_happens_around_them(home, acting, monkeypatch, cuts, seed):
    monkeypatch.setenv("FAKE_API_KEY", "key")
    with House(acting) as house, Relay(home, house.socket) as relay, ThreadPoolExecutor(12) as pool:
        monkeypatch.setenv("MODELD_ADDRESS", relay.address)
        models = [get_model(name) for name in ("free/a", "free/b", "fake/c")]
        callers = [Caller(seed * 100 + n, models) for n in range(8)]
        running = [pool.submit(caller.plain) for caller in callers[:4]]
        running += [pool.submit(asyncio.run, caller.tasks(10)) for caller in callers[4:]]
        for number in range(int(SECONDS / 0.1)):
            time.sleep(0.1)
            monkeypatch.setenv("FAKE_API_KEY", f"key {number}")
            if cuts and number % 4 == 3:
                relay.cut()
        for result in running:
            result.result(15)
        assert min(caller.answered for caller in callers) > 0
        at_rest(house, acting)


def at_rest(house: House, acting) -> None:
    until(lambda: house.in_flight() == acting.actor.running == 0)
    until(lambda: rpc.hub()._calls == {} and not rpc.hub()._waiting)
    for model in (get_model(name) for name in ("free/a", "free/b", "fake/c")):
        model.close()
    until(lambda: sum(c.leases for c in house.ask(house.clients.statistics)) == 0)
    until(lambda: len(house.ask(house.sessions.statistics)) <= 1)  # none after a last cut
    assert {session.in_flight for session in house.ask(house.sessions.statistics)} <= {0}
    (connection,) = house.ask(lambda: list(house.server._sessions._connections.values())) or (None,)
    assert connection is None or connection.parts.size == 0
    rpc.hub().close()
