"""The servers that this daemon has started: one per model and way of starting it, for all callers."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio

from modeld.errors import EngineError, PrerequisiteError

from ...core.ports import Connection, EngineListing, ModelListing, Row
from ...server_settings import ServerSettings
from ..engine.engine import Engine, LoadFailed, OnWait
from ..engine.pool import EnginePool, PoolSettings
from ..engine.process import EngineProcess
from ..engine.watchdog import Limits
from ..premises import Starting
from .keeper import SERVER_DIED
from .programs import PROGRAMS, Program, ServerArgs, split_args, split_model

__all__ = ["Running", "Servers", "program_of"]

_KEEPER = "modeld_daemon.providers.servers.keeper"
_STOP_SECONDS = 9.0
"""The keeper gives the server a little less."""
_SLACK_SECONDS = 60.0
"""What a keeper gets beyond the server's time to start, which it watches itself."""
_DEATH_SECONDS = 5.0
"""From a broken connection until it is known that the server is dead."""
_SHOWN = 2000
"""Characters of a log's end in an error."""


@dataclass(frozen=True, slots=True)
class _Key:
    model: str
    args: ServerArgs


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers, or did a moment ago."""

    name: str
    url: str
    key: str
    log: str
    process: EngineProcess

    async def death(self) -> EngineError | None:
        """The error of a call that the server broke off, if it did so by its end. It takes a while
        until that is known.
        """
        with anyio.move_on_after(_DEATH_SECONDS):
            await self.process.gone.wait()
        death = self.process.death
        if death is None:
            return None
        lines, cause = self.process.last_lines(), death.cause
        if cause == f"exited with code {SERVER_DIED}" and lines:
            cause = lines.pop()
        return _error(f"The server of {self.name} {cause}", lines, self.log, self.name)


class Servers:
    """All started servers of the daemon.

    Args:
        starting: Who may be started, and where logs go.
    """

    def __init__(self, starting: Starting) -> None:
        self._starting = starting
        self._pools: dict[str, EnginePool] = {}

    def check(self, row: Row, model: str, connection: Connection) -> None:
        """Raises at once what would make every start fail."""
        program = program_of(row)
        split_args(program, connection.args)
        split_model(program, model)
        settings = self._starting.settings.get(row.name)
        if settings is not None and settings.python is not None:
            python = _interpreter(settings)
            if not os.access(python, os.X_OK):
                raise PrerequisiteError(
                    f"{self._starting.config} says that {python} is the interpreter with "
                    f"{program.package}, but it cannot be run.",
                    provider=row.name,
                )
        elif settings is None or importlib.util.find_spec(program.package) is None:
            raise PrerequisiteError(self._missing(row, program, settings), provider=row.name)

    def has(self, row: Row, model: str, args: ServerArgs) -> bool:
        """Whether such a server was started and not ended."""
        return row.name in self._pools and _Key(model, args) in self._pools[row.name]

    @asynccontextmanager
    async def use(
        self, row: Row, model: str, args: ServerArgs, on_wait: OnWait, holder: object
    ) -> AsyncIterator[Running]:
        """The server of a model, healthy, which stays at least as long as the context lasts.

        Raises `EngineError`, with the end of its log, when it does not start.

        Args:
            row: The provider.
            model: The model that is served; adapters of it are not named here.
            args: How it is started.
            on_wait: Called when the server is not there yet.
            holder: Who will say `release`.
        """
        settings = self._starting.settings[row.name]
        key = _Key(model, args)
        name = f"{row.name}/{model}"
        log = self._log(name, args)
        pool = self._pools.get(row.name)
        if pool is None:
            pool = self._pools[row.name] = EnginePool(row.name, _pool_settings(settings))

        def make() -> Engine:
            return self._new(row, key, settings, log)

        async with pool.use(key, make, on_wait, holder) as engine:
            try:
                process = await engine.ready(on_wait)
            except LoadFailed as failed:
                lines = failed.failure.detail.get("lines") or failed.lines
                why = f"The server of {name} did not start: it {failed.failure.message}"
                raise _error(why, lines, log, name) from None
            opened = engine.opened
            self._starting.on_secret(opened["key"])
            yield Running(name, opened["url"], opened["key"], log, process)

    async def release(self, row: Row, holder: object) -> None:
        """Ends the servers that nobody holds but this one."""
        if row.name in self._pools:
            await self._pools[row.name].release(holder)

    def listing(self, provider: str) -> list[ModelListing]:
        """The models that are served now."""
        pool = self._pools.get(provider)
        engines = [] if pool is None else pool.statistics()
        names = sorted({engine.name for engine in engines if engine.loaded})
        return [ModelListing(name, loaded=True) for name in names]

    def engines(self) -> list[EngineListing]:
        """A snapshot of each server, by its keeper's process."""
        return [
            EngineListing(
                provider,
                engine.pid or 0,
                (engine.name.partition("/")[2],) if engine.loaded else (),
                engine.users,
                engine.starts,
            )
            for provider, pool in self._pools.items()
            for engine in pool.statistics()
        ]

    async def aclose(self) -> None:
        """Ends all servers, side by side."""
        async with anyio.create_task_group() as group:
            for pool in self._pools.values():
                group.start_soon(pool.aclose)

    def _new(self, row: Row, key: _Key, settings: ServerSettings, log: str) -> Engine:
        program = program_of(row)
        command = [part.format(model=key.model) for part in program.command]
        environment = {**settings.environment, **program.environment}
        if key.args.devices is not None:
            environment["CUDA_VISIBLE_DEVICES"] = key.args.devices
        opening = {
            "command": [_interpreter(settings), *command, *key.args.options, *settings.arguments],
            "environment": environment,
            "own": settings.python is None,
            "key_variable": program.key_variable,
            "log": log,
            "seconds": settings.start_timeout,
        }
        limits = _pool_settings(settings).limits
        name = f"{row.name}/{key.model}"
        return Engine(name, _KEEPER, opening, slots=1, provider=row.name, limits=limits)

    def _log(self, name: str, args: ServerArgs) -> str:
        digest = hashlib.sha256(f"{name}\0{args}".encode()).hexdigest()[:8]
        slug = re.sub(r"[^A-Za-z0-9.]+", "-", name)[:80].strip("-.")
        return str(self._starting.log_folder / f"{slug}-{digest}.log")

    def _missing(self, row: Row, program: Program, settings: ServerSettings | None) -> str:
        variable, package = row.base_url_variables[0], program.package
        table = f"[providers.{row.name}] in {self._starting.config}"
        text = (
            f"There is no server of {row.name} to ask: set {variable} to the address of one, such "
            f"as {row.quirks['usual_url']}, or pass base_url= or port=."
        )
        installed = importlib.util.find_spec(package) is not None
        if settings is not None:
            return (
                f"{text} modeld may start one, but {package} is not installed beside it: "
                f"pip install {package}, or name the interpreter that has it as python under {table}."
            )
        if installed:
            return f"{text} modeld starts one itself once start = true stands under {table}."
        return (
            f"{text} Or let modeld start one: pip install {package}, and write start = true "
            f"under {table}."
        )


def program_of(row: Row) -> Program:
    """The server that the row's quirk `starts` names."""
    return PROGRAMS[str(row.quirks["starts"])]


def _pool_settings(settings: ServerSettings) -> PoolSettings:
    load_seconds = settings.start_timeout + _SLACK_SECONDS
    limits = Limits(load_seconds=load_seconds, stop_seconds=_STOP_SECONDS)
    # No bound: how many fit is a matter of the devices, which the servers themselves find out.
    return PoolSettings(most_models=None, idle_seconds=settings.idle_timeout, limits=limits)


def _interpreter(settings: ServerSettings) -> str:
    python = settings.python
    return sys.executable if python is None else str(Path(python).expanduser())


def _error(why: str, lines: list[str], log: str, name: str) -> EngineError:
    end = "\n".join(lines)[-_SHOWN:].strip()
    said = f" The end of its log:\n{end}\n" if end else " "
    return EngineError(
        f"{why}.{said}The log is {log}.", provider=name.partition("/")[0], model=name
    )
