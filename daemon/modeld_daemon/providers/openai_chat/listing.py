"""What a server has, for those who ask it for what it has not.

https://platform.openai.com/docs/api-reference/models/list
"""

from __future__ import annotations

import asyncio

from modeld.errors import ModeldError, ModelNotFound

from ..http.jsontext import loads
from ..openai_sdk import Prepared

__all__ = ["with_what_is_there"]

_SECONDS = 5.0
_SHOWN = 50


async def with_what_is_there(missing: ModelNotFound, prepared: Prepared) -> ModelNotFound:
    """The error, with the models that the server lists; as it is where the server lists none."""
    try:
        async with asyncio.timeout(_SECONDS):
            answer = await prepared.http.fetch(await prepared.resource("GET", "/models"), b"")
        names = sorted(str(model["id"]) for model in loads(answer.body)["data"])
    except (ModeldError, TimeoutError, ValueError, KeyError, TypeError):
        return missing
    has = ", ".join(names[:_SHOWN]) or "no model"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ModelNotFound(
        f"{missing.message.rstrip('.')}. The server has {has}{more}.",
        provider=missing.provider,
        model=missing.model,
        status=missing.status,
        request_id=missing.request_id,
    )
