"""The child process of one extension, as its connections see it.

It is started by the first that needs it, and again after its death. It ends with its last
connection, or when there was no call for a while; objects that were open are closed then, and made
anew by the next call.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import math
import os
from collections.abc import Callable, Collection
from typing import Any, TypeAlias

from modeld.errors import EngineError, ModeldError

from ...core.ports import EngineListing
from ..engine.engine import Engine, EngineDied, LoadFailed, OnWait
from ..engine.pool import EnginePool, PoolSettings
from ..engine.process import OnEvent
from ..engine.watchdog import Limits
from ..engine.words import CallFailed
from .crossing import failure_from_json
from .loading import Extension, read
from .origin import Origin

__all__ = ["Host", "open_pool"]

log = logging.getLogger("modeld.extensions")

JsonObject: TypeAlias = dict[str, Any]

PROGRAM = "modeld_daemon.providers.extensions.child"
STALL_SECONDS = 30.0
"""Seconds without a sign of life of its loop after which a process is killed."""
IMPORT_SECONDS = 600.0
"""Seconds after which an import is given up, and its process with it."""
CLOSE_SECONDS = 2.0
"""Longest time for closing an object, and for closing all when a process is to end."""
STOP_SECONDS = CLOSE_SECONDS + 1.0
"""Seconds after which a process that is to end is killed."""
MOST_LINES = 200
"""Lines of one extension that are logged in a second."""

_TRUST = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")


def open_pool() -> EnginePool:
    """Where the processes of all extensions are counted."""
    return EnginePool("extension", PoolSettings(most_models=None))


class Host:
    """What one extension's process is asked for. Whatever goes wrong there is a typed error.

    Args:
        origin: Which extension.
        pool: Where its process is counted.
        dialects: Dialects that a row may have.
        home: The daemon's home, which is said to its process: one that asks modeld for models of
            others asks this daemon, and starts none.
    """

    def __init__(
        self,
        origin: Origin,
        pool: EnginePool,
        dialects: Collection[str],
        home: str | None = None,
    ) -> None:
        self.origin = origin
        self._pool = pool
        self._dialects = dialects
        self._home = home
        self._engine: Engine | None = None

    async def describe(self) -> Extension:
        """What the extension is, as its process says after importing it.

        Whoever waits for that may leave: the import goes on.
        """
        async with self._pool.use(self.origin, self._make, _unheard) as engine:
            try:
                await engine.ready()
            except (EngineError, LoadFailed) as error:
                raise self._typed(error) from None
            opened = engine.opened
        extension = None
        try:
            extension = read(self.origin, opened, self._dialects)
        finally:
            if extension is None or not extension.serves:
                await self._pool.unload(self.origin)
        return extension

    async def ask(
        self,
        holder: object,
        op: str,
        body: JsonObject,
        on_event: OnEvent | None = None,
        on_wait: OnWait | None = None,
    ) -> JsonObject:
        """What its process gives.

        Args:
            holder: The connection, which will say `release`.
            op: What is asked of `child.Program`.
            body: Its argument.
            on_event: Called with each part of the answer.
            on_wait: Called when the process must be started first.
        """
        async with self._pool.use(self.origin, self._make, on_wait or _unheard, holder) as engine:
            try:
                return await engine.call(op, body, on_event=on_event, on_wait=on_wait, slot=False)
            except (EngineError, LoadFailed, CallFailed) as error:
                raise self._typed(error) from None

    async def release(self, holder: object, body: JsonObject) -> None:
        """Closes the object of a connection, if there is one, and the process with the last one."""
        try:
            engine = self._engine if self.origin in self._pool else None
            if engine is not None and engine.statistics().loaded:
                with contextlib.suppress(EngineError):  # whose end has closed everything
                    async with asyncio.timeout(CLOSE_SECONDS):
                        await engine.call("close", body, slot=False)
        except TimeoutError:
            raise self.origin.fault(f"aclose() took more than {CLOSE_SECONDS:g} s") from None
        except (LoadFailed, CallFailed) as error:
            raise self._typed(error) from None
        finally:
            await self._pool.release(holder)

    def listing(self) -> EngineListing | None:
        """A snapshot of its process, if it has one."""
        if self._engine is None or (seen := self._engine.statistics()).pid is None:
            return None
        return EngineListing(
            "extension", seen.pid, (self.origin.name,), seen.in_flight, seen.starts
        )

    def _make(self) -> Engine:
        kept = {name: os.environ[name] for name in _TRUST if name in os.environ}
        if self._home is not None:
            kept["MODELD_HOME"] = self._home
        self._engine = Engine(
            f"the extension '{self.origin.name}'",
            PROGRAM,
            {"origin": dataclasses.asdict(self.origin), "close_seconds": CLOSE_SECONDS},
            slots=1,  # nobody asks for one: a lane bounds the calls
            provider=self.origin.name,
            limits=Limits(
                hang_seconds=STALL_SECONDS,
                stall_seconds=math.inf,  # each call has its own limit
                load_seconds=IMPORT_SECONDS,
                stop_seconds=STOP_SECONDS,
            ),
            environment={**kept, "PYTHONUNBUFFERED": "1"},
            on_line=_lines(self.origin),
        )
        return self._engine

    def _typed(self, error: EngineError | LoadFailed | CallFailed) -> ModeldError:
        if isinstance(error, EngineDied):
            return self.origin.died(error.death)
        if isinstance(error, EngineError):
            return error
        failure = error.failure if isinstance(error, LoadFailed) else error
        try:
            return self.origin.typed(failure_from_json(failure.detail["failure"]))
        except Exception:  # noqa: BLE001  # its process says what it likes
            return self.origin.fault(failure.message)


def _unheard(reason: str, position: int | None, progress: float | None = None, /) -> None:
    """Nobody wants to know why it waits."""


def _lines(origin: Origin) -> Callable[[str], None]:
    """Writes what the process writes to the log, though not more than people can read."""
    second, count = 0, 0

    def on_line(line: str) -> None:
        nonlocal second, count
        now = int(asyncio.get_running_loop().time())
        if now != second:
            if count > MOST_LINES:
                log.warning("%s wrote %d more lines", origin, count - MOST_LINES)
            second, count = now, 0
        count += 1
        if count <= MOST_LINES:
            log.info("%s: %s", origin.name, line)

    return on_line
