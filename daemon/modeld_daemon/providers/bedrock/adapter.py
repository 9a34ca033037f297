"""Converse and ConverseStream of one account.

Requests are signed by botocore (providers/aws) and go out through the lean HTTP client: botocore's
own client blocks, and its asynchronous one would bring a second HTTP stack (docs/adr/0003).
"""

from __future__ import annotations

import logging
import time

from modeld.types import ModelOutput

from ...core.call import Call, Route
from ...core.estimate import estimate_tokens
from ...core.ports import Connection, ModelListing, Row, Sink, TokenCount
from ..aws.place import Place
from ..http.client import HttpClient
from ..http.jsontext import dumps
from ..listing import fetch_bedrock
from .exchange import Exchange
from .options import read_options
from .profile import bedrock_profile
from .request import WireRequest, build_request, count_body, counting_model

__all__ = ["Bedrock", "build"]

log = logging.getLogger("modeld.providers.bedrock")


def build(row: Row, connection: Connection, shared: object = None) -> Bedrock:  # noqa: ARG001
    """Makes the provider; nothing is sent and no credentials are read yet."""
    return Bedrock(row, connection)


class Bedrock:
    """A `Provider`.

    Args:
        row: The provider's row.
        connection: Key, URL, model args and environment of the caller's session.
    """

    def __init__(self, row: Row, connection: Connection) -> None:
        self._row = row
        self._options = options = read_options(connection.args)
        self._place = Place(
            row.name,
            connection.base_url,
            connection.api_key,
            connection.environment,
            profile=options.profile,
            region=options.region,
        )
        self._http = HttpClient(
            row.name,
            connection.environment,
            connect_timeout=options.connect_timeout,
            read_timeout=options.read_timeout,
        )
        self._warned: set[str] = set()

    async def generate(self, call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        """Makes one answer."""
        started = time.perf_counter()
        model = route.model
        request = build_request(call, model, bedrock_profile(model), self._options)
        body = dumps(request.body)
        exchange = Exchange(call, route, sink)
        extra = call.config.extra_headers or {}
        patience = call.config.stream_idle_timeout
        if self._streams(call, sink):
            endpoint = await self._place.endpoint(model, "converse-stream", body, extra)
            async with self._http.stream(
                endpoint, body, patience=patience, raw=call.raw
            ) as response:
                output = await exchange.streamed(response)
        else:
            endpoint = await self._place.endpoint(model, "converse", body, extra)
            output = exchange.complete(await self._http.fetch(endpoint, body, raw=call.raw))
        output.time = time.perf_counter() - started
        if request.warnings:
            self._warn(request, output)
        return output

    async def count_tokens(self, call: Call, route: Route) -> TokenCount:
        """By the API for Claude; an estimate for other models, which it does not count for."""
        counted, counting = None, counting_model(route.model)
        if counting is not None:
            profile = bedrock_profile(route.model)
            request = build_request(call, route.model, profile, self._options)
            body, extra = dumps(count_body(request.body)), call.config.extra_headers or {}
            endpoint = await self._place.endpoint(counting, "count-tokens", body, extra)
            response = await self._http.fetch(endpoint, body)
            counted = Exchange(call, route, None).count(response)
        if counted is not None:
            return TokenCount(counted, estimated=False)
        return TokenCount(estimate_tokens(call.messages, call.tools), estimated=True)

    async def models(self) -> list[ModelListing] | None:
        """What `ListFoundationModels` and `ListInferenceProfiles` list in the region."""
        return await fetch_bedrock(self._http, self._row.name, self._place.catalog)

    async def aclose(self) -> None:
        """Closes all connections."""
        self._place.close()
        await self._http.aclose()

    def _streams(self, call: Call, sink: Sink | None) -> bool:
        if self._options.streaming != "auto":
            return self._options.streaming == "always"
        return sink is not None or call.config.stream_idle_timeout is not None

    def _warn(self, request: WireRequest, output: ModelOutput) -> None:
        """To the caller with each output, to the log once."""
        output.metadata = {**(output.metadata or {}), "warnings": request.warnings}
        for warning in request.warnings:
            if warning not in self._warned:
                self._warned.add(warning)
                log.warning("%s: %s", self._row.name, warning)
