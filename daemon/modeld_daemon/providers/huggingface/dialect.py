"""The dialect's side towards the registry: what all models of transformers in the daemon share."""

from __future__ import annotations

from ...core.ports import Connection, EngineListing, ModelListing, Provider, Row
from ..premises import Premises
from .adapter import HuggingFaceProvider
from .models import HubModels, HubSettings, cached_models

__all__ = ["Hub", "build", "check", "open_hub"]


class Hub:
    """The loaded models, once for the daemon."""

    def __init__(self, models: HubModels) -> None:
        self.models = models

    def listing(self, provider: str) -> list[ModelListing]:
        """What is loaded, and what is in the hub's cache of this user."""
        loaded = {engine.name for engine in self.models.statistics() if engine.loaded}
        return [
            ModelListing(f"{provider}/{name}", loaded=name in loaded, description="transformers")
            for name in sorted(loaded | set(cached_models()))
        ]

    def engines(self) -> list[EngineListing]:
        """A snapshot of each engine process."""
        return [
            EngineListing(
                "transformers",
                engine.pid or 0,
                (engine.name,) if engine.loaded else (),
                engine.in_flight + engine.waiting,
                engine.starts,
            )
            for engine in self.models.statistics()
        ]

    async def aclose(self) -> None:
        """Ends all engines."""
        await self.models.pool.aclose()


def open_hub(premises: Premises) -> Hub:
    """What the dialect shares. Models are in the hub's own cache."""
    return Hub(HubModels(HubSettings(trusting=premises.trusting)))


def check(row: Row, model: str, connection: Connection, shared: Hub) -> None:  # noqa: ARG001  # as all dialects
    """Raises at once what would make every call fail, such as a missing folder."""
    shared.models.check(model, connection)


def build(row: Row, connection: Connection, shared: Hub) -> Provider:  # noqa: ARG001  # as all dialects
    """A provider for a connection. All of them share the loaded weights."""
    return HuggingFaceProvider(shared.models, connection)
