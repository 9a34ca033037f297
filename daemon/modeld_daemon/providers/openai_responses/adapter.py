"""The Responses API of one provider and account; the SDK prepares, the lean client sends."""

from __future__ import annotations

import logging
import time

from modeld.errors import ModelNotFound
from modeld.types import ModelOutput

from ...core.call import Call, Route
from ...core.estimate import estimate_tokens
from ...core.ports import Connection, ModelListing, Row, Sink, TokenCount
from ..http.client import Response
from ..http.jsontext import dumps, loads
from ..openai_chat.options import require_key
from ..openai_sdk import OpenAISdk, Prepared
from .background import outlast
from .errors import CannotStream, failure, read_error
from .exchange import Exchange
from .options import ResponsesOptions, read_responses_options, read_responses_quirks
from .request import WireRequest, build_request, count_body

__all__ = ["OpenAIResponses", "build"]

log = logging.getLogger("modeld.providers.openai_responses")

_PATH = "/responses"
_COUNT_PATH = "/responses/input_tokens"
_MISSING = (404, 405, 501)


def build(row: Row, connection: Connection, shared: object = None) -> OpenAIResponses:  # noqa: ARG001
    """Makes the provider; nothing is sent and no SDK client is built yet."""
    require_key(row, connection)
    options = read_responses_options(connection.args, connection.environment, row.quirks)
    return OpenAIResponses(row, options, OpenAISdk(row, connection, options.shared.client))


class OpenAIResponses:
    """A `Provider`.

    Args:
        row: The provider's row.
        options: What the caller's model args say.
        sdk: URL, headers and connections.
    """

    def __init__(self, row: Row, options: ResponsesOptions, sdk: OpenAISdk) -> None:
        self._row = row
        self._options = options
        self._counts = True
        self._warned: set[str] = set()
        self.sdk = sdk

    async def generate(self, call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        """Makes one answer."""
        prepared = await self.sdk.prepared()
        started = time.perf_counter()
        streams = self._options.shared.streams(call.config, sink is not None)
        try:
            output = await self._ask(prepared, call, route, sink, stream=streams)
        except CannotStream:
            output = await self._ask(prepared, call, route, sink, stream=False)
        output.time = time.perf_counter() - started
        return output

    async def _ask(
        self, prepared: Prepared, call: Call, route: Route, sink: Sink | None, *, stream: bool
    ) -> ModelOutput:
        request = self._request(call, route, stream=stream)
        quirks = read_responses_quirks(self._row.quirks, route.model)
        exchange = Exchange(call, route, sink, custom_calls=quirks.custom_calls)
        extra = call.config.extra_headers
        body = dumps(request.body)
        path = await self.sdk.path(route.model, _PATH)
        endpoint = await prepared.endpoint(path, body, extra)
        if request.body.get("stream"):
            patience = call.config.stream_idle_timeout
            async with prepared.http.stream(
                endpoint, body, patience=patience, raw=call.raw
            ) as response:
                output = await exchange.streamed(response)
        else:
            answer = await prepared.http.fetch(endpoint, body, raw=call.raw)
            if request.background:
                answer = await outlast(answer, exchange, prepared, path, extra)
                if call.raw is not None:
                    call.raw.answered(answer.status, answer.header("content-type") or "")
                    call.raw.came(answer.body)
            output = exchange.complete(answer)
        if request.warnings:
            self._warn(request, output)
        return output

    async def count_tokens(self, call: Call, route: Route) -> TokenCount:
        """Counted by the API; estimated where a server does not count."""
        if self._counts:
            prepared = await self.sdk.prepared()
            body = dumps(count_body(self._request(call, route, stream=False).body))
            path = await self.sdk.path(route.model, _COUNT_PATH)
            endpoint = await prepared.endpoint(path, body, call.config.extra_headers)
            answer = await prepared.http.fetch(endpoint, body)
            counted = _counted(answer, route)
            if counted is not None:
                return TokenCount(counted, estimated=False)
            self._counts = False
        return TokenCount(estimate_tokens(call.messages, call.tools), estimated=True)

    async def models(self) -> list[ModelListing] | None:
        """What `GET /models` lists."""
        return await self.sdk.models()

    async def aclose(self) -> None:
        """Closes all connections."""
        await self.sdk.aclose()

    def _request(self, call: Call, route: Route, *, stream: bool) -> WireRequest:
        quirks = read_responses_quirks(self._row.quirks, route.model)
        request = build_request(call, route, options=self._options, quirks=quirks, stream=stream)
        request.body["model"] = self.sdk.wire_name(route.model)
        return request

    def _warn(self, request: WireRequest, output: ModelOutput) -> None:
        """To the caller with each output, to the log once."""
        output.metadata = {**(output.metadata or {}), "warnings": request.warnings}
        for warning in request.warnings:
            if warning not in self._warned:
                self._warned.add(warning)
                log.warning("%s: %s", self._row.name, warning)


def _counted(answer: Response, route: Route) -> int | None:
    """The tokens; None where the server does not know how to count."""
    if answer.status != 200:
        error, headers = read_error(answer.body), answer.header_dict()
        failed = failure(error, answer.status, headers, route.provider, route.name)
        if answer.status not in _MISSING or isinstance(failed, ModelNotFound):
            raise failed
        return None
    try:
        tokens = loads(answer.body)["input_tokens"]
    except (ValueError, KeyError, TypeError):
        return None
    return tokens if isinstance(tokens, int) else None
