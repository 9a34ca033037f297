"""Lists of models as the APIs give them: `GET …/models`, page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

from modeld.errors import (
    AuthenticationError,
    ModeldError,
    PermissionDenied,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
)

from ..core.ports import ModelListing
from .http.client import HttpClient, Response
from .http.endpoint import Endpoint
from .http.jsontext import loads
from .signing import Proof

__all__ = ["fetch_google", "fetch_listing"]

_MOST_PAGES = 50
_NO_LIST = (404, 405, 501)
_KINDS: dict[int, type[ModeldError]] = {
    401: AuthenticationError,
    403: PermissionDenied,
    429: RateLimited,
}

Headers = Iterable[tuple[str, str]]
Page = tuple[list[ModelListing], str | None]


async def fetch_listing(
    http: HttpClient, provider: str, url: str, headers: Headers, proof: Proof | None = None
) -> list[ModelListing] | None:
    """The list in OpenAI's shape, which Anthropic and Mistral have too; None where there is none."""
    read = lambda data: _openai(provider, data)  # noqa: E731
    return await _pages(http, provider, url, headers, proof or Proof(), read)


async def fetch_google(
    http: HttpClient, provider: str, url: str, headers: Headers, proof: Proof | None = None
) -> list[ModelListing] | None:
    """The list in Google's shape."""
    read = lambda data: _google(provider, data)  # noqa: E731
    return await _pages(http, provider, url, headers, proof or Proof(), read)


async def _pages(
    http: HttpClient,
    provider: str,
    url: str,
    headers: Headers,
    proof: Proof,
    read: Callable[[Any], Page],
) -> list[ModelListing] | None:
    headers, found, query = [*headers, *proof.headers.items()], [], ""
    for _ in range(_MOST_PAGES):
        mark = "&" if "?" in url and query else "?"
        page = f"{url}{mark}{query}" if query else url
        endpoint = Endpoint.make("GET", page, headers, proof.renew)
        response = await http.fetch(endpoint, b"")
        if response.status in _NO_LIST:
            return None
        if response.status != 200:
            raise _failure(provider, response)
        try:
            listed, next_query = read(loads(response.body))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProviderError(
                f"The answer is no list of models: {type(error).__name__}: {error}",
                provider=provider,
            ) from None
        found += listed
        if next_query is None:
            break
        query = next_query
    return found


def _openai(provider: str, data: Any) -> Page:
    entries = data if isinstance(data, list) else data["data"]
    listed = [
        ModelListing(f"{provider}/{entry['id']}", description=_text(entry, "display_name", "name"))
        for entry in entries
    ]
    more = isinstance(data, dict) and data.get("has_more") is True and entries
    return (
        listed,
        f"after_id={quote(str(data.get('last_id') or entries[-1]['id']))}" if more else None,
    )


def _google(provider: str, data: Any) -> Page:
    listed = [
        ModelListing(
            f"{provider}/{entry['name'].removeprefix('models/')}",
            description=_text(entry, "displayName"),
        )
        for entry in data.get("models", [])
    ]
    token = data.get("nextPageToken")
    return listed, f"pageToken={quote(str(token))}" if token else None


def _text(entry: Any, *names: str) -> str:
    return next((str(entry[name])[:200] for name in names if entry.get(name)), "")


def _failure(provider: str, response: Response) -> ModeldError:
    status = response.status
    kind = _KINDS.get(status, ProviderUnavailable if status >= 500 else ProviderError)
    return kind(_said(response.body), provider=provider, status=status)


def _said(body: bytes) -> str:
    try:
        said = loads(body)
        error = said.get("error", said)
        message = error if isinstance(error, str) else error.get("message") or error.get("detail")
        return f"The list of models was refused: {str(message)[:500]}"
    except (ValueError, AttributeError):
        return "The list of models was refused"
