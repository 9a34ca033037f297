"""What OpenAI's SDK says of a connection: URLs, headers and timeouts, asked once for all calls.

The SDK decides what it knows best: credentials, base URL and query, default headers. It prepares
one request before the first call; each call then sends that head with its own body through the
lean HTTP client. The SDK's typed layers would cost more than ten times the rest of a call
(docs/adr/0003), and what they validate is read by the dialects anyway. The dialects of one
provider share the connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx2
import openai

from modeld.errors import PrerequisiteError, ProviderUnavailable
from modeld.types import JsonObject

from ..core.ports import Connection, ModelListing, Row
from .http.client import HttpClient
from .http.endpoint import Endpoint
from .listing import fetch_listing

__all__ = ["OpenAISdk", "Prepared"]

_DEFAULT_URL = "https://api.openai.com/v1"
_NO_KEY = "none"
_PROBE = "/chat/completions"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the SDK said, and the HTTP client of the connection."""

    base: str
    """The URL up to an operation's path."""
    query: str
    headers: list[tuple[str, str]] = field(repr=False)
    http: HttpClient
    _endpoints: dict[str, Endpoint] = field(default_factory=dict, repr=False)

    def endpoint(self, path: str, extra: Mapping[str, str] | None = None) -> Endpoint:
        """Where an operation such as `/responses` is posted to, with the caller's headers."""
        if extra:
            return self._make("POST", path, extra)
        found = self._endpoints.get(path)
        if found is None:
            found = self._endpoints[path] = self._make("POST", path, {})
        return found

    def resource(self, method: str, path: str, extra: Mapping[str, str] | None = None) -> Endpoint:
        """Where one object is read or changed; nothing of it is remembered."""
        return self._make(method, path, extra or {})

    def _make(self, method: str, path: str, extra: Mapping[str, str]) -> Endpoint:
        headers = [*self.headers, *extra.items()]
        return Endpoint.make(method, f"{self.base}{path}{self.query}", headers)


class OpenAISdk:
    """The SDK's word on one connection, and what is made of it.

    Args:
        row: The provider's row.
        connection: Key, URL and environment of the caller's session.
        arguments: Arguments of the SDK's constructor.
    """

    def __init__(self, row: Row, connection: Connection, arguments: JsonObject) -> None:
        self._row = row
        self._connection = connection
        self._arguments = arguments
        self._lock = asyncio.Lock()
        self._prepared: Prepared | None = None
        self._closed = False

    async def prepared(self) -> Prepared:
        """Asks the SDK, in a thread: what it imports lazily takes a good part of a second."""
        if self._prepared is not None:
            return self._prepared
        async with self._lock:
            if self._prepared is None:
                if self._closed:
                    raise ProviderUnavailable("The provider is closed", provider=self._row.name)
                self._prepared = await asyncio.to_thread(
                    _prepare, self._row, self._connection, self._arguments
                )
            return self._prepared

    async def models(self) -> list[ModelListing] | None:
        """What `GET /models` lists."""
        prepared = await self.prepared()
        url = f"{prepared.base}/models{prepared.query}"
        return await fetch_listing(prepared.http, self._row.name, url, prepared.headers)

    async def aclose(self) -> None:
        """Closes all connections."""
        self._closed = True
        if self._prepared is not None:
            await self._prepared.http.aclose()


class _Capture(httpx2.AsyncBaseTransport):
    """Stands where the SDK's network would be, and keeps the request that the SDK made."""

    request: httpx2.Request | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.request = request
        return httpx2.Response(200, json={})


def _prepare(row: Row, connection: Connection, arguments: JsonObject) -> Prepared:
    capture = _Capture()
    timeout = asyncio.run(_ask_sdk(row, connection, arguments, capture))
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
    where, mark, query = url.partition("?")
    return Prepared(where.removesuffix(_PROBE), mark + query, headers, http)


async def _ask_sdk(
    row: Row, connection: Connection, said: JsonObject, capture: _Capture
) -> httpx2.Timeout:
    """Lets the SDK prepare a request as the caller's session would have it, not this process.

    Returns the SDK's timeouts.
    """
    environment = connection.environment
    arguments: JsonObject = {
        "organization": environment.get("OPENAI_ORG_ID"),
        "project": environment.get("OPENAI_PROJECT_ID"),
        **said,
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
            await sdk.post(_PROBE, body={}, cast_to=httpx2.Response)
    except (openai.OpenAIError, httpx2.InvalidURL, TypeError, ValueError) as error:
        message = f"Unable to make the client of {row.name}: {error}"
        raise PrerequisiteError(message, provider=row.name) from None
    timeout = sdk.timeout
    return timeout if isinstance(timeout, httpx2.Timeout) else httpx2.Timeout(timeout)
