"""An extension as a `Provider`: whatever it does, its own call alone can fail of it."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from modeld.types import ModelOutput

from ...core.call import Call, Route
from ...core.estimate import estimate_tokens
from ...core.ports import Connection, ModelListing, Sink, TokenCount
from .host import Host, run_either
from .origin import Origin
from .values import Relay, checked_count, checked_listing, checked_output

__all__ = ["Guarded"]

SILENT_SECONDS = 600.0
"""Seconds without a delta or an answer after which a call is given up."""


class Guarded:
    """A `Provider`.

    Args:
        origin: Which extension.
        made: Its class, of which each connection gets an object; or one object for all.
        connection: Key, URL, model args and environment of the caller's session.
        host: Gives the thread in which the extension runs now.
    """

    def __init__(
        self, origin: Origin, made: Any, connection: Connection, host: Callable[[], Host]
    ) -> None:
        self._origin = origin
        self._made = made
        self._connection = connection
        self._find_host = host
        self._host: Host | None = None
        self._own: Any = None

    async def generate(self, call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        """Makes one answer."""
        relay = Relay(self._origin, sink)

        async def work() -> ModelOutput:
            provider, asked = self._provider(), relay.copied(call)
            streams = sink is not None and getattr(provider, "stream", None) is not None
            if streams:
                given = await self._run(provider.stream, asked, route, relay)
            else:
                given = await self._run(provider.generate, asked, route)
            output = checked_output(self._origin, given, route.model)
            if relay.fault is not None:
                raise relay.fault
            if not streams:
                _tell_at_once(output, relay)
            return output

        try:
            host = self._current()
            return await host.ask(work, lambda: time.monotonic() - relay.heard > SILENT_SECONDS)
        finally:
            relay.close()

    async def count_tokens(self, call: Call, route: Route) -> TokenCount:
        """What the extension counts; an estimate where it does not."""
        relay = Relay(self._origin, None)

        async def work() -> TokenCount | None:
            provider = self._provider()
            if getattr(provider, "count_tokens", None) is None:
                return None
            given = await self._run(provider.count_tokens, relay.copied(call), route)
            return checked_count(self._origin, given)

        counted = await self._current().ask(work, self._limit())
        if counted is not None:
            return counted
        return TokenCount(estimate_tokens(call.messages, call.tools), estimated=True)

    async def models(self) -> list[ModelListing] | None:
        """What the extension lists; None where it does not."""

        async def work() -> list[ModelListing] | None:
            provider = self._provider()
            if getattr(provider, "models", None) is None:
                return None
            return checked_listing(self._origin, await self._run(provider.models))

        return await self._current().ask(work, self._limit())

    async def aclose(self) -> None:
        """Closes what belongs to this connection: its object of the extension's class."""
        own, self._own = self._own, None
        host = self._host
        if own is None or host is None or host.lost or not isinstance(self._made, type):
            return

        async def work() -> None:
            if getattr(own, "aclose", None) is not None:
                await self._run(own.aclose)

        await host.ask(work)

    def _current(self) -> Host:
        """The host, and with another one another object: the old one may hang for ever."""
        host = self._find_host()
        if host is not self._host:
            self._host, self._own = host, None
        return host

    def _provider(self) -> Any:
        """The object, made there."""
        if self._own is None:
            made = self._made
            self._own = made(self._connection) if isinstance(made, type) else made
        return self._own

    def _run(self, function: Callable[..., Any], *arguments: Any) -> Awaitable[Any]:
        return run_either(self._origin, function, *arguments)

    def _limit(self) -> Callable[[], bool]:
        began = time.monotonic()
        return lambda: time.monotonic() - began > SILENT_SECONDS


def _tell_at_once(output: ModelOutput, relay: Relay) -> None:
    """The deltas of an answer that came whole."""
    message = output.message
    if message.text:
        relay.text(message.text)
    for call in message.tool_calls or []:
        relay.tool_call(call.id, call.function, json.dumps(call.arguments, ensure_ascii=False))
