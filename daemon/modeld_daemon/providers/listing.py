"""Lists of models as the APIs give them, page by page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias
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

__all__ = ["fetch_bedrock", "fetch_google", "fetch_listing"]

_MOST_PAGES = 50
_NO_LIST = (404, 405, 501)
_KINDS: dict[int, type[ModeldError]] = {
    401: AuthenticationError,
    403: PermissionDenied,
    429: RateLimited,
}

Headers: TypeAlias = Iterable[tuple[str, str]]
Ask: TypeAlias = Callable[[str], Awaitable[Endpoint]]
"""The head of a question for the page with this query; empty for the first one."""
Page: TypeAlias = tuple[list[ModelListing], str | None]
"""What a page lists, and the query of the next one."""


async def fetch_listing(
    http: HttpClient, provider: str, url: str, headers: Headers, proof: Proof | None = None
) -> list[ModelListing] | None:
    """The list in OpenAI's shape, which Anthropic and Mistral have too, or in Cloudflare's; None
    where there is none.
    """
    ask = _asks(url, headers, proof)
    return await _pages(http, provider, ask, lambda data: _openai(provider, data))


async def fetch_google(
    http: HttpClient, provider: str, url: str, headers: Headers, proof: Proof | None = None
) -> list[ModelListing] | None:
    """The list in Google's shape: of the Gemini API, or of a publisher on Vertex AI."""
    ask = _asks(url, headers, proof)
    return await _pages(http, provider, ask, lambda data: _google(provider, data))


async def fetch_bedrock(
    http: HttpClient,
    provider: str,
    ask: Ask,
    owner: str | None = None,
) -> list[ModelListing] | None:
    """The models that Bedrock serves as text, and the profiles through which it serves others.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html and
    API_ListInferenceProfiles.html

    Args:
        http: The connections.
        provider: Name of the provider.
        ask: The head of a question to a path of the catalog, with its query.
        owner: Whose models alone are wanted, as ids name them.
    """
    first = partial(_bedrock_page, ask, "/foundation-models?byOutputModality=TEXT")
    models = await _pages(http, provider, first, lambda data: _bedrock(provider, owner, data))
    if models is None:
        return None
    first = partial(_bedrock_page, ask, "/inference-profiles?type=SYSTEM_DEFINED&maxResults=1000")
    with suppress(PermissionDenied):  # a permission of its own
        found = await _pages(http, provider, first, lambda data: _bedrock(provider, owner, data))
        models += found or ()
    return models


async def _bedrock_page(ask: Ask, path: str, query: str) -> Endpoint:
    return await ask(f"{path}&{query}" if query else path)


def _asks(url: str, headers: Headers, proof: Proof | None) -> Ask:
    proof = proof or Proof()
    said = [*headers, *proof.headers.items()]
    mark = "&" if "?" in url else "?"

    async def ask(query: str) -> Endpoint:
        return Endpoint.make("GET", f"{url}{mark}{query}" if query else url, said, proof.renew)

    return ask


async def _pages(
    http: HttpClient, provider: str, ask: Ask, read: Callable[[Any], Page]
) -> list[ModelListing] | None:
    found: list[ModelListing] = []
    query: str | None = ""
    for _ in range(_MOST_PAGES):
        if query is None:
            break
        response = await http.fetch(await ask(query), b"")
        if response.status in _NO_LIST:
            return None
        if response.status != 200:
            raise _failure(provider, response)
        try:
            listed, query = read(loads(response.body))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProviderError(
                f"The answer is no list of models: {type(error).__name__}: {error}",
                provider=provider,
            ) from None
        found += listed
    return found


def _openai(provider: str, data: Any) -> Page:
    if isinstance(data, dict) and "result" in data:
        return _cloudflare(provider, data)
    entries = data if isinstance(data, list) else data["data"] or []  # null where there is none
    listed = [
        ModelListing(f"{provider}/{entry['id']}", description=_text(entry, "display_name", "name"))
        for entry in entries
    ]
    more = isinstance(data, dict) and data.get("has_more") is True and entries
    return (
        listed,
        f"after_id={quote(str(data.get('last_id') or entries[-1]['id']))}" if more else None,
    )


def _cloudflare(provider: str, data: Any) -> Page:
    """As https://developers.cloudflare.com/api/resources/ai/subresources/models/methods/list has it."""
    listed = [
        ModelListing(f"{provider}/{entry['name']}", description=_text(entry, "description"))
        for entry in data["result"]
    ]
    about = data.get("result_info") or {}
    page = about.get("page") or 1
    rest = (about.get("total_count") or 0) - page * (about.get("per_page") or 0)
    return listed, f"page={page + 1}" if listed and rest > 0 else None


def _google(provider: str, data: Any) -> Page:
    entries = data.get("publisherModels") or data.get("models") or ()
    listed = [
        ModelListing(
            f"{provider}/{entry['name'].rpartition('models/')[2]}",
            description=_text(entry, "displayName"),
        )
        for entry in entries
    ]
    token = data.get("nextPageToken")
    return listed, f"pageToken={quote(str(token))}" if token else None


def _bedrock(provider: str, owner: str | None, data: Any) -> Page:
    """A model that is served through profiles only cannot be asked by its own name."""
    profiles = data.get("inferenceProfileSummaries")
    if profiles is None:
        entries = [
            (entry["modelId"], _text(entry, "modelName"))
            for entry in data["modelSummaries"]
            if "ON_DEMAND" in entry.get("inferenceTypesSupported", ("ON_DEMAND",))
        ]
    else:
        entries = [
            (entry["inferenceProfileId"], _text(entry, "inferenceProfileName"))
            for entry in profiles
        ]
    listed = [
        ModelListing(f"{provider}/{id}", description=description)
        for id, description in entries
        if owner is None or owner in id.split(".")
    ]
    token = data.get("nextToken")
    return listed, f"nextToken={quote(str(token), safe='')}" if token else None


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
