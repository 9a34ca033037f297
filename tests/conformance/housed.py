"""The stage of an engine: a real provider, made from its catalog row, and a real engine."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest

from modeld.errors import ModeldError
from modeld.types import ChatMessageUser, ModelOutput
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection, ModelListing, Provider, TokenCount
from modeld_daemon.providers.engine.engine import Engine as EngineOfDaemon
from modeld_daemon.providers.engine.watchdog import Limits
from modeld_daemon.providers.registry import Registry
from tests.fakes.deltas import Deltas

from .column import AnswerName, Body, FailureName
from .engine import CHAIN, CONTEXT, ENDLESS, REFUSE, Engine, Trouble
from .scene import REGISTRY
from .script import call
from .stage import Heard, Stage

__all__ = ["Housed"]

_PROGRAM = "tests.fakes.troubled_engine"
_SHORT = Limits(hang_seconds=0.6)
_SCRIPTS = {"max_tokens": "text", "model_length": "text", "logprobs": "text"}
"""Of answers that are not named after theirs."""

_Found = TypeVar("_Found")


class _Sink(Deltas):
    """One that may be told of the load, too."""

    def queued(self, *args: Any) -> None:
        pass


class _House:
    """A daemon's share of the dialect, with the model loaded. It stays until the run ends."""

    def __init__(self, engine: Engine) -> None:
        self._runner = asyncio.Runner()
        self._folder = TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self.registry = Registry(self.folder)
        self._engine = engine
        self.path = engine.write(CHAIN, self.folder / "chain")
        self.provider = self.run(self.built(self.path))
        self.run(self.provider.generate(told("text", call()), route_of(engine), None))

    async def built(self, path: Path) -> Provider:
        """A provider as the daemon builds it, for the model at that path."""
        row = self.registry.row(self._engine.provider)
        return await self.registry.build(row, connection_of(self._engine, path))

    def run(self, scene: Coroutine[Any, Any, _Found]) -> _Found:
        """Runs on the loop that the engine's socket belongs to."""
        return self._runner.run(scene)

    def close(self) -> None:
        """Ends the engine."""
        self.run(self.registry.aclose())
        self._runner.close()
        self._folder.cleanup()


