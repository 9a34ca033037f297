"""All extensions of the daemon: looked for when an unknown provider is named, loaded when used.

None of their code runs in the daemon: each has a process of its own, which imports it. Looking is
done in a thread, and whoever names an extension that is not loaded yet is told so by `NotLoaded`,
whose `load` is awaited at the doors.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Mapping

from modeld.errors import ModelNotFound

from ...core.ports import Connection, EngineListing, NotLoaded, Row
from .guarded import Guarded
from .host import Host, open_pool
from .loading import Extension, find, provisional
from .origin import Origin

__all__ = ["Extensions"]

log = logging.getLogger("modeld.extensions")

LOOK_AGAIN_SECONDS = 2.0
LOAD_SECONDS = 60.0
"""Longest wait of a call for an import; it goes on, and the next call may find it done."""


class Extensions:
    """Extensions by name of their provider.

    Args:
        configured: `module:name` of those that the settings name.
        taken: Names of the daemon's own providers.
        dialects: Dialects that a row may have.
        home: The daemon's home.
    """

    def __init__(
        self,
        configured: Mapping[str, str],
        taken: Collection[str],
        dialects: Collection[str],
        home: str | None = None,
    ) -> None:
        self._configured = configured
        self._taken = taken
        self._dialects = dialects
        self._home = home
        self._found: dict[str, list[Origin]] = {}
        self._looked = float("-inf")
        self._loaded: dict[str, Extension] = {}
        self._hosts: dict[Origin, Host] = {}
        self._pool = open_pool()

    def look(self) -> None:
        """Looks for what is installed now; it reads folders."""
        self._found = find(self._configured, self._taken)
        self._looked = time.monotonic()

    def rows(self) -> list[Row]:
        """Those that were found; of one that is not loaded, what can be known."""
        rows = {name: provisional(origins[0]) for name, origins in self._found.items()}
        loaded = dict(self._loaded)  # one may be loaded meanwhile: this runs in a thread, too
        return list((rows | {name: one.row for name, one in loaded.items()}).values())

    def row(self, name: str) -> Row:
        """The row of that name. `NotLoaded` when the extension must be loaded first."""
        extension = self._loaded.get(name)
        if extension is not None:
            return extension.row
        fresh = time.monotonic() - self._looked < LOOK_AGAIN_SECONDS
        if name not in self._found and fresh:
            raise ModelNotFound(f"there is no provider '{name}'")
        raise NotLoaded(f"the provider '{name}' is not loaded", lambda: self._load(name))

    def features(self, row: Row) -> tuple[str, ...]:
        """What a loaded one offers."""
        extension = self._loaded.get(row.name)
        return () if extension is None else extension.features

    def extension(self, row: Row) -> Extension | None:
        """The loaded extension of that row; None for a row of the daemon's own."""
        return self._loaded.get(row.name)

    async def _load(self, name: str) -> None:
        if name not in self._found:
            await asyncio.to_thread(self.look)
        origins = self._found.get(name)
        if not origins or name in self._loaded:
            return  # the row says that there is none
        origin = origins[0]
        if len(origins) > 1:
            places = " and ".join(f"{one.place} of {one.package}" for one in origins)
            raise origin.missing(
                f"the name stands for several: {places}. Choose one by 'plugin' in "
                f"[providers.{name}] of the daemon's config.toml"
            )
        limit = asyncio.timeout(LOAD_SECONDS)
        try:
            async with limit:
                self._loaded[name] = await self._host(origin).describe()
        except TimeoutError:
            if not limit.expired():  # it is the extension's own
                raise
            raise origin.fault(f"its import has not ended within {LOAD_SECONDS:g} s") from None
        log.info("%s is loaded", origin)

    def build(self, extension: Extension, connection: Connection) -> Guarded:
        """The provider of a connection."""
        return Guarded(self._host(extension.origin), connection)

    def _host(self, origin: Origin) -> Host:
        if origin not in self._hosts:
            self._hosts[origin] = Host(origin, self._pool, self._dialects, self._home)
        return self._hosts[origin]

    def engines(self) -> list[EngineListing]:
        """A snapshot of each process."""
        return [seen for host in self._hosts.values() if (seen := host.listing()) is not None]

    async def aclose(self) -> None:
        """Ends all processes; what is open is closed in them."""
        await self._pool.aclose()
