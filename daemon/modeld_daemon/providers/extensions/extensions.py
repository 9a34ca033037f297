"""All extensions of the daemon: looked for when an unknown provider is named, loaded when used.

Nothing here blocks the daemon's loop: looking and importing are done in threads, and whoever names
an extension that is not loaded yet is told so by `NotLoaded`, whose `load` is awaited at the doors.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Mapping
from concurrent.futures import Future

from modeld.errors import ModelNotFound

from ...core.ports import Connection, NotLoaded, Row
from .guarded import Guarded
from .host import Host, in_thread, run_either
from .loading import Extension, find, load, provisional
from .origin import Origin

__all__ = ["Extensions"]

log = logging.getLogger("modeld.extensions")

LOOK_AGAIN_SECONDS = 2.0
LOAD_SECONDS = 60.0
"""Longest wait of a call for an import; it goes on, and the next call may find it done."""
CLOSE_SECONDS = 2.0


class Extensions:
    """Extensions by name of their provider.

    Args:
        configured: `module:name` of those that the settings name.
        taken: Names of the daemon's own providers.
        dialects: Dialects that a row may have.
    """

    def __init__(
        self, configured: Mapping[str, str], taken: Collection[str], dialects: Collection[str]
    ) -> None:
        self._configured = configured
        self._taken = taken
        self._dialects = dialects
        self._found: dict[str, list[Origin]] = {}
        self._looked = float("-inf")
        self._loading: dict[str, Future[Extension]] = {}
        self._loaded: dict[str, Extension] = {}
        self._hosts: dict[str, Host] = {}

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
        offers = {"stream": "streaming", "count_tokens": "count", "models": "list"}
        made = None if extension is None else extension.made
        return tuple(word for name, word in offers.items() if hasattr(made, name))

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
        # An import that hangs must not be begun again by each call.
        future = self._loading.get(name)
        if future is None or future.done():
            future = self._loading[name] = in_thread(origin, lambda: load(origin, self._dialects))
        done, _ = await asyncio.wait({asyncio.wrap_future(future)}, timeout=LOAD_SECONDS)
        if not done:
            raise origin.fault(f"its import has not ended within {LOAD_SECONDS:g} s")
        self._loaded[name] = done.pop().result()
        log.info("%s is loaded", origin)

    def build(self, extension: Extension, connection: Connection) -> Guarded:
        """The provider of a connection."""
        return Guarded(
            extension.origin, extension.made, connection, lambda: self._host(extension.origin)
        )

    def _host(self, origin: Origin) -> Host:
        host = self._hosts.get(origin.name)
        if host is None or host.lost:
            host = self._hosts[origin.name] = Host(origin)
        return host

    async def aclose(self) -> None:
        """Closes objects that were shared by all connections, and ends the threads."""
        hosts, self._hosts = self._hosts, {}
        for name, host in hosts.items():
            extension = self._loaded[name]
            if not host.lost and not isinstance(extension.made, type):
                await self._close_object(extension, host)
            host.close()

    async def _close_object(self, extension: Extension, host: Host) -> None:
        async def work() -> None:
            if getattr(extension.made, "aclose", None) is not None:
                await run_either(extension.origin, extension.made.aclose)

        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await host.ask(work)
        except Exception as error:  # noqa: BLE001  # the daemon leaves all the same
            log.warning("%s was not closed: %s", extension.origin, error)
