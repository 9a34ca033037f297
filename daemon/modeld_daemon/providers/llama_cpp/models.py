"""The local models that are loaded: one engine process each, shared by all callers.

A process per model and not one for all: a crash takes one model along, and ending the process is
the only way to get all of its memory back. The number of loaded models is bounded; the one that
was not used for longest makes room, once nobody uses it.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from modeld.errors import EngineError, PrerequisiteError

from ...core.ports import Connection
from ..engine.engine import Engine, EngineStatistics, OnWait
from ..engine.watchdog import Limits
from .errors import PROVIDER
from .gguf import FileIdentity, GgufInfo, check_file, check_gguf
from .options import LoadOptions, ModelArgs
from .weights import LocalModel, find_weights, list_models

PROGRAM = "modeld_daemon.providers.llama_cpp.child"
_MOST_CHECKED = 64


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """Settings of the local provider."""

    data_folder: Path
    """modeld's folder of data; weights are in its folder `models`."""
    most_models: int = 2
    """Models that are loaded at once."""
    idle_seconds: float = 900.0
    """An unused model is unloaded after so long; 0 keeps it."""
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class _Key:
    """A file as it was when it was looked at, and how it is loaded."""

    path: Path
    file: FileIdentity
    options: LoadOptions


class LocalModels:
    """Loads models on demand.

    Args:
        settings: Where weights are, and how much may be loaded.
    """

    def __init__(self, settings: LocalSettings) -> None:
        self.settings = settings
        # First come, first served, also across models: who waits for room is not overtaken by
        # callers of the models that are in the way.
        self._door = anyio.Lock(fast_acquire=True)
        self._engines: dict[_Key, Engine] = {}  # least recently used first
        self._timers: dict[_Key, asyncio.TimerHandle] = {}
        self._holders: dict[_Key, set[int]] = {}
        self._freed = anyio.Event()
        self._checked: dict[tuple[Path, FileIdentity], GgufInfo] = {}
        self._closed = False

    def check(self, model: str, connection: Connection) -> None:
        """Raises at once what would make every call fail. Does not read the whole head."""
        if importlib.util.find_spec("xllamacpp") is None:
            raise PrerequisiteError(
                "local models need the package xllamacpp: pip install 'modeld[local]'"
            )
        args = ModelArgs.parse(connection.args)
        check_file(find_weights(model, args.model_path, self.settings.data_folder))

    def list_models(self) -> list[LocalModel]:
        """The models that have a name."""
        return list_models(self.settings.data_folder)

    @asynccontextmanager
    async def use(
        self, model: str, args: ModelArgs, on_wait: OnWait, holder: object = None
    ) -> AsyncIterator[Engine]:
        """The engine of a model, which stays loaded at least as long as the context lasts.

        A `holder` is one who will say `release` when it needs the model no more.
        """
        path = find_weights(model, args.model_path, self.settings.data_folder)
        file = check_file(path)
        info = await self._check(path, file)
        key = _Key(path, file, args.options)
        async with self._door:
            engine = self._engines.pop(key, None) or await self._new(key, model, info, on_wait)
            if self._closed:
                raise EngineError("The local engines are closed.", provider=PROVIDER)
            self._engines[key] = engine
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

    async def _check(self, path: Path, file: FileIdentity) -> GgufInfo:
        seen = (path, file)
        if seen not in self._checked:
            info = await anyio.to_thread.run_sync(check_gguf, path)
            if len(self._checked) >= _MOST_CHECKED:
                self._checked.pop(next(iter(self._checked)))
            self._checked[seen] = info
        return self._checked[seen]

    async def _new(self, key: _Key, model: str, info: GgufInfo, on_wait: OnWait) -> Engine:
        while len(self._engines) >= self.settings.most_models:
            idle = next((k for k, engine in self._engines.items() if not engine.users), None)
            if idle is None:
                on_wait("loading", None)
                self._freed = anyio.Event()
                await self._freed.wait()
            else:
                await self._unload(idle).aclose()  # its memory first, then the new one's
        options = key.options
        opening = {
            "path": str(key.path),
            "n_ctx": options.context(info.context_length),
            "n_parallel": options.n_parallel,
            "n_threads": options.n_threads,
            "n_batch": options.n_batch,
        }
        return Engine(
            model,
            PROGRAM,
            opening,
            slots=options.n_parallel,
            provider=PROVIDER,
            limits=self.settings.limits,
        )

    def _unload(self, key: _Key) -> Engine:
        if timer := self._timers.pop(key, None):
            timer.cancel()
        engine = self._engines.pop(key)
        engine.stop()
        return engine

    def _left(self, key: _Key, engine: Engine) -> None:
        if engine.users:
            return
        self._freed.set()
        if self.settings.idle_seconds > 0 and self._engines.get(key) is engine:
            loop = asyncio.get_running_loop()
            self._timers[key] = loop.call_later(self.settings.idle_seconds, self._expire, key)

    def _expire(self, key: _Key) -> None:
        self._timers.pop(key, None)
        if key in self._engines and not self._engines[key].users:
            self._unload(key)
