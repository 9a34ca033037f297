"""Builds the rooms of one daemon and connects them. Nobody else knows all of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import anyio.abc

from modeld.discovery import data_folder, make_secret

from ..core.accounts import Accounts
from ..core.cache import Cache
from ..core.clients import Clients
from ..core.flights import Flights
from ..core.journal import Journal
from ..core.lane_statistics import LaneSettings
from ..core.lanes import Lanes
from ..core.named import NamedSessions
from ..core.pipeline import Pipeline
from ..core.resolve import Resolver
from ..core.sessions import Sessions
from ..logs import Redactor
from ..providers.premises import Starting
from ..providers.registry import Registry
from ..server import Server
from ..server_settings import ServerSettings
from ..service.daemon import Identity
from ..settings import Settings
from ..stores.cache import SqliteCache
from ..stores.journal import SqliteJournal
from ..stores.named import SqliteNamed
from .life import Life
from .tasks import Tasks

__all__ = ["House", "compose"]

_STATM = Path("/proc/self/statm")


class Store(Protocol):
    """What keeps something beyond the life of a call."""

    async def aclose(self) -> None:
        """Writes what is in memory and closes."""


class House:
    """The server and what must be closed after it."""

    def __init__(
        self,
        server: Server,
        flights: Flights,
        flying: Tasks,
        clients: Clients,
        source: Registry,
        stores: Sequence[Store],
        named: NamedSessions,
    ) -> None:
        self._server = server
        self._flights = flights
        self._flying = flying
        self._clients = clients
        self._source = source
        self._stores = stores
        self._named = named

    async def start(self, socket_path: str) -> None:
        """Listens."""
        await self._server.start(socket_path)

    async def drain(self, grace: float | None) -> None:
        """Takes no new calls and waits for the running ones."""
        await self._server.drain(grace)

    async def stop(self) -> None:
        """Cancels what runs, closes every connection, then stores, providers and engines."""
        await self._server.stop()
        await self._flying.aclose()
        self._named.flush()
        for store in self._stores:
            await store.aclose()
        await self._clients.aclose()
        await self._source.aclose()

    def in_flight(self) -> int:
        """Calls that run or wait."""
        return self._server.in_flight()

    def total(self) -> int:
        """Calls ever begun."""
        return self._flights.statistics().total


class Configuration:
    """What the settings say of providers; keys are read when asked for, and never logged."""

    def __init__(self, settings: Settings, redactor: Redactor) -> None:
        self._providers = settings.providers
        self._redactor = redactor

    def api_key(self, provider: str) -> str | None:
        """The configured key, read now."""
        found = self._providers.get(provider)
        if found is None or found.api_key is None:
            return None
        key = found.api_key.read()
        self._redactor.register(key)
        return key

    def base_url(self, provider: str) -> str | None:
        """The configured base URL."""
        found = self._providers.get(provider)
        return None if found is None else found.base_url


def compose(life: Life, tasks: anyio.abc.TaskGroup) -> House:
    """The house of one daemon; all its background tasks live in `tasks`."""
    home = life.generation.home
    salt = bytes.fromhex(make_secret(home.salt))
    source = Registry(
        Path(data_folder()),
        plugins=_plugins(life.settings),
        starting=Starting(
            Path(home.servers), home.config, _servers(life.settings), life.redactor.register
        ),
        trusting=_trusting(life.settings),
        home=home.path,
    )
    clients = Clients(source, tasks)
    flying = Tasks()
    clock = asyncio.get_running_loop().time
    flights = Flights(flying, clock=clock)
    lanes = Lanes(flying, clock, _configured(life.settings))
    # Their files are opened with the first call that needs them, and not before.
    cache = SqliteCache(Path(home.cache), life.settings.cache.max_size)
    journal = SqliteJournal(
        Path(home.journal), life.settings.journal.keep, life.settings.journal.max_size
    )
    kept = SqliteNamed(Path(home.sessions))
    named = NamedSessions(kept)
    configuration = Configuration(life.settings, life.redactor)
    resolver = Resolver(source, Accounts(salt), configuration, life.redactor.register)
    server = Server(
        Pipeline(flights, clients, lanes, Cache(cache), Journal(journal)),
        Sessions(resolver, clients, named),
        source,
        cache=cache,
        token=life.generation.token,
        identity=Identity(life.generation.name, life.settings.idle_timeout, _resident_bytes),
        stop=life.stop,
        tasks=flying,
    )
    tasks.start_soon(clients.sweep)
    tasks.start_soon(lanes.sweep)
    tasks.start_soon(named.keep_flushing)
    return House(server, flights, flying, clients, source, [cache, journal, kept], named)


def _plugins(settings: Settings) -> dict[str, str]:
    return {name: of.plugin for name, of in settings.providers.items() if of.plugin is not None}


def _servers(settings: Settings) -> dict[str, ServerSettings]:
    return {name: of.server for name, of in settings.providers.items() if of.server is not None}


def _trusting(settings: Settings) -> bool:
    return "hf" in settings.providers and settings.providers["hf"].trust_remote_code


def _configured(settings: Settings) -> dict[str, LaneSettings]:
    return {
        name: LaneSettings(of.max_connections, of.requests_per_minute, of.tokens_per_minute)
        for name, of in settings.limits.items()
    }


def _resident_bytes() -> int:
    """Memory of this process; 0 where the system does not tell."""
    try:
        pages = int(_STATM.read_text("ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
