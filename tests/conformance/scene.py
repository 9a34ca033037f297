"""One call of a real provider, made from its catalog row, to a real server on this machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from modeld.errors import ModeldError
from modeld.types import ModelOutput
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection, Provider
from modeld_daemon.providers.registry import Registry
from tests.fakes.deltas import Deltas
from tests.fakes.exact_server import Answer as Conduct
from tests.fakes.exact_server import Seen, serving

from .script import call
from .wire import Answer, Body, Failure, Wire, as_events, as_json

KEY = "test-key"
JSON, SSE = "application/json", "text/event-stream"
_REGISTRY = Registry(Path("no-data"))  # these dialects keep nothing on disk


@dataclass
class Heard:
    """What came of a call."""

    output: ModelOutput
    deltas: Deltas
    heads: list[str] = field(default_factory=list)
    bodies: list[Body] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    @property
    def body(self) -> Body:
        """The body of the only request."""
        assert len(self.bodies) == 1
        return self.bodies[0]


async def provider_of(wire: Wire, port: int) -> Provider:
    """The provider, built as the daemon builds it."""
    row = _REGISTRY.row(wire.provider)
    connection = Connection(f"http://127.0.0.1:{port}{wire.base_path}", KEY, wire.args)
    _REGISTRY.check(row, wire.model, connection)
    return await _REGISTRY.build(row, connection)


def route_of(wire: Wire, model: str = "") -> Route:
    return Route(wire.provider, model or wire.model, Account(wire.provider, None, "f"))


def ask(
    wire: Wire, conduct: Conduct, asked: Call, *, stream: bool = False, model: str = ""
) -> Heard:
    """What the provider makes of a server that behaves like this."""
    deltas = Deltas()
    seen: list[Seen] = []

    async def scene() -> ModelOutput:
        async with serving(conduct) as server:
            seen_here = server.requests
            provider = await provider_of(wire, server.port)
            try:
                sink = deltas if stream else None
                return await provider.generate(asked, route_of(wire, model), sink)
            finally:
                await provider.aclose()
                await asyncio.sleep(0.01)  # lets the sockets close
                seen.extend(seen_here)

    try:
        output = asyncio.run(scene())
    except ModeldError:
        assert len(seen) <= 1, "retrying is the pipeline's"
        raise
    raw = [one.body for one in seen]
    bodies = [json.loads(body) for body in raw]
    return Heard(output, deltas, [one.head.decode().lower() for one in seen], bodies, raw)


def failing(wire: Wire, conduct: Conduct, asked: Call, *, stream: bool) -> ModeldError:
    """The error of a call to a server that behaves like this."""
    with pytest.raises(ModeldError) as caught:
        ask(wire, conduct, asked, stream=stream)
    return caught.value


def unreached(wire: Wire, port: int) -> ModeldError:
    """The error of a call to a port where nobody listens."""

    async def scene() -> None:
        provider = await provider_of(wire, port)
        try:
            await provider.generate(call(), route_of(wire), None)
        finally:
            await provider.aclose()

    with pytest.raises(ModeldError) as caught:
        asyncio.run(scene())
    return caught.value


# -- how servers behave ----------------------------------------------------------------------


def saying(answer: Answer) -> Conduct:
    """The answer, as a stream where one is asked for."""

    async def conduct(seen: Seen) -> None:
        if answer.status != 200 or not wants_stream(seen):
            seen.writer.write(response(as_json(answer.body), JSON, answer.status))
        else:
            seen.writer.write(stream_head() + _chunks(as_events(answer.events)) + b"0\r\n\r\n")
        await seen.writer.drain()

    return conduct


def refusing(failure: Failure) -> Conduct:
    """The failure, whatever is asked."""
    data = response(as_json(failure.body), JSON, failure.status, failure.headers)
    return writing(data)


def writing(data: bytes, *, close: bool = False) -> Conduct:
    """These bytes, whatever is asked."""

    async def conduct(seen: Seen) -> None:
        seen.writer.write(data)
        await seen.writer.drain()
        if close:
            seen.writer.close()

    return conduct


def beginning(answer: Answer, then: Callable[[Seen], Awaitable[None]]) -> Conduct:
    """The first half of a stream's events, and then something else."""
    events = as_events(answer.events)

    async def conduct(seen: Seen) -> None:
        seen.writer.write(stream_head() + _chunks(events[: len(events) // 2]))
        await seen.writer.drain()
        await then(seen)

    return conduct


def wants_stream(seen: Seen) -> bool:
    return b"streamGenerateContent" in seen.head or bool(json.loads(seen.body).get("stream"))


def response(
    body: bytes, kind: str, status: int = 200, headers: Mapping[str, str] | None = None
) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"content-type: {kind}", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def stream_head() -> bytes:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {SSE}; charset=utf-8\r\ntransfer-encoding: chunked"
    return head.encode() + b"\r\n\r\n"


def _chunks(pieces: list[bytes]) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
