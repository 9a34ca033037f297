"""What the SDK says of a connection, asked once for all calls: URLs, headers, timeouts.

Where others serve Anthropic's models, requests are told otherwise: see `places`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import anthropic
import httpx2

from modeld.errors import PrerequisiteError
from modeld.types import JsonObject

from ...core.ports import Connection, ModelListing, Row
from ..azure.entra import find_entra
from ..http.client import HttpClient
from ..http.endpoint import Endpoint
from ..http.jsontext import dumps
from ..listing import fetch_listing
from ..signing import Signing, prove
from .betas import joined
from .options import Options, missing_key
from .request import WireRequest, counting_body

__all__ = ["Prepared", "prepare"]

_DEFAULT_URL = "https://api.anthropic.com"
_NO_KEY = "none"
_MESSAGES = "/v1/messages"
_COUNT = "/v1/messages/count_tokens"
_OAUTH = "oauth-2025-04-20"
_TOKEN_VARIABLE = "ANTHROPIC_AUTH_TOKEN"  # noqa: S105 - the name, not the token
_BETA, _VERSION = "anthropic-beta", "anthropic-version"


@dataclass(slots=True)
class Prepared:
    """What the SDK says, once for all calls."""

    provider: str
    messages_url: str
    count_url: str
    headers: dict[str, str] = field(repr=False)
    """By lower-case name; they hold the credential."""
    http: HttpClient
    signing: Signing | None = None
    """What proves who asks, where there is no key."""
    _endpoints: dict[tuple[str, str, str], Endpoint] = field(default_factory=dict, repr=False)

    async def outgoing(
        self, request: WireRequest, extra: Mapping[str, str] | None, *, streams: bool
    ) -> tuple[Endpoint, bytes]:
        """The head and the body of a request for a message."""
        body = dumps({**request.body, "stream": True} if streams else request.body)
        said = self.messages_url, request.version, request.betas
        return await self.endpoint(*said, extra, body), body

    async def counting(
        self, request: WireRequest, extra: Mapping[str, str] | None
    ) -> tuple[Endpoint, bytes]:
        """The head and the body of a request that counts tokens."""
        body = dumps(counting_body(request))
        return await self.endpoint(self.count_url, None, request.betas, extra, body), body

    async def models(self) -> list[ModelListing] | None:
        """What `GET /v1/models` lists."""
        url = self.messages_url.replace("/v1/messages", "/v1/models", 1)
        proof = await prove(self.signing, "GET", url)
        return await fetch_listing(self.http, self.provider, url, self.headers.items(), proof)

    async def endpoint(
        self,
        url: str,
        version: str | None,
        betas: list[str],
        extra: Mapping[str, str] | None,
        body: bytes,
    ) -> Endpoint:
        """The head of a request; `extra` headers win, but for betas, which are put together."""
        proof = await prove(self.signing, "POST", url, body, extra)
        own = {name.lower(): value for name, value in (extra or {}).items()}
        more = {**proof.headers, **own}
        beta = joined(self.headers.get(_BETA, "").split(","), betas, _names(more.pop(_BETA, "")))
        key = (url, version or "", beta)
        if not more and key in self._endpoints:
            return self._endpoints[key]
        headers = dict(self.headers)
        if beta:
            headers[_BETA] = beta
        if version is not None:
            headers[_VERSION] = version
        endpoint = Endpoint.make("POST", url, {**headers, **more}.items(), proof.renew)
        if not more and len(self._endpoints) < 64:
            self._endpoints[key] = endpoint
        return endpoint


def _names(value: str) -> list[str]:
    return [name.strip() for name in value.split(",")]


class _Capture(httpx2.AsyncBaseTransport):
    """Stands where the SDK's network would be, and keeps the requests that the SDK made."""

    def __init__(self) -> None:
        self.requests: list[httpx2.Request] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        return httpx2.Response(200, json={})


def prepare(row: Row, connection: Connection, options: Options) -> Prepared:
    """Asks the SDK. Takes a good part of a second: to be called in a thread."""
    capture = _Capture()
    timeout = asyncio.run(_ask_sdk(row, connection, options, capture))
    messages, count = capture.requests
    headers = {name.lower(): value for name, value in messages.headers.items()}
    if connection.api_key is None:
        for name in ("authorization", "x-api-key", "api-key"):
            headers.pop(name, None)
    betas = [*options.betas, *([_OAUTH] if _is_token(connection) else [])]
    beta = joined(_names(headers.pop(_BETA, "")), betas)
    if beta:
        headers[_BETA] = beta
    http = HttpClient(
        row.name,
        connection.environment,
        connect_timeout=timeout.connect or 60.0,
        read_timeout=timeout.read or 600.0,
    )
    signing = find_entra(row, connection)
    return Prepared(row.name, str(messages.url), str(count.url), headers, http, signing)


def _is_token(connection: Connection) -> bool:
    """Whether the credential is a token of a person's login, and no API key."""
    key = connection.api_key
    return key is not None and key == connection.environment.get(_TOKEN_VARIABLE)


def _of_azure(url: str) -> str:
    """Where the API is below the address of a resource, which is what people are shown first.

    https://platform.claude.com/docs/en/build-with-claude/claude-in-microsoft-foundry
    """
    url = url.rstrip("/").removesuffix("/v1/messages").removesuffix("/v1")
    return url if urlsplit(url).path else f"{url}/anthropic"


async def _ask_sdk(
    row: Row, connection: Connection, options: Options, capture: _Capture
) -> httpx2.Timeout:
    """Lets the SDK prepare requests as the caller's session would have it, not this process.

    Returns the SDK's timeouts.
    """
    if connection.api_key is None and row.key_required:
        raise missing_key(row)
    kind = "auth_token" if _is_token(connection) else "api_key"
    arguments: JsonObject = {kind: connection.api_key or _NO_KEY, **options.client}
    made: type[anthropic.AsyncAnthropic] = anthropic.AsyncAnthropic
    url = connection.base_url or row.base_url or _DEFAULT_URL
    if row.quirks.get("place") == "azure":
        made, url = anthropic.AsyncAnthropicFoundry, _of_azure(url)
    try:
        sdk = made(
            base_url=url,
            max_retries=0,
            http_client=httpx2.AsyncClient(transport=capture, trust_env=False),
            **arguments,
        )
        async with sdk:
            for path in (_MESSAGES, _COUNT):
                await sdk.post(path, body={}, cast_to=httpx2.Response)
    except (anthropic.AnthropicError, httpx2.InvalidURL, TypeError, ValueError) as error:
        message = f"Unable to make the client of {row.name}: {error}"
        raise PrerequisiteError(message, provider=row.name) from None
    timeout = sdk.timeout
    return timeout if isinstance(timeout, httpx2.Timeout) else httpx2.Timeout(timeout)
