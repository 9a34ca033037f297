"""One HTTP/1.1 connection: bytes in, the parts of an answer out.

An `asyncio.Protocol` over llhttp (httptools), because streams (`asyncio.StreamReader`) and typed
client libraries cost several times the CPU of the call itself. A connection serves one exchange
at a time: `start`, then `head` or `finished`, then `read` until it returns nothing.

State changes in the protocol's callbacks, which the loop calls one after the other; the one task
that waits is woken only when what it waits for is there (`_wanted`). Whoever waits and is
cancelled closes the connection, so that the server sees at once that nobody listens.
"""

from __future__ import annotations

import asyncio
from enum import IntEnum
from typing import cast

import httptools

from .inflate import Inflater, TooLarge

__all__ = ["Broken", "Connection", "Trouble"]

MAX_HEAD = 256 * 1024
MAX_BODY = 256 * 1024 * 1024
HIGH_WATER = 256 * 1024
"""Unread bytes of a stream above which the server has to wait."""

_HEAD, _DATA, _END = 1, 2, 3


class Trouble(IntEnum):
    """What can go wrong on a connection."""

    DROPPED = 1
    GARBAGE = 2
    SILENT = 3
    TOO_LARGE = 4


class Broken(Exception):
    """The exchange cannot be completed."""

    def __init__(self, trouble: Trouble, detail: str, answered: bool) -> None:
        super().__init__(detail)
        self.trouble = trouble
        self.detail = detail
        self.answered = answered
        """Whether a byte of the answer had come."""


class Connection(asyncio.Protocol):
    """A connection, idle or with one exchange."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.idle_since = 0.0
        self.used = False
        """Whether an exchange was completed on it."""
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._failure: Broken | None = None
        self._inflater: Inflater | None = None
        self._chunks: list[bytes] = []
        self._wanted = self._reached = 0
        self._buffered = self._received = self._head_bytes = 0
        self._last = self._patience = 0.0
        self._active = self._framed = self._paused = self._streams = False
        self._keep = True

    # -- what the client calls

    @property
    def reusable(self) -> bool:
        """Whether another exchange may follow the last one."""
        transport = self._transport
        return (
            self._keep
            and not self._active
            and transport is not None
            and not transport.is_closing()
            and not transport.get_write_buffer_size()
        )

    @property
    def ended(self) -> bool:
        """Whether the answer has come to its end."""
        return self._reached == _END

    def start(self, head: bytes, body: bytes, patience: float, *, streams: bool) -> None:
        """Sends a request; `patience` is the longest silence of the server, in seconds."""
        assert self._transport is not None
        assert not self._active
        self._active, self._streams, self._framed = True, streams, False
        self._failure = self._inflater = None
        self._reached = self._buffered = self._received = self._head_bytes = 0
        self.headers, self._chunks = [], []
        self._last, self._patience = self._loop.time(), patience
        self._timer = self._loop.call_later(patience, self._check_silence)
        if len(body) < HIGH_WATER:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))

    async def head(self) -> None:
        """Waits for status and headers."""
        if self._reached < _HEAD:
            await self._wait(_HEAD)

    async def finished(self) -> bytes:
        """Waits for the whole answer, and returns its body."""
        if self._reached < _END:
            await self._wait(_END)
        chunks, self._chunks = self._chunks, []
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def read(self) -> bytes:
        """The next bytes of the body, all that have come; empty at the end."""
        if not self._chunks and self._reached < _END:
            await self._wait(_DATA)
        chunks, self._chunks = self._chunks, []
        self._buffered = 0
        if self._paused and self._transport is not None:
            self._paused = False
            self._last = self._loop.time()
            self._transport.resume_reading()
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def abort(self) -> None:
        """Closes at once; the server sees it."""
        self._keep = False
        self._stop_timer()
        if self._transport is not None:
            self._transport.abort()

    async def _wait(self, wanted: int) -> None:
        if self._failure is None:
            self._wanted = wanted
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            except asyncio.CancelledError:
                self.abort()
                raise
            finally:
                self._waiter = None
        if self._failure is not None:
            raise self._failure

    # -- what the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass

    def data_received(self, data: bytes) -> None:
        if not self._active or self._parser is None:
            self.abort()  # nobody asked: a 408 before closing, or worse
            return
        self._last = self._loop.time()
        if self._reached < _HEAD:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(Trouble.GARBAGE, f"the answer is not HTTP: {error}")
            return
        if self._reached < _HEAD and self._head_bytes > MAX_HEAD:
            self._fail(Trouble.TOO_LARGE, f"its headers are longer than {MAX_HEAD} bytes")

    def eof_received(self) -> None:
        """Lets the transport close itself; `connection_lost` follows."""

    def connection_lost(self, exc: Exception | None) -> None:
        self._keep = False
        if self._active:
            # Without length and chunks the end of the connection is the end of the body.
            if exc is None and self._reached >= _HEAD and not self._framed:
                self.on_message_complete()
            else:
                self._fail(Trouble.DROPPED, str(exc) if exc else "the connection was closed")
        self._transport = self._parser = None  # the parser holds this object: no cycle is left

    def _check_silence(self) -> None:
        """Fires once per patience at most, so that a chunk costs no timer."""
        now = self._loop.time()
        if self._paused:
            self._last = now  # it is not the server that is slow
        left = self._last + self._patience - now
        if left > 0.001:
            self._timer = self._loop.call_later(left, self._check_silence)
        else:
            self._fail(Trouble.SILENT, f"it sent nothing for {self._patience:g} s")

    # -- what the parser calls

    def on_message_begin(self) -> None:
        if self._reached == _END:
            self._keep = False  # a second answer to one request

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        self.headers.append((name, value))
        if name in (b"content-length", b"transfer-encoding"):
            self._framed = True

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        self.status = self._parser.get_status_code()
        if self.status < 200:
            return
        self._keep = self._parser.should_keep_alive()
        for name, value in self.headers:
            if name == b"content-encoding" and value not in (b"", b"identity"):
                self._inflater = Inflater(value.decode("latin-1"))
        self._reached = _HEAD
        self._wake()

    def on_body(self, data: bytes) -> None:
        if self._failure is not None:
            return
        if self._inflater is not None:
            try:
                data = self._inflater.feed(data, MAX_BODY - self._received)
            except (TooLarge, ValueError) as error:
                large = isinstance(error, TooLarge)
                self._fail(Trouble.TOO_LARGE if large else Trouble.GARBAGE, str(error))
                return
        self._received += len(data)
        if self._received > MAX_BODY:
            self._fail(Trouble.TOO_LARGE, f"its body is longer than {MAX_BODY} bytes")
            return
        if data:
            self._chunks.append(data)
            self._reached = _DATA
            self._wake()
        if self._streams:
            self._buffered += len(data)
            if self._buffered > HIGH_WATER and not self._paused and self._transport is not None:
                self._paused = True
                self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if self.status < 200:  # 100 and 103 come before the answer
            self.headers = []
            self._framed = False
            return
        if self._failure is not None:
            return
        if self._inflater is not None and not self._inflater.complete:
            self._fail(Trouble.GARBAGE, "its compressed body is cut short")
            return
        self._stop_timer()
        self._active = False
        self.used = True
        self._reached = _END
        self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and self._reached >= self._wanted and not waiter.done():
            waiter.set_result(None)

    def _fail(self, trouble: Trouble, detail: str) -> None:
        if self._failure is None:
            self._failure = Broken(trouble, detail, self._head_bytes > 0)
        self._active = False
        self.abort()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
