"""The provider of no model: what an evaluation without a model names as its model."""

from __future__ import annotations

from modeld.errors import PrerequisiteError
from modeld.types import ModelOutput

from ..core.call import Call, Route
from ..core.estimate import estimate_tokens
from ..core.ports import Connection, Row, Sink, TokenCount

__all__ = ["NoModel", "build", "check"]

# ruff: noqa: ARG001, ARG002  # signatures of every dialect and provider


def check(row: Row, model: str, connection: Connection, shared: None) -> None:
    """Nothing is wrong with naming none; calling it is."""


def build(row: Row, connection: Connection, shared: None) -> NoModel:
    """The provider."""
    return NoModel()


class NoModel:
    """Every call says that a model must be named."""

    async def generate(self, call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        """Raises."""
        raise PrerequisiteError(
            "No model specified: name one, such as get_model('openai/gpt-4o-mini'), or set "
            "MODELD_MODEL",
            provider="none",
        )

    async def count_tokens(self, call: Call, route: Route) -> TokenCount:
        """An estimate."""
        return TokenCount(estimate_tokens(call.messages, call.tools), estimated=True)

    async def aclose(self) -> None:
        """Nothing to close."""