class Housed(Stage):
    """What an engine does that has the suite's model.

    Args:
        engine: The table.
    """

    def __init__(self, engine: Engine) -> None:
        usage = engine.usage
        super().__init__(engine, usage=usage, counted=usage.input_tokens, names_calls=False)
        self.engine = engine
        self._house: _House | None = None

    def close(self) -> None:
        """Ends the engine, if one was needed."""
        if self._house is not None:
            self._house.close()
            self._house = None

    def say(
        self,
        answer: AnswerName,
        asked: Call,
        *,
        stream: bool = False,
        thinking: bool = False,  # the model does what its script says
    ) -> Heard:
        """Asks the engine, whose model says the script of that answer."""
        self.offers(answer)
        sink, bodies = _Sink(), list[Body]()
        with overheard(bodies):
            output = self._generate(told(answer, asked), sink if stream else None)
        return Heard(output, sink, bodies=bodies)

    def fail(self, failure: FailureName, asked: Call, *, stream: bool) -> ModeldError:
        """Asks for what the engine cannot do, or a program in its place."""
        self.offers(failure)
        if failure in self.engine.failures:
            return self.trouble(self.engine.failures[failure], asked, stream=stream)[0]
        house = self._at_home
        provider = house.provider
        if failure == "no_model":
            provider = house.run(house.built(Path("/nowhere/chain.gguf")))
        else:
            assert failure == "bad_request"
            asked = told(REFUSE, asked)
        with pytest.raises(ModeldError) as caught:
            house.run(provider.generate(asked, route_of(self.engine), _Sink() if stream else None))
        return caught.value

    def status_of(self, failure: FailureName) -> int | None:  # as all stages
        """No server, no status."""
        return None

    def leave(self, *, stream: bool) -> None:
        """The engine is out of the call long before its answer would end."""
        house, sink = self._at_home, _Sink() if stream else None
        asked = told(ENDLESS, call(), max_tokens=CONTEXT - 100)

        def busy() -> bool:
            return any(engine.in_flight for engine in house.registry.engines())

        async def scene() -> None:
            async with asyncio.timeout(20):
                generating = house.provider.generate(asked, route_of(self.engine), sink)
                task = asyncio.ensure_future(generating)
                while not busy():
                    await asyncio.sleep(0.001)
                if sink is not None:
                    await sink.first.wait()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                while busy():
                    await asyncio.sleep(0.001)

        house.run(scene())

    def count(self, asked: Call) -> TokenCount:
        """By the model's own tokenizer."""
        return self._at_home.run(self._at_home.provider.count_tokens(asked, route_of(self.engine)))

    def models(self) -> list[ModelListing]:
        """What is loaded, or in a folder of this machine."""
        return self._at_home.registry.models(self.engine.provider)

    def again(self, asked: Call) -> ModelOutput:
        """The answer to a call as it is, of a model that says its text or something like it."""
        return self._generate(asked, None)

    def trouble(self, trouble: Trouble, asked: Call, *, stream: bool) -> tuple[ModeldError, Deltas]:
        """The error of a call to an engine that has this trouble, and what was said before."""
        engine, sink = self.engine, _Sink()
        program = f"modeld_daemon.providers.{engine.dialect}.models"

        async def scene(folder: Path) -> None:
            shared = engine.house(folder, _SHORT if trouble == "goes deaf" else Limits())
            path = engine.write(CHAIN, folder / trouble)
            row = Registry(folder).row(engine.provider)
            provider = engine.build(row, connection_of(engine, path), shared)
            try:
                await provider.generate(asked, route_of(engine), sink if stream else None)
            finally:
                await provider.aclose()
                await shared.aclose()

        with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
            patch.setattr(importlib.import_module(program), "PROGRAM", _PROGRAM)
            with pytest.raises(ModeldError) as caught:
                asyncio.run(scene(Path(folder)))
        return caught.value, sink

    @property
    def _at_home(self) -> _House:
        """The house; skips the test where the engine is not installed."""
        if self._house is None:
            row = REGISTRY.row(self.engine.provider)
            if not REGISTRY.installed(row):
                pytest.skip(f"{self.engine.name}: {REGISTRY.install_hint(row)}")
            self._house = _House(self.engine)
        return self._house

    def _generate(self, asked: Call, sink: Deltas | None) -> ModelOutput:
        house = self._at_home
        return house.run(house.provider.generate(asked, route_of(self.engine), sink))


def connection_of(engine: Engine, path: Path) -> Connection:
    """What the caller's session says."""
    return Connection(None, None, {**engine.args, "model_path": str(path)}, {})


def route_of(engine: Engine) -> Route:
    return Route(engine.provider, engine.model, Account(engine.provider, None, "f"))


def told(answer: str, asked: Call, **config: Any) -> Call:
    """The call, with what makes the model say this: its template ends with the script's name."""
    script = {"script": _SCRIPTS.get(answer, answer)}
    usual = {"temperature": 0, "extra_body": {"chat_template_kwargs": script}}
    if answer == "max_tokens":
        usual["max_tokens"] = 1
    made = replace(asked, config=asked.config.merge({**usual, **config}))
    if answer == "model_length":
        made = replace(made, messages=[ChatMessageUser("long " * (CONTEXT // 4))])
    return made


@contextmanager
def overheard(bodies: list[Body]) -> Iterator[None]:
    """Keeps what the daemon asks the engine's process for."""
    real = EngineOfDaemon.call

    async def heard(self: EngineOfDaemon, op: str, body: Body, **more: Any) -> Body:
        if op == "generate":
            bodies.append(body)
        return await real(self, op, body, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EngineOfDaemon, "call", heard)
        yield
