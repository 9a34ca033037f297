"""`generateContent` of one connection: the Gemini API, and Vertex with its credentials.

The head of a request is written here and not by google-genai: its client prepares none without
building its typed models, and its pins (tenacity below 9.2) cannot be had beside the daemon's.
Credentials of Google Cloud are google-auth's, which is imported in a thread, and only where there
is no API key.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from modeld.errors import ProviderUnavailable
from modeld.types import JsonObject, ModelOutput

from ...core.call import Call, Route
from ...core.estimate import estimate_tokens
from ...core.ports import Connection, ModelListing, Row, Sink, TokenCount
from ..http.client import HttpClient, Response
from ..http.dial import tls_context
from ..http.endpoint import Endpoint
from ..http.jsontext import dumps
from ..listing import fetch_google
from ..signing import Proof, proof_of
from .exchange import Exchange
from .options import read_options
from .place import Place, find_place, split_service
from .profile import google_profile
from .request import WireRequest, build_count, build_request
from .response import MALFORMED_CALL

if TYPE_CHECKING:
    from .credentials import Tokens

__all__ = ["Google", "build"]

log = logging.getLogger("modeld.providers.google")

_CONNECT_SECONDS = 60.0
_ASKED_AGAIN = 3
"""How often a model is asked again that wrote a call which nobody can read, as the reference does."""


def build(row: Row, connection: Connection, shared: object = None) -> Google:  # noqa: ARG001
    """Makes the provider; nothing is sent and no credentials are read yet."""
    return Google(row, connection)


class Google:
    """A `Provider`.

    Args:
        row: The provider's row.
        connection: Key, URL, model args and environment of the caller's session.
    """

    def __init__(self, row: Row, connection: Connection) -> None:
        self._row = row
        self._connection = connection
        self._options = read_options(connection.args, connection.environment)
        self._http = HttpClient(
            row.name,
            connection.environment,
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=self._options.timeout,
        )
        self._lock = asyncio.Lock()
        self._tokens: Tokens | None = None
        self._places: dict[str, Place] = {}
        self._endpoints: dict[tuple[str, str], tuple[str | None, Endpoint]] = {}
        self._closed = False
        self._warned: set[str] = set()

    async def generate(self, call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        """Makes one answer."""
        place = self._place(route.model)
        started = time.perf_counter()
        _, model = split_service(route.model)
        request = build_request(
            call, model, google_profile(model), self._options, vertex=place.vertex
        )
        streams = self._streams(call, sink)
        told = _Watched(sink) if sink is not None else None
        output = await self._ask(call, route, request, told, streams=streams)
        discarded: list[JsonObject] = []
        while _malformed(output) and len(discarded) < _ASKED_AGAIN and not (told and told.said):
            again = await self._again(call, route, request, told, streams=streams)
            if again is None:
                break
            discarded.append(output.usage.to_dict() if output.usage else {})
            output = again
        if discarded:
            _add_metadata(output, "malformed_calls", discarded)
        output.time = time.perf_counter() - started
        if request.warnings:
            self._warn(request, output)
        return output

    async def count_tokens(self, call: Call, route: Route) -> TokenCount:
        """What `countTokens` says, which also knows media; an estimate where there is none."""
        place = self._place(route.model)
        _, model = split_service(route.model)
        request = build_request(
            call, model, google_profile(model), self._options, vertex=place.vertex
        )
        body = build_count(request.body, place.resource(model), vertex=place.vertex)
        response = await self._fetch(call, route, "countTokens", dumps(body))
        counted = Exchange(call, route, model, None).count(response)
        if counted is not None:
            return counted
        return TokenCount(estimate_tokens(call.messages, call.tools), estimated=True)

    async def models(self) -> list[ModelListing] | None:
        """What `GET /v1beta/models` lists; on Vertex AI, Google's models in the garden of models.

        https://cloud.google.com/vertex-ai/docs/reference/rest/v1beta1/publishers.models/list
        """
        place = self._place("models")
        proof = self._proof(await self._token(None)) if place.signs else None
        name, folder = self._row.name, "models"
        if place.vertex:
            name, folder = f"{name}/vertex", "publishers/google/models"
        url = f"{place.base_url}/{folder}"
        return await fetch_google(self._http, name, url, place.headers(), proof)

    async def aclose(self) -> None:
        """Closes all connections."""
        self._closed = True
        await self._http.aclose()

    async def _ask(
        self, call: Call, route: Route, request: WireRequest, sink: Sink | None, *, streams: bool
    ) -> ModelOutput:
        """One answer."""
        exchange = Exchange(call, route, split_service(route.model)[1], sink)
        body = dumps(request.body)
        if not streams:
            endpoint = await self._head(call, route, "generateContent")
            return exchange.complete(await self._http.fetch(endpoint, body, raw=call.raw))
        patience = call.config.stream_idle_timeout
        endpoint = await self._head(call, route, "streamGenerateContent")
        async with self._http.stream(endpoint, body, patience=patience, raw=call.raw) as response:
            return await exchange.streamed(response)

    async def _fetch(self, call: Call, route: Route, method: str, body: bytes) -> Response:
        return await self._http.fetch(await self._head(call, route, method), body)

    async def _again(
        self,
        call: Call,
        route: Route,
        request: WireRequest,
        sink: _Watched | None,
        *,
        streams: bool,
    ) -> ModelOutput | None:
        """Another answer, or None where there is none: the one that is there is kept then, unless
        the sink has heard something else.
        """
        try:
            return await self._ask(call, route, request, sink, streams=streams)
        except Exception as error:  # whatever it is, there is an answer already
            if sink is not None and sink.said:
                raise
            log.info("%s: no second answer: %s", self._row.name, error)
            return None

    def _streams(self, call: Call, sink: Sink | None) -> bool:
        if self._options.streaming != "auto":
            return self._options.streaming == "always"
        return sink is not None or call.config.stream_idle_timeout is not None

    # -- heads of requests -------------------------------------------------------------------

    def _place(self, model: str) -> Place:
        place = self._places.get(model)
        if place is None:
            place = find_place(self._row, self._connection, self._options, model)
            self._places[model] = place
        return place

    async def _head(self, call: Call, route: Route, method: str) -> Endpoint:
        """The head, which is made once for a model and a token.

        Args:
            call: The call, for its own headers.
            route: Where it goes.
            method: The API's method.
        """
        model, extra = route.model, call.config.extra_headers
        place = self._place(model)
        token = await self._token(None) if place.signs else None
        known = self._endpoints.get((model, method))
        if known is not None and known[0] == token and not extra:
            return known[1]
        if not place.whole:
            place = place.of_project(self._tokens.project if self._tokens else None, self._row.name)
            self._places[model] = place
        headers = [*place.headers(), *self._options.headers.items()]
        proof = Proof() if token is None else self._proof(token, extra)
        headers += [*proof.headers.items(), *(extra or {}).items()]
        _, name = split_service(model)
        endpoint = Endpoint.make("POST", place.url(name, method), headers, proof.renew)
        if not extra:
            self._endpoints[model, method] = (token, endpoint)
        return endpoint

    def _proof(self, token: str, own: Mapping[str, str] | None = None) -> Proof:
        """The header with the token, unless the caller has one."""
        headers = {"authorization": f"Bearer {token}"}
        return proof_of(headers, partial(self._renewed, token), own)

    async def _renewed(self, spent: str) -> Mapping[str, str] | None:
        """The header with another token: the one that the server has refused may be revoked."""
        token = await self._token(spent)
        return None if token == spent else {"authorization": f"Bearer {token}"}

    async def _token(self, spent: str | None) -> str:
        """A token that lasts."""
        tokens = self._tokens or await self._load_tokens()
        token = tokens.fresh
        if token is None or token == spent:
            token = await asyncio.to_thread(tokens.fetch, spent)
        return token

    async def _load_tokens(self) -> Tokens:
        async with self._lock:
            if self._tokens is None:
                if self._closed:
                    raise ProviderUnavailable("The provider is closed", provider=self._row.name)
                self._tokens = await asyncio.to_thread(
                    _make_tokens, self._row, self._connection.environment, self._options
                )
            return self._tokens

    def _warn(self, request: WireRequest, output: ModelOutput) -> None:
        """To the caller with each output, to the log once."""
        _add_metadata(output, "warnings", request.warnings)
        for warning in request.warnings:
            if warning not in self._warned:
                self._warned.add(warning)
                log.warning("%s: %s", self._row.name, warning)


class _Watched:
    """A sink that knows whether anything was said."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.said = False

    def text(self, text: str) -> None:
        self.said = True
        self._sink.text(text)

    def reasoning(self, reasoning: str) -> None:
        self.said = True
        self._sink.reasoning(reasoning)

    def tool_call(self, id: str, function: str, arguments: str) -> None:
        self.said = True
        self._sink.tool_call(id, function, arguments)

    def queued(
        self, reason: str, position: int | None = None, progress: float | None = None
    ) -> None:
        self._sink.queued(reason, position, progress)


def _make_tokens(row: Row, environment: Mapping[str, str], options: Any) -> Tokens:
    """In a thread: google-auth takes half a second to import, and credentials may be far away."""
    module = importlib.import_module(".credentials", __package__)
    tokens: Tokens = module.Tokens(
        row.name,
        environment,
        options.credentials_file,
        options.scopes,
        tls_context(environment),
        row.key_variables,
    )
    return tokens


def _malformed(output: ModelOutput) -> bool:
    if len(output.choices) != 1:
        return False
    choice = output.choices[0]
    details = choice.stop_details
    wrong = details is not None and details.type == MALFORMED_CALL
    return wrong and not choice.message.content and not choice.message.tool_calls


def _add_metadata(output: ModelOutput, name: str, value: Any) -> None:
    output.metadata = {**(output.metadata or {}), name: value}
