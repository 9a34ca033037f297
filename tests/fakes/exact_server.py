"""An HTTP server that says exactly what a test wants, on a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from modeld.errors import ModeldError
from modeld_daemon.providers.http.client import HttpClient
from modeld_daemon.providers.http.endpoint import Endpoint

T = TypeVar("T")
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"
Answer = Callable[["Seen"], Awaitable[None]]
Run = Callable[[Coroutine[Any, Any, None]], None]


@dataclass
class Seen:
    """One request, as the server saw it."""

    head: bytes
    body: bytes
    connection: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


@dataclass
class Server:
    """Gives each request to the test."""

    answer: Answer
    port: int = 0
    requests: list[Seen] = field(default_factory=list)
    connections: int = 0
    gone: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = [
                    line
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length")
                ]
                size = int(length[0].split(b":")[1]) if length else 0
                seen = Seen(head, await reader.readexactly(size), number, reader, writer)
                self.requests.append(seen)
                await self.answer(seen)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.gone += 1
        finally:
            writer.close()


def on_loop(name: str) -> Run:
    """Runs a scene on the loop of that name."""
    factory = None
    if name == "uvloop":
        factory = pytest.importorskip("uvloop").new_event_loop

    def run_scene(scene: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(scene)

    return run_scene


@asynccontextmanager
async def serving(answer: Answer, host: str = "127.0.0.1", **tls: Any) -> AsyncIterator[Server]:
    server = Server(answer)
    listener = await asyncio.start_server(server.serve, host, 0, backlog=1000, **tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for _ in range(500):
            if server.gone >= server.connections:
                break
            await asyncio.sleep(0.001)


async def all_ended(calls: Iterable[Awaitable[T]]) -> list[T]:
    """What all calls give, once all have ended; then the first failure is raised.

    A call that still waits for a server of this loop in a thread must not be left behind: nobody
    answers it any more, and the loop waits for its thread.
    """
    ends = await asyncio.gather(*calls, return_exceptions=True)
    for end in ends:
        if isinstance(end, BaseException):
            raise end
    return [end for end in ends if not isinstance(end, BaseException)]


@asynccontextmanager
async def client_of(**options: Any) -> AsyncIterator[HttpClient]:
    client = HttpClient("test", options.pop("environment", {}), **options)
    try:
        yield client
    finally:
        await client.aclose()
        await asyncio.sleep(0.01)


def to(server: Server, *headers: tuple[str, str], url: str = "http://127.0.0.1:{}/v1") -> Endpoint:
    return Endpoint.make("POST", url.format(server.port), headers)


def saying(*pieces: bytes, pause: float = 0.0, close: bool = False) -> Answer:
    async def answer(seen: Seen) -> None:
        for piece in pieces:
            seen.writer.write(piece)
            await seen.writer.drain()
            await asyncio.sleep(pause)
        if close:
            seen.writer.close()

    return answer


def fetching(run: Run, answer: Answer) -> tuple[bytes, Server]:
    """One fetch of a fresh client."""
    found: list[Any] = []

    async def scene() -> None:
        async with serving(answer) as server, client_of() as client:
            found.append(server)
            found.append((await client.fetch(to(server), b"{}")).body)

    run(scene())
    return found[1], found[0]


def failing(run: Run, answer: Answer, **options: Any) -> ModeldError:
    """The error of one fetch of a fresh client."""
    found: list[ModeldError] = []

    async def scene() -> None:
        async with serving(answer) as server, client_of(**options) as client:
            with pytest.raises(ModeldError) as caught:
                await client.fetch(to(server), b"{}")
            found.append(caught.value)
            assert len(server.requests) == 1

    run(scene())
    return found[0]


def chunked(*pieces: bytes) -> list[bytes]:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    return [head, *(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces), b"0\r\n\r\n"]
