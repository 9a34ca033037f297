"""The models that are loaded: one engine process each, shared by all callers.

A process per model and not one for all: a crash takes one model along, and ending the process is
the only way to get all of its memory back. The number of loaded models is bounded; the one that
was not used for longest makes room, once nobody uses it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from modeld.errors import EngineError

from .engine import Engine, EngineStatistics, OnWait
from .watchdog import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSettings:
    """How much is loaded, and for how long."""

    most_models: int | None = 2
    """Models that are loaded at once; None sets no limit."""
    idle_seconds: float = 900.0
    """An unused model is unloaded after so long; 0 keeps it."""
    limits: Limits = field(default_factory=Limits)


class EnginePool:
    """Loads models on demand.

    Args:
        provider: Provider named in errors.
        settings: How much may be loaded.
    """

    def __init__(self, provider: str, settings: PoolSettings) -> None:
        self.settings = settings
        self._provider = provider
        # First come, first served, also across models: who waits for room is not overtaken by
        # callers of the models that are in the way.
        self._door = anyio.Lock(fast_acquire=True)
        self._engines: dict[Hashable, Engine] = {}  # least recently used first
        self._timers: dict[Hashable, asyncio.TimerHandle] = {}
        self._holders: dict[Hashable, set[int]] = {}
        self._freed = anyio.Event()
        self._closed = False

    def __contains__(self, key: Hashable) -> bool:
        return key in self._engines

    @asynccontextmanager
    async def use(
        self, key: Hashable, make: Callable[[], Engine], on_wait: OnWait, holder: object = None
    ) -> AsyncIterator[Engine]:
        """The engine of that key, which stays loaded at least as long as the context lasts.

        Args:
            key: What is loaded, and how. Equal keys share an engine.
            make: Makes the engine where there is none.
            on_wait: Called when the call has to wait.
            holder: One who will say `release` when it needs the model no more.
        """
        async with self._door:
            engine = self._engines.pop(key, None) or await self._new(make, on_wait)
            if self._closed:
                raise EngineError("The engines are closed.", provider=self._provider)
            self._engines[key] = engine
            if holder is not None:
                self._holders.setdefault(key, set()).add(id(holder))
            if timer := self._timers.pop(key, None):
                timer.cancel()
            engine.users += 1
        try:
            yield engine
        finally:
            engine.users -= 1
            self._left(key, engine)

    async def release(self, holder: object) -> None:
        """Unloads what nobody holds but this one: it was closed, and wants its memory back."""
        gone = []
        for key, holders in list(self._holders.items()):
            holders.discard(id(holder))
            if not holders:
                del self._holders[key]
                if key in self._engines and not self._engines[key].users:
                    gone.append(self._unload(key))
        for engine in gone:
            await engine.aclose()

    async def unload(self, key: Hashable) -> None:
        """Ends the engine of that key, if there is one and nobody uses or holds it."""
        engine = self._engines.get(key)
        if engine is not None and not engine.users and not self._holders.get(key):
            await self._unload(key).aclose()

    def statistics(self) -> list[EngineStatistics]:
        """A snapshot of each loaded model, least recently used first."""
        return [engine.statistics() for engine in self._engines.values()]

    async def aclose(self) -> None:
        """Ends all engines. Later calls are errors."""
        self._closed = True
        self._freed.set()
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        engines, self._engines = list(self._engines.values()), {}
        for engine in engines:
            engine.stop()
        for engine in engines:
            await engine.aclose()

    async def _new(self, make: Callable[[], Engine], on_wait: OnWait) -> Engine:
        most = self.settings.most_models
        while most is not None and len(self._engines) >= most:
            idle = next((k for k, engine in self._engines.items() if not engine.users), None)
            if idle is None:
                on_wait("loading", None)
                self._freed = anyio.Event()
                await self._freed.wait()
            else:
                await self._unload(idle).aclose()  # its memory first, then the new one's
        return make()

    def _unload(self, key: Hashable) -> Engine:
        if timer := self._timers.pop(key, None):
            timer.cancel()
        engine = self._engines.pop(key)
        engine.stop()
        return engine

    def _left(self, key: Hashable, engine: Engine) -> None:
        if engine.users:
            return
        self._freed.set()
        if self.settings.idle_seconds > 0 and self._engines.get(key) is engine:
            loop = asyncio.get_running_loop()
            self._timers[key] = loop.call_later(self.settings.idle_seconds, self._expire, key)

    def _expire(self, key: Hashable) -> None:
        self._timers.pop(key, None)
        if key in self._engines and not self._engines[key].users:
            self._unload(key)
