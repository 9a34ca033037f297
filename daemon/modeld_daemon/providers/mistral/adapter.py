"""The chat completions of one Mistral account.

The SDK decides what it knows best: the server, the path, credentials and headers. It prepares one
request before the first call, in a thread; each call then sends that head with its own body through
the lean HTTP client. Its typed layers validate what is read here anyway (docs/adr/0003).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
from mistralai.azure.client import MistralAzure
from mistralai.client import Mistral

from modeld.errors import PrerequisiteError, ProviderUnavailable
from modeld.types import ModelOutput

from ...core.call import Call, Route
from ...core.estimate import estimate_tokens
from ...core.ports import Connection, ModelListing, Row, Sink, TokenCount
from ..azure.entra import find_entra
from ..http.client import HttpClient
from ..http.endpoint import Endpoint
from ..http.jsontext import dumps
from ..listing import fetch_listing
from ..signing import Signing, prove
from .azure import AZURE_VERSION, azure_root
from .exchange import Exchange
from .options import Options, missing_key, read_options
from .profile import mistral_profile
from .request import WireRequest, build_request

__all__ = ["MistralChat", "build"]

log = logging.getLogger("modeld.providers.mistral")

_NO_KEY = "none"
_CONNECT_TIMEOUT = 60.0
_READ_TIMEOUT = 300.0
"""Seconds; for when the SDK says nothing. What it says is one number for connecting and reading."""

_LITTLE = {
    "id": "",
    "object": "chat.completion",
    "model": "",
    "created": 0,
    "choices": [],
    "usage": {},
}
"""The least that the SDK takes for an answer."""


def build(row: Row, connection: Connection, shared: object = None) -> MistralChat:  # noqa: ARG001
    """Makes the provider; nothing is sent and no SDK client is built yet."""
    return MistralChat(row, connection)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What the SDK says, once for all calls."""

    url: str
    headers: list[tuple[str, str]] = field(repr=False)
    plain: Endpoint
    stream: Endpoint
    http: HttpClient
    signing: Signing | None = None
    """What proves who asks, where there is no key."""

    async def endpoint(self, extra: Mapping[str, str], body: bytes, *, stream: bool) -> Endpoint:
        """The head of a request for an answer, with the caller's headers."""
        if not extra and self.signing is None:
            return self.stream if stream else self.plain
        proof = await prove(self.signing, "POST", self.url, body, extra)
        accept = [("accept", "text/event-stream")] if stream else []
        headers = [*self.headers, *accept, *proof.headers.items(), *extra.items()]
        return Endpoint.make("POST", self.url, headers, proof.renew)


