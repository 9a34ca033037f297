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
from dataclasses import dataclass, field, replace
from urllib.parse import quote, urljoin, urlsplit

import httpx2
import openai

from modeld.errors import PrerequisiteError, ProviderUnavailable
from modeld.types import JsonObject

from ..core.ports import Connection, ModelListing, Row
from .aws.mantle import Mantle, full_name
from .azure.entra import find_entra
from .http.client import HttpClient
from .http.endpoint import Endpoint
from .listing import fetch_listing
from .signing import Signing, prove

__all__ = ["OpenAISdk", "Prepared"]

_DEFAULT_URL = "https://api.openai.com/v1"
_NO_KEY = "none"
_PROBE = "/chat/completions"
_VERSIONS = ("AZUREAI_OPENAI_API_VERSION", "OPENAI_API_VERSION", "AZUREAI_API_VERSION")
_NEWER = ("v1", "preview", "latest")
"""Names of the API that has no dated versions.

https://learn.microsoft.com/azure/foundry/openai/api-version-lifecycle
"""
_AZURE_VERSION = {"openai": "2025-03-01-preview", "models": "2024-05-01-preview"}


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the SDK said, and the HTTP client of the connection."""

    base: str
    """The URL up to an operation's path."""
    query: str
    headers: list[tuple[str, str]] = field(repr=False)
    http: HttpClient
    signing: Signing | None = None
    """What proves who asks, where there is no key."""
    mantle: Mantle | None = None
    _endpoints: dict[str, Endpoint] = field(default_factory=dict, repr=False)

    async def endpoint(
        self, path: str, body: bytes, extra: Mapping[str, str] | None = None
    ) -> Endpoint:
        """Where an operation such as `/responses` is posted to, with the caller's headers."""
        if extra or self.signing is not None:
            return await self.resource("POST", path, extra, body)
        found = self._endpoints.get(path)
        if found is None:
            found = self._endpoints[path] = await self.resource("POST", path)
        return found

    async def resource(
        self, method: str, path: str, extra: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Endpoint:
        """Where one object is read or changed; nothing of it is remembered."""
        url = self.url(path)
        proof = await prove(self.signing, method, url, body, extra)
        headers = [*self.headers, *proof.headers.items(), *(extra or {}).items()]
        return Endpoint.make(method, url, headers, proof.renew)

    def url(self, path: str) -> str:
        """The whole URL; a path may be one already."""
        return path + self.query if "://" in path else f"{self.base}{path}{self.query}"


def _azure_place(row: Row, connection: Connection, version: str | None) -> tuple[str, str | None]:
    """The address of one of Azure's APIs, `openai` or `models`, and its version."""
    api = str(row.quirks["azure"])
    base = (connection.base_url or "").rstrip("/")
    version = version or next(
        (connection.environment[v] for v in _VERSIONS if connection.environment.get(v)), None
    )
    if not urlsplit(base).path:
        base += f"/{api}"
    if api == "openai" and version in _NEWER and not base.endswith("/v1"):
        base += "/v1"
    return base, None if base.endswith("/v1") else version or _AZURE_VERSION[api]


def _names_deployments(row: Row, connection: Connection, version: str | None) -> bool:
    """Whether chat completions are posted to a deployment of Azure's, which stands in the URL.

    https://learn.microsoft.com/azure/ai-foundry/openai/reference; the newer API below `/openai/v1`
    and that of `/models` name it in the body, as others do.
    """
    if row.quirks.get("azure") != "openai":
        return False
    base, _ = _azure_place(row, connection, version)
    return not base.endswith(("/v1", "/models")) and "/deployments/" not in base


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
        version = arguments.get("api_version")
        self._deployments = _names_deployments(row, connection, version)
        self._mantle = row.quirks.get("place") == "mantle"
        self._lock = asyncio.Lock()
        self._prepared: Prepared | None = None
        self._closed = False

    def wire_name(self, model: str) -> str:
        """The model's name in a request."""
        return full_name(model) if self._mantle else model

    async def path(self, model: str, operation: str) -> str:
        """Where an operation of a model, such as `/responses`, is posted to."""
        if self._deployments and operation == _PROBE:
            return f"/deployments/{quote(model, safe='')}{_PROBE}"
        mantle = (await self.prepared()).mantle
        return operation if mantle is None else mantle.base_url(model) + operation

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
        """What `GET /models` lists, or the path that the row names from there."""
        prepared = await self.prepared()
        path: str = self._row.quirks.get("list_path") or "models"
        url = urljoin(f"{prepared.base}/", path) + prepared.query
        proof = await prove(prepared.signing, "GET", url)
        return await fetch_listing(prepared.http, self._row.name, url, prepared.headers, proof)

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
    arguments = dict(arguments)
    region, profile = arguments.pop("aws_region", None), arguments.pop("aws_profile", None)
    mantle: Mantle | None = None
    signing: Signing | None = find_entra(row, connection)
    if row.quirks.get("place") == "mantle":
        said = row.name, connection.base_url, connection.api_key, connection.environment
        mantle = Mantle(*said, profile=profile, region=region, keys=row.key_variables)
        connection = replace(connection, base_url=mantle.base_url(""))
        signing = mantle if mantle.signs else None
    timeout = asyncio.run(_ask_sdk(row, connection, arguments, capture))
    assert capture.request is not None
    url, headers = str(capture.request.url), list(capture.request.headers.items())
    azure = bool(row.quirks.get("azure"))
    if connection.api_key is None or azure:
        headers = [(name, value) for name, value in headers if name.lower() != "authorization"]
    if azure and connection.api_key is not None:
        headers.append(("api-key", connection.api_key))
    http = HttpClient(
        row.name,
        connection.environment,
        connect_timeout=timeout.connect or 60.0,
        read_timeout=timeout.read or 600.0,
    )
    where, mark, query = url.partition("?")
    base = where.removesuffix(_PROBE)
    return Prepared(base, mark + query, headers, http, signing, mantle)


def _base_url(row: Row, connection: Connection) -> str:
    """The URL. A row's quirk `url_path` is what another SDK adds to a URL of the user's, so that a
    variable means the same here and there.
    """
    url = connection.base_url or row.base_url or _DEFAULT_URL
    path: str = row.quirks.get("url_path") or ""
    bare = url.rstrip("/")
    return url if not path or bare.endswith(path) else bare + path


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
    version = arguments.pop("api_version", None)
    if row.quirks.get("azure"):
        arguments["base_url"], version = _azure_place(row, connection, version)
        if version is not None:
            query = {"api-version": version}
            arguments["default_query"] = {**query, **(arguments.get("default_query") or {})}
    elif "data_residency" not in arguments:
        arguments["base_url"] = _base_url(row, connection)
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
