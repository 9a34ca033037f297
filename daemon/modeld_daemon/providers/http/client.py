"""The HTTP client of one provider and account.

`fetch` is one request and its whole answer; `stream` gives the answer's head and then its body
as it comes. Both raise `modeld.errors` only; a status such as 404 is an answer like any other.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from modeld.errors import ModeldError, ProviderError, ProviderUnavailable

from ...core.raw import Raw
from .connection import Broken, Connection, Trouble
from .credentials import Cutter
from .dial import dial, tls_context
from .endpoint import Endpoint, Origin
from .pool import Pool, PoolStatistics
from .proxy import Proxy, choose_proxy

__all__ = ["HttpClient", "Response", "StreamResponse"]

_UNAUTHENTICATED = 401
STALE_SECONDS = 5.0
"""A reused connection that drops later than this after the request was not stale before it."""


class _Head:
    """What answers have in common."""

    __slots__ = ("headers", "status")

    def __init__(self, connection: Connection, cutter: Cutter) -> None:
        self.status = connection.status
        self.headers = cutter.cut_headers(connection.headers)

    def header(self, name: str) -> str | None:
        """The value of a header; `name` in lower case."""
        wanted = name.encode()
        for key, value in self.headers:
            if key == wanted:
                return value.decode("latin-1")
        return None

    def header_dict(self) -> dict[str, str]:
        """All headers by lower-case name; the last of equal ones."""
        return {key.decode("latin-1"): value.decode("latin-1") for key, value in self.headers}


class Response(_Head):
    """A complete answer."""

    __slots__ = ("body",)

    def __init__(self, connection: Connection, cutter: Cutter, body: bytes) -> None:
        super().__init__(connection, cutter)
        self.body = cutter.cut(body)


class StreamResponse(_Head):
    """An answer whose body is still coming."""

    __slots__ = ("_client", "_connection", "_cutter", "_endpoint", "_raw")

    def __init__(
        self, client: HttpClient, endpoint: Endpoint, connection: Connection, raw: Raw | None
    ) -> None:
        self._cutter = Cutter(endpoint.credentials)
        super().__init__(connection, self._cutter)
        self._client = client
        self._connection = connection
        self._endpoint = endpoint
        self._raw = raw
        if raw is not None:
            raw.answered(self.status, self.header("content-type") or "")

    async def read(self) -> bytes:
        """The next bytes of the body, all that have come; empty at the end."""
        try:
            piece = await self._read()
        except Broken as broken:
            raise self._client.failure(broken, self._endpoint) from None
        if self._raw is not None:
            self._raw.came(piece)
        return piece

    async def _read(self) -> bytes:
        while piece := await self._connection.read():
            piece = self._cutter.feed(piece)
            if piece:
                return piece
        return self._cutter.finish()

    @property
    def ended(self) -> bool:
        """Whether the end of the answer is here, though perhaps not yet read."""
        return self._connection.ended

    async def read_all(self) -> bytes:
        """The rest of the body."""
        pieces = []
        while piece := await self.read():
            pieces.append(piece)
        return b"".join(pieces)


@dataclass(frozen=True, slots=True)
class _Way:
    """How an origin is reached."""

    pool: Pool
    proxy: Proxy | None


class HttpClient:
    """Keeps connections per origin and sends requests over them.

    An answer that echoes a credential of its request is told without it, errors included.
    """

    def __init__(
        self,
        provider: str,
        environment: Mapping[str, str],
        *,
        connect_timeout: float = 5.0,
        read_timeout: float = 600.0,
        idle_seconds: float = 60.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._provider = provider
        self._environment = environment
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._idle_seconds = idle_seconds
        self._tls = tls
        self._ways: dict[Origin, _Way] = {}
        self._closed = False

    async def fetch(
        self,
        endpoint: Endpoint,
        body: bytes,
        *,
        patience: float | None = None,
        raw: Raw | None = None,
    ) -> Response:
        """Sends a request and waits for the whole answer; `raw` notes both."""
        if raw is not None:
            raw.asked(Cutter(endpoint.credentials).cut(body))
        endpoint, way, connection = await self._ask(endpoint, body, patience, streams=False)
        try:
            answer = await connection.finished()
            response = Response(connection, Cutter(endpoint.credentials), answer)
        except Broken as broken:
            raise self.failure(broken, endpoint) from None
        finally:
            way.pool.give_back(connection)
        if raw is not None:
            raw.answered(response.status, response.header("content-type") or "")
            raw.came(response.body)
        return response

    @asynccontextmanager
    async def stream(
        self,
        endpoint: Endpoint,
        body: bytes,
        *,
        patience: float | None = None,
        raw: Raw | None = None,
    ) -> AsyncIterator[StreamResponse]:
        """Sends a request; leaving the block before the end of the answer hangs up. `raw` notes
        the request, and the answer as far as it is read.
        """
        if raw is not None:
            raw.asked(Cutter(endpoint.credentials).cut(body))
        endpoint, way, connection = await self._ask(endpoint, body, patience, streams=True)
        try:
            yield StreamResponse(self, endpoint, connection, raw)
        finally:
            way.pool.give_back(connection)

    def statistics(self) -> dict[str, PoolStatistics]:
        """Connections by origin."""
        return {str(origin): way.pool.statistics() for origin, way in self._ways.items()}

    async def aclose(self) -> None:
        """Closes all connections; what is in flight fails."""
        self._closed = True
        for way in self._ways.values():
            way.pool.close()
        await asyncio.sleep(0)  # lets transports close their sockets

    def failure(self, broken: Broken, endpoint: Endpoint) -> ModeldError:
        """The error that a broken exchange is."""
        origin, detail = endpoint.origin, Cutter(endpoint.credentials).cut_text(broken.detail)
        message = f"The answer of {origin} cannot be used: {detail}"
        if broken.trouble in (Trouble.GARBAGE, Trouble.TOO_LARGE):
            return ProviderError(message, provider=self._provider)
        phase = "stream" if broken.answered else "first_token"
        if broken.trouble is Trouble.DROPPED:
            message = f"{origin} hung up before the end of its answer: {detail}"
        else:
            message = f"{origin} is silent: {detail}"
        return ProviderUnavailable(message, provider=self._provider, phase=phase)

    async def _ask(
        self, endpoint: Endpoint, body: bytes, patience: float | None, *, streams: bool
    ) -> tuple[Endpoint, _Way, Connection]:
        """As `_send`; a request whose token the server refuses is sent once more with another one.

        Returns too what was sent. A token may be revoked long before its end. A key is the caller's
        own, and there is no other.
        """
        way, connection = await self._send(endpoint, body, patience, streams=streams)
        if connection.status != _UNAUTHENTICATED or endpoint.renewed is None:
            return endpoint, way, connection
        try:
            another = await endpoint.renewed()
        except BaseException:
            way.pool.give_back(connection)
            raise
        if another is None:
            return endpoint, way, connection
        way.pool.give_back(connection)
        return another, *await self._send(another, body, patience, streams=streams)

    async def _send(
        self, endpoint: Endpoint, body: bytes, patience: float | None, *, streams: bool
    ) -> tuple[_Way, Connection]:
        """A connection on which the head of the answer has come (or is the caller's to await).

        A server may close an idle connection just when a request is on its way. Then, and only
        then, the request is sent again: once, on a new connection, if no byte of an answer came.
        """
        if self._closed:
            raise self._closed_error()
        way = self._ways.get(endpoint.origin) or await self._find_way(endpoint.origin)
        patience = patience or self._read_timeout
        for last in (False, True):
            idle = None if last else way.pool.take_idle()
            connection = idle or await self._connect(way)
            used, sent = connection.used, time.monotonic()
            try:
                # Made for each: who waits for a slow answer does not keep it.
                connection.start(_head(endpoint, body, way.proxy), body, patience, streams=streams)
                await connection.head()
            except Broken as broken:
                way.pool.give_back(connection)
                dropped = broken.trouble is Trouble.DROPPED and not broken.answered
                late = time.monotonic() - sent > STALE_SECONDS
                if last or late or not (used and dropped):
                    raise self.failure(broken, endpoint) from None
            except BaseException:
                way.pool.give_back(connection)
                raise
            else:
                return way, connection
        raise AssertionError("the last attempt returns or raises")

    async def _connect(self, way: _Way) -> Connection:
        try:
            return await way.pool.take_new()
        except RuntimeError:
            raise self._closed_error() from None

    async def _find_way(self, origin: Origin) -> _Way:
        proxy = choose_proxy(origin.scheme, origin.host, origin.port, self._environment)
        if origin.scheme == "https" and self._tls is None:
            self._tls = await asyncio.to_thread(tls_context, self._environment)
        tls = self._tls if origin.scheme == "https" else None

        async def connect() -> Connection:
            return await dial(origin, proxy, tls, self._connect_timeout, self._provider)

        # another call may have come first while the context was being read
        return self._ways.setdefault(origin, _Way(Pool(connect, self._idle_seconds), proxy))

    def _closed_error(self) -> ModeldError:
        return ProviderUnavailable("The connection was closed", provider=self._provider)


def _head(endpoint: Endpoint, body: bytes, proxy: Proxy | None) -> bytes:
    head = endpoint.bytes_for(body)
    if proxy is not None and endpoint.origin.scheme == "http":
        return _absolute(head, endpoint, proxy)
    return head


def _absolute(head: bytes, endpoint: Endpoint, proxy: Proxy) -> bytes:
    """The head as a proxy wants it (RFC 9112, section 3.2.2)."""
    url = f"http://{endpoint.origin}".encode() + endpoint.target
    head = head.replace(b" " + endpoint.target + b" ", b" " + url + b" ", 1)
    if proxy.authorization:
        line, _, rest = head.partition(b"\r\n")
        head = line + b"\r\nproxy-authorization: " + proxy.authorization + b"\r\n" + rest
    return head
