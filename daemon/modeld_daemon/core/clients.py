"""Clients of providers, one per connection, shared by all that hold a lease.

A client is built on first use and in one place: callers that come while it is being built wait
for it. It is closed as soon as its last holder says goodbye (a context manager was left); when
holders merely vanish (their process ended), it stays warm for `linger` seconds, since the next
process will want it. A client with calls in flight is never closed; it closes after the last one.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable
from dataclasses import dataclass

import anyio
import anyio.abc

from .call import Account
from .ports import Connection, Provider, ProviderSource, Row

__all__ = ["Client", "ClientStatistics", "Clients"]

log = logging.getLogger("modeld.clients")

CLOSE_SECONDS = 5.0
"""Longest time that closing one client may take."""


@dataclass(frozen=True, slots=True)
class ClientStatistics:
    """A snapshot of one client."""

    provider: str
    account: str
    base_url: str
    leases: int
    in_flight: int
    built: bool


class Client:
    """A provider for one connection: built lazily, counted exactly."""

    def __init__(self, row: Row, connection: Connection, account: Account) -> None:
        self.row = row
        self.connection = connection
        self.account = account
        self.leases = 0
        self.in_flight = 0
        self.idle_since = 0.0
        self._provider: Provider | None = None
        self._building = anyio.Lock()

    async def provider(self, source: ProviderSource) -> Provider:
        """The provider; the first call builds it."""
        if self._provider is None:
            async with self._building:
                if self._provider is None:
                    self._provider = await source.build(self.row, self.connection)
        return self._provider

    async def aclose(self) -> None:
        """Closes the provider, if it was built. It never raises but on cancellation."""
        provider, self._provider = self._provider, None
        if provider is None:
            return
        with anyio.move_on_after(CLOSE_SECONDS, shield=True):
            try:
                await provider.aclose()
            except Exception:  # an extension's close must not end the daemon
                log.exception("closing %s failed", self.row.name)

    def statistics(self) -> ClientStatistics:
        """A snapshot."""
        return ClientStatistics(
            self.row.name,
            self.account.fingerprint,
            self.account.base_url or "",
            self.leases,
            self.in_flight,
            self._provider is not None,
        )


class Clients:
    """The pool of clients.

    Args:
        source: Where providers are built.
        tasks: The task group in which clients are closed.
        linger: Seconds that a client stays warm after its holders have vanished.
    """

    def __init__(
        self, source: ProviderSource, tasks: anyio.abc.TaskGroup, *, linger: float = 900.0
    ) -> None:
        self.source = source
        self._tasks = tasks
        self._linger = linger
        self._clients: dict[Hashable, Client] = {}

    def acquire(self, key: Hashable, row: Row, connection: Connection, account: Account) -> Client:
        """A lease of the client of that key; give it back with `release`."""
        client = self._clients.get(key)
        if client is None:
            client = self._clients[key] = Client(row, connection, account)
        client.leases += 1
        return client

    def release(self, client: Client, *, close: bool) -> None:
        """Gives a lease back. With `close`, the last one closes the client once it is unused."""
        client.leases -= 1
        client.idle_since = anyio.current_time()
        if client.leases == 0 and (close or not client.row.shared):
            client.idle_since = float("-inf")
            self._close_if_unused(client)

    def enter(self, client: Client) -> None:
        """A call begins."""
        client.in_flight += 1

    def leave(self, client: Client) -> None:
        """A call ended."""
        client.in_flight -= 1
        self._close_if_unused(client)

    def _close_if_unused(self, client: Client) -> None:
        if client.leases or client.in_flight or client.idle_since > float("-inf"):
            return
        self._drop(client)

    def _drop(self, client: Client) -> None:
        for key, held in self._clients.items():
            if held is client:
                del self._clients[key]
                self._tasks.start_soon(client.aclose)
                return

    async def sweep(self, interval: float = 30.0) -> None:
        """Closes, for ever, clients that nobody has used for the lingering time."""
        while True:
            await anyio.sleep(interval)
            now = anyio.current_time()
            for client in list(self._clients.values()):
                idle = not client.leases and not client.in_flight
                if idle and now - client.idle_since >= self._linger:
                    self._drop(client)

    async def aclose(self) -> None:
        """Closes every client, side by side."""
        clients, self._clients = list(self._clients.values()), {}
        async with anyio.create_task_group() as group:
            for client in clients:
                group.start_soon(client.aclose)

    def statistics(self) -> list[ClientStatistics]:
        """A snapshot of each client."""
        return [client.statistics() for client in self._clients.values()]
