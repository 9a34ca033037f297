"""What a server has, for those who ask it for what it has not.

https://platform.openai.com/docs/api-reference/models/list, and https://docs.ollama.com/api/tags for
an Ollama whose `/v1` lists nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from modeld.errors import ModeldError, ModelNotFound
from modeld.types import JsonValue

from ..http.jsontext import loads
from ..openai_sdk import Prepared

__all__ = ["with_what_is_there"]

_SECONDS = 5.0
_SHOWN = 50


async def with_what_is_there(
    missing: ModelNotFound, prepared: Prepared, model: str, quirks: Mapping[str, JsonValue]
) -> ModelNotFound:
    """The error, with the models that the server lists and how to get this one there.

    Args:
        missing: The error; nothing is added where the server lists none.
        prepared: The connection.
        model: What was asked for.
        quirks: Of the row: `fetch_command` is what fetches a `{model}`, `tags_path` is where the
            server has a list of its own.
    """
    names: list[str] | None = None
    for path, member, name in (
        ("/models", "data", "id"),
        (_own_list(prepared, quirks), "models", "name"),
    ):
        if names is None and path is not None:
            names = await _names(prepared, path, member, name)
    if names is None:
        return missing
    has = ", ".join(names[:_SHOWN]) or "no model"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    fetch = quirks.get("fetch_command")
    advice = f" Fetch the model with: {fetch.format(model=model)}" if fetch else ""
    return ModelNotFound(
        f"{missing.message.rstrip('.')}. The server has {has}{more}.{advice}",
        provider=missing.provider,
        model=missing.model,
        status=missing.status,
        request_id=missing.request_id,
    )


def _own_list(prepared: Prepared, quirks: Mapping[str, JsonValue]) -> str | None:
    path = quirks.get("tags_path")
    return None if path is None else f"{prepared.base.removesuffix('/v1')}{path}"


async def _names(prepared: Prepared, path: str, member: str, name: str) -> list[str] | None:
    """The names in a list; None where there is no list. Ollama's is null when it has no model."""
    try:
        async with asyncio.timeout(_SECONDS):
            answer = await prepared.http.fetch(await prepared.resource("GET", path), b"")
        if answer.status != 200:
            return None
        return sorted(str(model[name]) for model in loads(answer.body)[member] or ())
    except (ModeldError, TimeoutError, ValueError, KeyError, TypeError):
        return None
