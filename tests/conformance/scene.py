"""One call of a real provider, made from its catalog row, to a real server on this machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from modeld.errors import ModeldError
from modeld.types import ModelOutput
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection, Provider
from modeld_daemon.providers.registry import Registry
from tests.fakes.deltas import Deltas
from tests.fakes.exact_server import Answer as Conduct
from tests.fakes.exact_server import Seen, serving
from tests.fakes.google_account import service_account

from .script import call
from .stage import Heard
from .wire import KEY, Answer, Failure, Wire, as_json

JSON = "application/json"
REGISTRY = Registry(Path("no-data"))  # these dialects keep nothing on disk


@asynccontextmanager
async def provider_of(wire: Wire, port: int) -> AsyncIterator[Provider]:
    """The provider, built as the daemon builds it, and closed at the end."""
    row = REGISTRY.row(wire.provider)
    url = f"http://127.0.0.1:{port}{wire.base_path}"
    async with _environment(wire) as environment:
        connection = Connection(url, wire.key, wire.args, environment)
        REGISTRY.check(row, wire.model, connection)
        provider = await REGISTRY.build(row, connection)
        try:
            yield provider
        finally:
            await provider.aclose()
            await asyncio.sleep(0)  # lets the sockets close


@asynccontextmanager
async def _environment(wire: Wire) -> AsyncIterator[Mapping[str, str]]:
    """The variables of the session; where there is no key, an account that gets tokens."""
    if wire.key is not None:
        yield wire.environment
        return

    async def give(seen: Seen) -> None:
        token = {"access_token": KEY, "expires_in": 3600}
        seen.writer.write(response(as_json(token), JSON))

    with TemporaryDirectory() as folder:
        async with serving(give) as server:
            uri = f"http://127.0.0.1:{server.port}/token"
            file = service_account(Path(folder, "account.json"), uri)
            yield {"GOOGLE_APPLICATION_CREDENTIALS": str(file), **wire.environment}


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
            try:
                async with provider_of(wire, server.port) as provider:
                    sink = deltas if stream else None
                    return await provider.generate(asked, route_of(wire, model), sink)
            finally:
                seen.extend(server.requests)

    try:
        output = asyncio.run(scene())
    except ModeldError:
        asked_for = [one for one in seen if one.head.startswith(b"POST")]
        assert len(asked_for) <= 1, "retrying is the pipeline's"
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
        async with provider_of(wire, port) as provider:
            await provider.generate(call(), route_of(wire), None)

    with pytest.raises(ModeldError) as caught:
        asyncio.run(scene())
    return caught.value


# -- how servers behave ----------------------------------------------------------------------


def saying(answer: Answer) -> Conduct:
    """The answer, as a stream where one is asked for."""

    async def conduct(seen: Seen) -> None:
        if answer.status != 200 or not wants_stream(seen):
            plain = response(as_json(answer.body), JSON, answer.status, answer.headers)
            seen.writer.write(plain)
        else:
            events = answer.framing.written(answer.events)
            seen.writer.write(stream_head(answer) + _chunks(events) + b"0\r\n\r\n")
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
    events = answer.framing.written(answer.events)

    async def conduct(seen: Seen) -> None:
        seen.writer.write(stream_head(answer) + _chunks(events[: len(events) // 2]))
        await seen.writer.drain()
        await then(seen)

    return conduct


def wants_stream(seen: Seen) -> bool:
    """By the path, or by a member of the body."""
    return b"stream" in seen.head.partition(b"\r\n")[0].lower() or bool(
        json.loads(seen.body).get("stream")
    )


def response(
    body: bytes, kind: str, status: int = 200, headers: Mapping[str, str] | None = None
) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"content-type: {kind}", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def stream_head(answer: Answer) -> bytes:
    lines = [f"HTTP/1.1 200 OK\r\ncontent-type: {answer.framing.kind}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    return "\r\n".join([*lines, "transfer-encoding: chunked"]).encode() + b"\r\n\r\n"


def _chunks(pieces: list[bytes]) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
