"""Responses that are made in the background: asked for again until they are done.

https://platform.openai.com/docs/guides/background
Such an answer takes minutes and costs much, so trouble with asking does not throw it away; only a
caller who leaves ends it, at the provider too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

import anyio

from modeld.errors import ModeldError, ProviderUnavailable

from ..http.client import Response
from ..openai_sdk import Prepared
from .exchange import Exchange

__all__ = ["outlast"]

_WAITS = (0.5, 1.0, 2.0, 3.0, 5.0)
"""Seconds before each question; the last one lasts."""
_TROUBLES = 10
"""Failed questions in a row after which the answer is given up."""
_CANCEL_SECONDS = 2.0


async def outlast(
    response: Response,
    exchange: Exchange,
    prepared: Prepared,
    path: str,
    headers: Mapping[str, str] | None,
) -> Response:
    """The answer when it is done; `response` is the first one, and `path` was asked for it."""
    id = exchange.unfinished(response)
    if id is None:
        return response
    try:
        return await _asked(f"{path}/{id}", exchange, prepared, headers)
    except BaseException:
        with anyio.move_on_after(_CANCEL_SECONDS, shield=True), suppress(ModeldError):
            cancel = await prepared.resource("POST", f"{path}/{id}/cancel", headers)
            await prepared.http.fetch(cancel, b"")
        raise


async def _asked(
    path: str, exchange: Exchange, prepared: Prepared, headers: Mapping[str, str] | None
) -> Response:
    asked = troubles = 0
    while True:
        await asyncio.sleep(_WAITS[min(asked, len(_WAITS) - 1)])
        asked += 1
        try:
            question = await prepared.resource("GET", path, headers)
            answer = await prepared.http.fetch(question, b"")
        except ProviderUnavailable:
            troubles += 1
            if troubles >= _TROUBLES:
                raise
            continue
        in_trouble = answer.status in (408, 409, 429) or answer.status >= 500
        troubles = troubles + 1 if in_trouble else 0
        if in_trouble and troubles < _TROUBLES:
            continue
        if exchange.unfinished(answer) is None:
            return answer
