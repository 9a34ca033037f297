"""The whole daemon in a thread of the test: real server, real socket, a provider of the test's.

The client side of the same process finds it as any client would: by MODELD_HOME and the record.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import anyio

from modeld.discovery import Home, Record, locate, make_token, prepare_home, socket_path
from modeld_daemon.core.accounts import Accounts
from modeld_daemon.core.cache import Cache
from modeld_daemon.core.clients import Clients
from modeld_daemon.core.flights import Flights
from modeld_daemon.core.journal import Journal
from modeld_daemon.core.lanes import Lanes
from modeld_daemon.core.named import NamedSessions
from modeld_daemon.core.pipeline import Pipeline
from modeld_daemon.core.ports import Catalog
from modeld_daemon.core.resolve import Resolver
from modeld_daemon.core.sessions import Sessions
from modeld_daemon.server import Server
from modeld_daemon.service.daemon import Identity
from modeld_daemon.stores.memory import MemoryCache, MemoryJournal
from modeld_daemon.stores.named import MemoryNamed


class Unconfigured:
    def api_key(self, provider: str) -> str | None:
        return None

    def base_url(self, provider: str) -> str | None:
        return None


@dataclass
class House:
    """A running daemon. Use as a context manager; MODELD_HOME must name an empty folder."""

    catalog: Catalog
    generation: str = "test"
    home: Home = field(init=False)
    token: str = field(init=False, repr=False)
    socket: str = field(init=False)
    clients: Clients = field(init=False)
    pipeline: Pipeline = field(init=False)
    sessions: Sessions = field(init=False)
    server: Server = field(init=False)
    cache: MemoryCache = field(default_factory=MemoryCache)

    def __enter__(self) -> Self:
        self.home = locate()
        prepare_home(self.home)
        self.token = make_token(self.home)
        self.socket = socket_path(self.home, self.generation)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="house")
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stops the daemon at once, as `modeld stop --force` does."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._leaving.set)
            self._thread.join(10)
            assert not self._thread.is_alive()

    def begin_to_drain(self) -> None:
        """The daemon takes no new calls from now on."""
        self.ask(lambda: self._tasks.start_soon(self.server.drain, None))

    def ask(self, question: Callable[[], Any]) -> Any:
        """What a function says in the daemon's own thread."""

        async def answer() -> Any:
            return question()

        return asyncio.run_coroutine_threadsafe(answer(), self._loop).result(10)

    def in_flight(self) -> int:
        return self.server.in_flight()

    def _run(self) -> None:
        anyio.run(self._live)

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._leaving = anyio.Event()
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            self.clients = Clients(self.catalog, tasks)
            resolver = Resolver(self.catalog, Accounts(b"0" * 32), Unconfigured())
            self.sessions = Sessions(resolver, self.clients, NamedSessions(MemoryNamed()))
            self.pipeline = Pipeline(
                Flights(tasks),
                self.clients,
                Lanes(tasks),
                Cache(self.cache),
                Journal(MemoryJournal()),
            )
            self.server = Server(
                self.pipeline,
                self.sessions,
                self.catalog,
                cache=self.cache,
                token=self.token,
                identity=Identity(self.generation, 0, lambda: 0),
                stop=lambda **_how: self._leaving.set(),
                tasks=tasks,
            )
            await self.server.start(self.socket)
            record = Record.of_this_process(
                endpoint=f"unix:{self.socket}", generation=self.generation, log=self.home.log
            )
            record.write(self.home.record)
            self._ready.set()
            await self._leaving.wait()
            self._forget_record()
            await self.server.stop()
            await self.clients.aclose()
            if (close := getattr(self.catalog, "aclose", None)) is not None:
                await close()
            with contextlib.suppress(FileNotFoundError):
                Path(self.socket).unlink()
            tasks.cancel_scope.cancel()

    def _forget_record(self) -> None:
        """A successor's record stays."""
        written = Record.read(self.home.record)
        if written is not None and written.generation == self.generation:
            Path(self.home.record).unlink()
