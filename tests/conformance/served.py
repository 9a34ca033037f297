"""The stage of a wire: a real provider, made from its catalog row, and a real server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import pytest

from modeld.errors import ModeldError
from modeld_daemon.core.call import Call
from modeld_daemon.core.ports import ModelListing, Provider, TokenCount
from tests.fakes.deltas import Deltas
from tests.fakes.exact_server import Seen, serving

from .column import AnswerName, FailureName
from .scene import (
    JSON,
    ask,
    beginning,
    failing,
    provider_of,
    refusing,
    response,
    route_of,
    saying,
    wants_stream,
)
from .script import call, usage_of
from .stage import Heard, Stage
from .wire import Wire, as_json

__all__ = ["Served"]

COUNTED = {"input_tokens": 42, "totalTokens": 42, "inputTokens": 42}
LISTED = {
    "data": [{"id": "m-1"}],
    "models": [{"name": "models/m-1"}],
    "publisherModels": [{"name": "publishers/p/models/m-1"}],
    "modelSummaries": [{"modelId": "anthropic.m-1"}],
}
"""In the words of each API."""

_Found = TypeVar("_Found")


class Served(Stage):
    """What a server does that speaks the wire.

    Args:
        wire: The table.
    """

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire, usage=usage_of(wire.counters), counted=42, names_calls=True)
        self.wire = wire

    def say(
        self, answer: AnswerName, asked: Call, *, stream: bool = False, thinking: bool = False
    ) -> Heard:
        """Asks a server that answers."""
        model = self.wire.thinker if thinking else ""
        conduct = saying(self.wire.answer(answer))
        return ask(self.wire, conduct, asked, stream=stream, model=model)

    def fail(self, failure: FailureName, asked: Call, *, stream: bool) -> ModeldError:
        """Asks a server that refuses."""
        return failing(self.wire, refusing(self.wire.failure(failure)), asked, stream=stream)

    def status_of(self, failure: FailureName) -> int | None:
        """That of the answer."""
        return self.wire.failure(failure).status

    def leave(self, *, stream: bool) -> None:
        """The server sees that its client has hung up."""
        asked, hung_up = asyncio.Event(), asyncio.Event()

        async def wait(seen: Seen) -> None:
            asked.set()
            with suppress(ConnectionError):
                assert await seen.reader.read() == b""
            hung_up.set()
            seen.writer.close()

        async def scene() -> None:
            conduct = beginning(self.wire.answer("text"), wait) if stream else wait
            async with (
                serving(conduct) as server,
                provider_of(self.wire, server.port) as provider,
                asyncio.timeout(10),
            ):
                sink = Deltas() if stream else None
                generating = provider.generate(call(), route_of(self.wire), sink)
                task = asyncio.ensure_future(generating)
                await asked.wait()
                if sink is not None:
                    await sink.first.wait()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                await hung_up.wait()

        asyncio.run(scene())

    def count(self, asked: Call) -> TokenCount:
        """By a server that counts, where the provider asks one."""
        return self._with(lambda provider: provider.count_tokens(asked, route_of(self.wire)))

    def models(self) -> list[ModelListing]:
        """Of a server that lists, where the provider asks one."""

        async def models(provider: Provider) -> list[ModelListing]:
            ask_for = getattr(provider, "models", None)
            return await ask_for() if ask_for is not None else []

        return self._with(models)

    def _with(self, act: Callable[[Provider], Awaitable[_Found]]) -> _Found:
        async def answer(seen: Seen) -> None:
            assert not (seen.body and wants_stream(seen))
            body = LISTED if seen.head.startswith(b"GET") else COUNTED
            seen.writer.write(response(as_json(body), JSON))

        async def scene() -> _Found:
            async with (
                serving(answer) as server,
                provider_of(self.wire, server.port) as provider,
            ):
                return await act(provider)

        return asyncio.run(scene())
