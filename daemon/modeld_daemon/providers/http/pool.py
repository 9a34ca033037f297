"""The connections to one origin.

There is no cap on connections: how many calls run at once is the lane's business, and a client's
own limit must never be a hidden second lane. Only *dialling* is bounded, so that a burst of
thousands does not overrun the server's accept queue; who waits to dial takes a connection that
becomes free in the meantime.

All decisions are synchronous; awaiting comes before or after.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from .connection import Connection

__all__ = ["Pool", "PoolStatistics"]

MAX_DIALS = 256


@dataclass(frozen=True, slots=True)
class PoolStatistics:
    """Connections of one origin, now and since the start."""

    busy: int
    idle: int
    dialling: int
    waiting: int
    opened: int


class Pool:
    """Idle connections, last in first out, and the queue of those who want one."""

    def __init__(self, dial: Callable[[], Awaitable[Connection]], idle_seconds: float) -> None:
        self._dial = dial
        self._idle_seconds = idle_seconds
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._dialling = 0
        self._opened = 0
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    def statistics(self) -> PoolStatistics:
        """A snapshot."""
        return PoolStatistics(
            len(self._busy), len(self._idle), self._dialling, len(self._waiting), self._opened
        )

    def take_idle(self) -> Connection | None:
        """The connection that was used last, if one is idle and still open."""
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable:
                self._busy.add(connection)
                return connection
        return None

    async def take_new(self) -> Connection:
        """A new connection, or one that becomes free while this waits for its turn to dial."""
        while self._dialling >= MAX_DIALS:
            freed = await self._queue()
            if freed is None:
                break
            if freed.reusable:
                return freed
            self._busy.discard(freed)  # the server closed it on the way here
        else:
            self._dialling += 1
        try:
            connection = await self._dial()
        finally:
            self._pass_turn()
        self._opened += 1
        if self._closed:
            connection.abort()
            raise RuntimeError("the client was closed")
        self._busy.add(connection)
        return connection

    def give_back(self, connection: Connection) -> None:
        """Ends the use of a connection; it is closed if its exchange was not completed."""
        self._busy.discard(connection)
        if self._closed or not connection.reusable:
            connection.abort()
            return
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                self._busy.add(connection)
                waiter.set_result(connection)
                return
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle.append(connection)
        if self._sweeper is None:
            self._sweeper = loop.call_later(self._idle_seconds, self._sweep)

    def close(self) -> None:
        """Closes all connections, also those in use."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for connection in [*self._idle, *self._busy]:
            connection.abort()
        self._idle.clear()

    async def _queue(self) -> Connection | None:
        """A freed connection; None is the turn to dial."""
        waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():  # given and cancelled at the same time
                given = waiter.result()
                if given is None:
                    self._pass_turn()
                else:
                    self.give_back(given)
            raise

    def _pass_turn(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._dialling -= 1

    def _sweep(self) -> None:
        """Closes what was idle for too long. The oldest are at the bottom."""
        loop = asyncio.get_running_loop()
        limit = loop.time() - self._idle_seconds
        old = 0
        while old < len(self._idle) and self._idle[old].idle_since <= limit + 0.001:
            self._idle[old].abort()
            old += 1
        del self._idle[:old]
        self._sweeper = None
        if self._idle:
            wait = self._idle[0].idle_since - limit
            self._sweeper = loop.call_later(wait, self._sweep)
