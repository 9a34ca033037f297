"""The chat completions of one provider and account, through the official SDK's client.

The SDK decides what it knows best: credentials, base URL and query, default headers. It prepares
one request before the first call; each call then sends that head with its own body through the
lean HTTP client. The SDK's typed layers would cost more than ten times the rest of a call
(docs/architecture.md), and what they validate is read here anyway.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx2
import openai

from modeld.errors import PrerequisiteError, ProviderUnavailable
from modeld.types import JsonObject, ModelOutput

from ...core.call import Call, Route
from ...core.estimate import estimate_tokens
from ...core.ports import Connection, Row, Sink, TokenCount
from ..http.client import HttpClient
from ..http.endpoint import Endpoint
from ..http.jsontext import dumps
from ..profiles import openai_profile
from .exchange import Exchange
from .options import Options, missing_key, read_options, read_quirks
from .request import WireRequest, build_request

__all__ = ["OpenAIChat", "build"]

log = logging.getLogger("modeld.providers.openai_chat")

_DEFAULT_URL = "https://api.openai.com/v1"
_NO_KEY = "none"


def build(row: Row, connection: Connection, shared: object = None) -> OpenAIChat:  # noqa: ARG001
    """Makes the provider; nothing is sent and no SDK client is built yet."""
    return OpenAIChat(row, connection)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What the SDK says, once for all calls."""

    url: str
    headers: list[tuple[str, str]] = field(repr=False)
    endpoint: Endpoint
    http: HttpClient


class OpenAIChat:
    """A `Provider`.

    Args:
        row: The provider's row.
        connection: Key, URL, model args and environment of the caller's session.
    """

    def __init__(self, row: Row, connection: Connection) -> None:
        self._row = row
        self._connection = connection
        self._options = read_options(connection.args, connection.environment)
        self._quirks = read_quirks(row.quirks)
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
            call,
            route,
            openai_profile(route.model),
            options=self._options,
            quirks=self._quirks,
            stream=streams,
        )
        exchange = Exchange(call, route, sink)
        endpoint = _with_headers(prepared, call.config.extra_headers)
        body = dumps(request.body)
        if streams:
            patience = call.config.stream_idle_timeout
            async with prepared.http.stream(endpoint, body, patience=patience) as response:
                output = await exchange.streamed(response)
        else:
            output = exchange.complete(await prepared.http.fetch(endpoint, body))
        output.time = time.perf_counter() - started
        if request.warnings:
            self._warn(request, output)
        return output

    async def count_tokens(self, call: Call, route: Route) -> TokenCount:  # noqa: ARG002
        """An estimate: the chat API counts nothing beforehand."""
        return TokenCount(estimate_tokens(call.messages, call.tools), estimated=True)

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


def _with_headers(prepared: _Prepared, extra: Mapping[str, str] | None) -> Endpoint:
    if not extra:
        return prepared.endpoint
    return Endpoint.make("POST", prepared.url, [*prepared.headers, *extra.items()])


class _Capture(httpx2.AsyncBaseTransport):
    """Stands where the SDK's network would be, and keeps the request that the SDK made."""

    request: httpx2.Request | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.request = request
        return httpx2.Response(200, json={})


def _prepare(row: Row, connection: Connection, options: Options) -> _Prepared:
    capture = _Capture()
    timeout = asyncio.run(_ask_sdk(row, connection, options, capture))
    assert capture.request is not None
    url, headers = str(capture.request.url), list(capture.request.headers.items())
    if connection.api_key is None:
        headers = [(name, value) for name, value in headers if name.lower() != "authorization"]
    http = HttpClient(
        row.name,
        connection.environment,
        connect_timeout=timeout.connect or 60.0,
        read_timeout=timeout.read or 600.0,
    )
    return _Prepared(url, headers, Endpoint.make("POST", url, headers), http)


async def _ask_sdk(
    row: Row, connection: Connection, options: Options, capture: _Capture
) -> httpx2.Timeout:
    """Lets the SDK prepare a request as the caller's session would have it, not this process.

    Returns the SDK's timeouts.
    """
    if connection.api_key is None and row.key_required:
        raise missing_key(row)
    environment = connection.environment
    arguments: JsonObject = {
        "organization": environment.get("OPENAI_ORG_ID"),
        "project": environment.get("OPENAI_PROJECT_ID"),
        **options.client,
    }
    if "data_residency" not in arguments:
        arguments["base_url"] = connection.base_url or row.base_url or _DEFAULT_URL
    try:
        sdk = openai.AsyncOpenAI(
            api_key=connection.api_key or _NO_KEY,
            max_retries=0,
            http_client=httpx2.AsyncClient(transport=capture, trust_env=False),
            **arguments,
        )
        # None makes the SDK look into this process's environment.
        sdk.organization, sdk.project = arguments["organization"], arguments["project"]
        async with sdk:
            await sdk.post("/chat/completions", body={}, cast_to=httpx2.Response)
    except (openai.OpenAIError, httpx2.InvalidURL, TypeError, ValueError) as error:
        message = f"Unable to make the client of {row.name}: {error}"
        raise PrerequisiteError(message, provider=row.name) from None
    timeout = sdk.timeout
    return timeout if isinstance(timeout, httpx2.Timeout) else httpx2.Timeout(timeout)
