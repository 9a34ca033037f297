"""The dialect's side towards the registry: what all local models of the daemon share."""

from __future__ import annotations

from ...core.ports import Connection, EngineListing, ModelListing, Provider, Row
from ..premises import Premises
from .adapter import LlamaProvider
from .models import LocalModels, LocalSettings
from .options import ModelArgs

__all__ = ["Local", "build", "check", "open_local"]


class Local:
    """The loaded models, once for the daemon."""

    def __init__(self, models: LocalModels) -> None:
        self.models = models

    def listing(self, provider: str) -> list[ModelListing]:
        """Models that have a name."""
        loaded = {engine.name for engine in self.models.statistics() if engine.loaded}
        return [
            ModelListing(
                f"{provider}/{model.name}",
                model.size,
                model.available,
                model.name in loaded,
                model.description,
            )
            for model in self.models.list_models()
        ]

    def engines(self) -> list[EngineListing]:
        """A snapshot of each engine process."""
        return [
            EngineListing(
                "llama_cpp",
                engine.pid or 0,
                (engine.name,) if engine.loaded else (),
                engine.in_flight + engine.waiting,
                engine.starts,
            )
            for engine in self.models.statistics()
        ]

    async def aclose(self) -> None:
        """Ends all engines."""
        await self.models.aclose()


def open_local(premises: Premises) -> Local:
    """What the dialect shares, for a daemon with that folder of data."""
    return Local(LocalModels(LocalSettings(premises.data_folder)))


def check(row: Row, model: str, connection: Connection, shared: Local) -> None:  # noqa: ARG001  # as all dialects
    """Raises at once what would make every call fail, such as a missing file."""
    shared.models.check(model, connection)


def build(row: Row, connection: Connection, shared: Local) -> Provider:  # noqa: ARG001  # as all dialects
    """A provider for a connection. All of them share the loaded weights."""
    return LlamaProvider(shared.models, ModelArgs.parse(connection.args))
