"""The local models that are loaded: their files, and the engines that have them open."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio

from modeld.errors import PrerequisiteError

from ...core.ports import Connection
from ..engine.engine import Engine, EngineStatistics, OnWait
from ..engine.pool import EnginePool, PoolSettings
from .errors import PROVIDER
from .gguf import FileIdentity, GgufInfo, check_file, check_gguf
from .options import LoadOptions, ModelArgs
from .weights import LocalModel, find_weights, list_models

PROGRAM = "modeld_daemon.providers.llama_cpp.child"
_MOST_CHECKED = 64


@dataclass(frozen=True, slots=True)
class LocalSettings(PoolSettings):
    """Settings of the local provider."""

    data_folder: Path
    """modeld's folder of data; weights are in its folder `models`."""


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
        self.pool = EnginePool(PROVIDER, settings)
        self._checked: dict[tuple[Path, FileIdentity], GgufInfo] = {}

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
        """The engine of a model; see `EnginePool.use`."""
        path = find_weights(model, args.model_path, self.settings.data_folder)
        file = check_file(path)
        info = await self._check(path, file)
        key = _Key(path, file, args.options)

        def make() -> Engine:
            return self._new(key, model, info)

        async with self.pool.use(key, make, on_wait, holder) as engine:
            yield engine

    async def release(self, holder: object) -> None:
        """Unloads what nobody holds but this one."""
        await self.pool.release(holder)

    def statistics(self) -> list[EngineStatistics]:
        """A snapshot of each loaded model, least recently used first."""
        return self.pool.statistics()

    async def aclose(self) -> None:
        """Ends all engines. Later calls are errors."""
        await self.pool.aclose()

    async def _check(self, path: Path, file: FileIdentity) -> GgufInfo:
        seen = (path, file)
        if seen not in self._checked:
            info = await anyio.to_thread.run_sync(check_gguf, path)
            if len(self._checked) >= _MOST_CHECKED:
                self._checked.pop(next(iter(self._checked)))
            self._checked[seen] = info
        return self._checked[seen]

    def _new(self, key: _Key, model: str, info: GgufInfo) -> Engine:
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
