"""The chat completions of one provider and account; the SDK prepares, the lean client sends."""

from __future__ import annotations

import logging
import time
from functools import lru_cache, partial

from modeld.errors import ModelNotFound
from modeld.types import ModelOutput

from ...core.call import Call, Route
from ...core.estimate import estimate_tokens
from ...core.ports import Connection, ModelListing, Row, Sink, TokenCount
from ..http.jsontext import dumps
from ..openai_sdk import OpenAISdk, Prepared
from ..profiles import openai_profile
from .emulation import emulates_tools
from .errors import CannotStream
from .exchange import Exchange
from .listing import with_what_is_there
from .options import Options, read_options, require_key
from .quirks import Quirks, read_quirks
from .request import WireRequest, build_request
from .stream import ChunkFold

__all__ = ["OpenAIChat", "build"]

log = logging.getLogger("modeld.providers.openai_chat")


def build(row: Row, connection: Connection, shared: object = None) -> OpenAIChat:  # noqa: ARG001
    """Makes the provider; nothing is sent and no SDK client is built yet."""
    require_key(row, connection)
    options = read_options(connection.args, connection.environment, row.quirks)
    return OpenAIChat(row, options, OpenAISdk(row, connection, options.client))


class OpenAIChat:
    """A `Provider`.

    Args:
        row: The provider's row.
        options: What the caller's model args say.
        sdk: URL, headers and connections.
    """

    path = "/chat/completions"
    fold = ChunkFold

    def __init__(self, row: Row, options: Options, sdk: OpenAISdk) -> None:
        self._row = row
        self._options = options
        self._warned: set[str] = set()
        self._quirks_of = lru_cache(256)(partial(read_quirks, row.quirks))
        self.sdk = sdk

    async def generate(self, call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        """Makes one answer."""
        prepared = await self.sdk.prepared()
        started = time.perf_counter()
        quirks = self._quirks_of(route.model)
        streams = self._options.streams(call.config, sink is not None, quirks.stream_above)
        try:
            output = await self._ask(prepared, call, route, sink, quirks, stream=streams)
        except CannotStream:
            output = await self._ask(prepared, call, route, sink, quirks, stream=False)
        output.time = time.perf_counter() - started
        return output

    async def _ask(
        self, prepared: Prepared, call: Call, route: Route, sink: Sink | None, quirks: Quirks,
        *, stream: bool,
    ) -> ModelOutput:  # fmt: skip
        request = self._request(call, route, quirks, stream=stream)
        emulated = emulates_tools(self._options, quirks)
        exchange = Exchange(call, route, sink, quirks, emulated=emulated, fold=self.fold)
        request.body["model"] = self.sdk.wire_name(route.model)
        body = dumps(request.body)
        warnings = request.warnings
        del request  # thousands may wait for their answers
        path = await self.sdk.path(route.model, self.path)
        endpoint = await prepared.endpoint(path, body, call.config.extra_headers)
        try:
            if stream:
                patience = call.config.stream_idle_timeout
                async with prepared.http.stream(
                    endpoint, body, patience=patience, raw=call.raw
                ) as response:
                    output = await exchange.streamed(response)
            else:
                output = exchange.complete(await prepared.http.fetch(endpoint, body, raw=call.raw))
        except ModelNotFound as missing:
            if not quirks.lists_models:
                raise
            raise await with_what_is_there(
                missing, prepared, route.model, self._row.quirks
            ) from None
        if warnings:
            self._warn(warnings, output)
        return output

    async def count_tokens(self, call: Call, route: Route) -> TokenCount:  # noqa: ARG002
        """An estimate: the chat API counts nothing beforehand."""
        return TokenCount(estimate_tokens(call.messages, call.tools), estimated=True)

    async def models(self) -> list[ModelListing] | None:
        """What `GET /models` lists."""
        return await self.sdk.models()

    async def aclose(self) -> None:
        """Closes all connections."""
        await self.sdk.aclose()

    def _request(self, call: Call, route: Route, quirks: Quirks, *, stream: bool) -> WireRequest:
        return build_request(
            call,
            route,
            openai_profile(route.model),
            options=self._options,
            quirks=quirks,
            stream=stream,
        )

    def _warn(self, warnings: list[str], output: ModelOutput) -> None:
        """To the caller with each output, to the log once."""
        output.metadata = {**(output.metadata or {}), "warnings": warnings}
        for warning in warnings:
            if warning not in self._warned:
                self._warned.add(warning)
                log.warning("%s: %s", self._row.name, warning)
