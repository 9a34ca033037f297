"""The models that a provider's API lists for the account of whoever asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modeld.errors import InvalidRequest, ModeldError, ModelNotFound

from .ports import ListsModels, ModelListing, Row
from .resolve import ModelSpec, Resolver
from .sessions import Session, Sessions

__all__ = ["Listed", "list_hosted"]


@dataclass(frozen=True, slots=True)
class Listed:
    """The models, or the variables that must be known first."""

    models: list[ModelListing] = field(default_factory=list)
    need_environment: list[str] = field(default_factory=list)


async def list_hosted(
    sessions: Sessions, provider: str, environment: Mapping[str, str]
) -> Listed | None:
    """Asks the provider's server, by the client that calls would take. None where it has none.

    Args:
        sessions: Where leases come from.
        provider: Name of the provider.
        environment: The caller's variables; those without a value are empty.
    """
    row = await _row(sessions.resolver, provider)
    services: Any = row.quirks.get("services") or {}
    spec = ModelSpec(
        f"{provider}/models", args=services.get(provider.removeprefix(f"{row.name}/"), {})
    )
    if not row.network:
        return None
    session = Session(id="")
    values = {name: value for name, value in environment.items() if value}
    session.update_environment(values, [name for name in environment if name not in values])
    missing = sessions.missing(session, spec)
    if missing:
        return Listed(need_environment=missing)
    lease = sessions.borrow(session, spec)
    try:
        resolution, client = lease.resolve()
        sessions.clients.enter(client)
        try:
            found = await client.provider(sessions.clients.source)
            asked: ListsModels | None = found if hasattr(found, "models") else None  # type: ignore[assignment]
            models = None if asked is None else await asked.models()
        except ModeldError as error:  # some servers echo the key
            if resolution.connection.api_key:
                error.cut(resolution.connection.api_key)
            raise
        finally:
            sessions.clients.leave(client)
    finally:
        lease.give_back(close=False)
    if models is None:
        raise InvalidRequest(
            f"The API of {row.name} has no list of models; name any that it knows.",
            provider=row.name,
        )
    return Listed(sorted(models, key=lambda model: model.name))


async def _row(resolver: Resolver, provider: str) -> Row:
    """The provider's row. What is wrong with the name is said of it, since no model is named."""
    spec = ModelSpec(f"{provider}/models")
    try:
        await resolver.ready(spec)
        return resolver.row(spec)
    except ModelNotFound:
        raise ModelNotFound(
            f"There is no provider {provider[:100]!r}. {resolver.known(provider)}"
        ) from None
    except InvalidRequest:
        raise InvalidRequest(
            f"{provider[:100]!r} is not all of a provider's name: models of services are listed as "
            f"{provider.partition('/')[0][:100]}/<service>."
        ) from None
