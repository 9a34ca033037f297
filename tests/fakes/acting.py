"""A provider that does what the last message says, and a catalog that has it.

Messages are a word and its argument: "echo hi", "letters 100", "drip 5", "hold", "fail timeout".
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable

import anyio

from modeld.errors import ERROR_BY_REASON
from modeld.types import ModelOutput
from modeld_daemon.core.call import Call, Route
from modeld_daemon.core.ports import Connection, Provider, Row, Sink, TokenCount
from tests.fakes.watching import FakeProvider, FakeSource

STEP = 0.002


def until(condition: Callable[[], object], seconds: float = 5.0) -> float:
    """Waits in the test's thread until something holds; says how long that took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "waited in vain"
        time.sleep(STEP)
    return time.monotonic() - began


class Actor:
    """Answers, and writes down what was begun and what was cancelled when."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.cancelled: list[tuple[str, float]] = []
        self.running = 0
        self.most_running = 0
        self.release = threading.Event()
        """Lets calls that hold go on."""

    async def __call__(self, call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        said = call.messages[-1].text
        word, _, rest = said.partition(" ")
        self.begun.append(said)
        if call.raw is not None:
            call.raw.asked(json.dumps({"said": said}).encode())
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            text = await getattr(self, f"_{word}", self._echo)(rest, sink)
        except anyio.get_cancelled_exc_class():
            self.cancelled.append((said, time.monotonic()))
            raise
        finally:
            self.running -= 1
        if call.raw is not None:
            call.raw.answered(200, "application/json")
            call.raw.came(json.dumps({"text": text}).encode())
        return ModelOutput.from_content(route.model, text)

    async def _echo(self, rest: str, sink: Sink | None) -> str:
        return rest

    async def _letters(self, rest: str, sink: Sink | None) -> str:
        text = "abcdefghij" * (int(rest) // 10)
        if sink is not None:
            sink.text(text)
        return text

    async def _drip(self, rest: str, sink: Sink | None) -> str:
        number, _, size = rest.partition(" ")
        for index in range(int(number)):
            if sink is not None:
                sink.text(f"{index} " * int(size or 1))
            await anyio.sleep(STEP)
        return "".join(f"{index} " * int(size or 1) for index in range(int(number)))

    async def _flood(self, rest: str, sink: Sink | None) -> str:
        """As drip, as fast as it goes."""
        number, size = map(int, rest.split())
        for _ in range(number):
            if sink is not None:
                sink.text("y" * size)
            await anyio.lowlevel.checkpoint()
        return "y" * size * number

    async def _hold(self, rest: str, sink: Sink | None) -> str:
        if sink is not None:
            sink.text("held ")
        while not self.release.is_set():
            await anyio.sleep(STEP)
        return f"held {rest}"

    async def _sleep(self, rest: str, sink: Sink | None) -> str:
        await anyio.sleep(float(rest))
        return "slept"

    async def _fail(self, rest: str, sink: Sink | None) -> str:
        raise ERROR_BY_REASON[rest]("made to fail", provider="fake", status=418, reason=rest)

    async def _crash(self, rest: str, sink: Sink | None) -> str:
        raise ZeroDivisionError("a defect of the provider")

    async def _halves(self, rest: str, sink: Sink | None) -> str:
        """Half of a surrogate pair, as a careless JSON stream brings it."""
        if sink is not None:
            sink.text("\ud83d")
            sink.text("\ude00")
            sink.tool_call("\ud800", "\ud800", "\ud800")
            sink.reasoning("\udfff")
        return rest


class ActingProvider(FakeProvider):
    """Counts tokens as the actor answers: "sleep 5" counts for five seconds."""

    async def count_tokens(self, call: Call, route: Route) -> TokenCount:
        await self._generate(call, route, None)
        return await super().count_tokens(call, route)


class Acting(FakeSource):
    """The catalog of `FakeSource` with an actor behind it."""

    def __init__(self) -> None:
        self.actor = Actor()
        super().__init__(self.actor)

    async def build(self, row: Row, connection: Connection) -> Provider:
        self.built.append(ActingProvider(connection, self.generate))
        return self.built[-1]
