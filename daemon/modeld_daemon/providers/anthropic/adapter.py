"""The messages of one account at Anthropic, through the official SDK's client.

The SDK decides what it knows best: credentials, base URL, version, default headers (`prepare`).
Bodies go out as plain JSON through the lean HTTP client (docs/adr/0003).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from modeld.errors import ProviderError, ProviderUnavailable
from modeld.types import ModelOutput

from ...core.call import Call, Route
from ...core.estimate import estimate_tokens
from ...core.ports import Connection, ModelListing, Row, Sink, TokenCount
from ..http.jsontext import loads
from .errors import failure, read_error, request_id
from .exchange import CannotStream, Exchange
from .options import read_options
from .places import Place, find_place
from .prepare import Prepared, prepare
from .profile import anthropic_profile
from .request import WireRequest, build_request

__all__ = ["Anthropic", "build"]

log = logging.getLogger("modeld.providers.anthropic")

_LONG = 8_192
"""Tokens of an answer from which on it is streamed: connections that are silent for minutes break.

https://platform.claude.com/docs/en/api/errors#long-requests
"""
_CONTINUATIONS = 8
"""How often a turn that the server paused goes on."""
_NO_ENDPOINT = (404, 405, 501)


def build(row: Row, connection: Connection, shared: object = None) -> Anthropic:  # noqa: ARG001
    """Makes the provider; nothing is sent and no SDK client is built yet."""
    return Anthropic(row, connection)


class Anthropic:
    """A `Provider`.

    Args:
        row: The provider's row.
        connection: Key, URL, model args and environment of the caller's session.
    """

    def __init__(self, row: Row, connection: Connection) -> None:
        self._row = row
        self._connection = connection
        self._options = read_options(connection.args)
        self._place = find_place(row, connection, self._options)
        self._lock = asyncio.Lock()
        self._prepared: Prepared | None = None
        self._closed = False
        self._streams_long = True
        self._warned: set[str] = set()

    async def generate(self, call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        """Makes one answer."""
        place = self._place or self._prepared or await self._prepare()
        started = time.perf_counter()
        request = build_request(call, route, anthropic_profile(route.model), self._options)
        must = self._must_stream(call, sink)
        streams = self._long(request) if must is None else must
        may_fall_back = streams and must is None and self._place is None  # the clouds do stream
        exchange = Exchange(call, route, sink, plain_will_do=may_fall_back)
        history = request.body["messages"]
        for _ in range(1 + _CONTINUATIONS):
            try:
                await self._ask(place, request, call, exchange, streams=streams)
            except CannotStream:
                streams = self._streams_long = False
                await self._ask(place, request, call, exchange, streams=False)
            if exchange.paused is None:
                break
            turn = {"role": "assistant", "content": exchange.paused}
            request.body["messages"] = [*history, turn]
        output = exchange.output()
        output.time = time.perf_counter() - started
        self._annotate(request, output)
        return output

    async def count_tokens(self, call: Call, route: Route) -> TokenCount:
        """By the API; an estimate where a compatible server has no such endpoint.

        Counting has rate limits of its own, of which the lane is not told.
        """
        place = self._place or self._prepared or await self._prepare()
        profile = anthropic_profile(route.model)
        request = build_request(call, route, profile, self._options, counts=True)
        counting = await place.counting(request, call.config.extra_headers)
        if counting is None:
            return TokenCount(estimate_tokens(call.messages, call.tools), estimated=True)
        response = await place.http.fetch(*counting)
        headers = response.header_dict()
        if response.status == 200:
            try:
                return TokenCount(int(loads(response.body)["input_tokens"]), estimated=False)
            except (ValueError, KeyError, TypeError) as error:
                raise ProviderError(
                    f"The answer is no count of tokens: {type(error).__name__}: {error}",
                    provider=route.provider,
                    model=route.name,
                    request_id=request_id(headers),
                ) from None
        wire_error = read_error(response.body)
        if response.status in _NO_ENDPOINT and wire_error.unknown:
            return TokenCount(estimate_tokens(call.messages, call.tools), estimated=True)
        raise failure(wire_error, response.status, headers, route.provider, route.name)

    async def models(self) -> list[ModelListing] | None:
        """What the place lists; Anthropic's own has `GET /v1/models`."""
        place = self._place or self._prepared or await self._prepare()
        return await place.models()

    async def aclose(self) -> None:
        """Closes all connections."""
        self._closed = True
        if self._prepared is not None:
            await self._prepared.http.aclose()
        if self._place is not None:
            await self._place.http.aclose()

    def _must_stream(self, call: Call, sink: Sink | None) -> bool | None:
        """What the caller wants; None where it is for this dialect to choose."""
        if self._options.streaming != "auto":
            return self._options.streaming == "always"
        return True if sink is not None or call.config.stream_idle_timeout is not None else None

    def _long(self, request: WireRequest) -> bool:
        tokens = request.body["max_tokens"]
        long = request.thinks or (isinstance(tokens, int) and tokens >= _LONG)
        return long and self._streams_long

    async def _ask(
        self,
        place: Place,
        request: WireRequest,
        call: Call,
        exchange: Exchange,
        *,
        streams: bool,
    ) -> None:
        """Sends the request and reads its answer."""
        extra = call.config.extra_headers
        endpoint, body = await place.outgoing(request, extra, streams=streams)
        if not streams:
            exchange.complete(await place.http.fetch(endpoint, body, raw=call.raw))
            return
        patience = call.config.stream_idle_timeout
        async with place.http.stream(endpoint, body, patience=patience, raw=call.raw) as response:
            await exchange.streamed(response)

    async def _prepare(self) -> Prepared:
        """Asks the SDK, in a thread: what it imports lazily takes a good part of a second."""
        async with self._lock:
            if self._prepared is None:
                if self._closed:
                    raise ProviderUnavailable("The provider is closed", provider=self._row.name)
                self._prepared = await asyncio.to_thread(
                    prepare, self._row, self._connection, self._options
                )
            return self._prepared

    def _annotate(self, request: WireRequest, output: ModelOutput) -> None:
        """What the caller should know of the request, with each output; to the log once."""
        if request.metadata or request.warnings:
            output.metadata = {**(output.metadata or {}), **request.metadata}
        if request.warnings:
            assert output.metadata is not None
            output.metadata["warnings"] = request.warnings
            self._log_once(request.warnings)

    def _log_once(self, warnings: Sequence[str]) -> None:
        for warning in warnings:
            if warning not in self._warned:
                self._warned.add(warning)
                log.warning("%s: %s", self._row.name, warning)