class MistralChat:
    """A `Provider`.

    Args:
        row: The provider's row.
        connection: Key, URL, model args and environment of the caller's session.
    """

    def __init__(self, row: Row, connection: Connection) -> None:
        self._row = row
        self._connection = connection
        self._options = read_options(connection.args)
        self._lock = asyncio.Lock()
        self._prepared: _Prepared | None = None
        self._closed = False
        self._warned: set[str] = set()

    async def generate(self, call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        """Makes one answer."""
        prepared = self._prepared or await self._prepare()
        started = time.perf_counter()
        streams = self._streams(call, sink)
        request = build_request(
            call, route, mistral_profile(route.model), options=self._options, stream=streams
        )
        exchange = Exchange(call, route, sink)
        body = dumps(request.body)
        endpoint = await prepared.endpoint(call.config.extra_headers or {}, body, stream=streams)
        if streams:
            patience = call.config.stream_idle_timeout
            async with prepared.http.stream(
                endpoint, body, patience=patience, raw=call.raw
            ) as response:
                output = await exchange.streamed(response)
        else:
            output = exchange.complete(await prepared.http.fetch(endpoint, body, raw=call.raw))
        output.time = time.perf_counter() - started
        if request.warnings:
            self._warn(request, output)
        return output

    async def count_tokens(self, call: Call, route: Route) -> TokenCount:  # noqa: ARG002
        """An estimate: the API counts nothing beforehand."""
        return TokenCount(estimate_tokens(call.messages, call.tools), estimated=True)

    async def models(self) -> list[ModelListing] | None:
        """What `GET /v1/models` lists."""
        prepared = self._prepared or await self._prepare()
        url = prepared.url.replace("/chat/completions", "/models", 1)
        proof = await prove(prepared.signing, "GET", url)
        return await fetch_listing(prepared.http, self._row.name, url, prepared.headers, proof)

    async def aclose(self) -> None:
        """Closes all connections."""
        self._closed = True
        if self._prepared is not None:
            await self._prepared.http.aclose()

    def _streams(self, call: Call, sink: Sink | None) -> bool:
        if self._options.streaming != "auto":
            return self._options.streaming == "always"
        return sink is not None or call.config.stream_idle_timeout is not None

    async def _prepare(self) -> _Prepared:
        """Asks the SDK, in a thread: what it imports lazily takes a good part of a second."""
        async with self._lock:
            if self._prepared is None:
                if self._closed:
                    raise ProviderUnavailable("The provider is closed", provider=self._row.name)
                self._prepared = await asyncio.to_thread(
                    _prepare, self._row, self._connection, self._options
                )
            return self._prepared

    def _warn(self, request: WireRequest, output: ModelOutput) -> None:
        """To the caller with each output, to the log once."""
        output.metadata = {**(output.metadata or {}), "warnings": request.warnings}
        for warning in request.warnings:
            if warning not in self._warned:
                self._warned.add(warning)
                log.warning("%s: %s", self._row.name, warning)


class _Capture(httpx2.AsyncBaseTransport):
    """Stands where the SDK's network would be, and keeps the request that the SDK made."""

    request: httpx2.Request | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.request = request
        return httpx2.Response(200, json=_LITTLE)


class _NoLog:
    """The SDK logs requests, with their credentials, where MISTRAL_DEBUG is set; this does not."""

    def debug(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Says nothing."""


def _prepare(row: Row, connection: Connection, options: Options) -> _Prepared:
    if connection.api_key is None and row.key_required:
        raise missing_key(row)
    capture = _Capture()
    asyncio.run(_ask_sdk(row, connection, options, capture))
    request = capture.request
    assert request is not None
    url, headers = str(request.url), list(request.headers.items())
    if connection.api_key is None:
        headers = [(name, value) for name, value in headers if name.lower() != "authorization"]
    said: float | None = request.extensions.get("timeout", {}).get("read")
    timeout = options.timeout or said or _READ_TIMEOUT
    http = HttpClient(
        row.name,
        connection.environment,
        connect_timeout=min(timeout, _CONNECT_TIMEOUT),
        read_timeout=timeout,
    )
    return _Prepared(
        url,
        headers,
        plain=Endpoint.make("POST", url, headers),
        stream=Endpoint.make("POST", url, [*headers, ("accept", "text/event-stream")]),
        http=http,
        signing=find_entra(row, connection),
    )


async def _ask_sdk(row: Row, connection: Connection, options: Options, capture: _Capture) -> None:
    """Lets the SDK prepare a request as the caller's session would have it, not this process.

    A key is always given, and no sync client is made: both keep the SDK from looking into this
    process's environment. Its retries are off.
    """
    base_url = connection.base_url or (None if options.server else row.base_url)
    silent = httpx2.MockTransport(lambda _: httpx2.Response(500))
    root = azure_root(row, base_url)
    query = {} if root is None else {"api-version": options.api_version or AZURE_VERSION}
    made: type[Mistral | MistralAzure] = Mistral if root is None else MistralAzure
    try:
        async with httpx2.AsyncClient(transport=capture, trust_env=False, params=query) as client:
            sdk = made(
                api_key=connection.api_key or _NO_KEY,
                server=options.server,
                server_url=_without_version(base_url) if root is None else root,
                client=httpx2.Client(transport=silent, trust_env=False),
                async_client=client,
                retry_config=None,
                debug_logger=_NoLog(),
            )
            await sdk.chat.complete_async(
                model="", messages=[], retries=None, http_headers=dict(options.headers)
            )
    except (httpx2.InvalidURL, httpx2.HTTPError, TypeError, ValueError) as error:
        message = f"Unable to make the client of {row.name}: {error}"
        raise PrerequisiteError(message, provider=row.name) from None


def _without_version(base_url: str | None) -> str | None:
    """The SDK adds the version to the server's URL; many settings name it already."""
    return base_url and base_url.rstrip("/").removesuffix("/v1")
