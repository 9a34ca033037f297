"""What tests say to every column: a provider whose other end does what they say.

`served.py` has an HTTP server there, `housed.py` an engine in a process.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from modeld.errors import ModeldError
from modeld.types import ModelOutput, ModelUsage
from modeld_daemon.core.call import Call
from modeld_daemon.core.ports import ModelListing, TokenCount
from tests.fakes.deltas import Deltas

from .column import AnswerName, Body, Column, FailureName, Readers

__all__ = ["Heard", "Stage"]


@dataclass
class Heard:
    """What came of a call."""

    output: ModelOutput
    deltas: Deltas
    heads: list[str] = field(default_factory=list)
    bodies: list[Body] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    @property
    def body(self) -> Body:
        """The body of the only request."""
        assert len(self.bodies) == 1
        return self.bodies[0]


class Stage(ABC):
    """A column and its provider.

    Args:
        column: What it says of itself.
        usage: What the answer "text" has used.
        counted: Tokens that the other end counts in a call that says "Hi".
        names_calls: Whether ids of answers and of tool calls are the other end's own: then they
            are those of `script.py`, and the same each time.
    """

    def __init__(
        self, column: Column, *, usage: ModelUsage, counted: int, names_calls: bool
    ) -> None:
        self.column = column
        self.usage = usage
        self.counted = counted
        self.names_calls = names_calls

    def offers(self, name: str) -> None:
        """Skips the test where the provider does not offer that, and says why."""
        self.column.offers(name)

    @property
    def readers(self) -> Readers:
        """How to read what was sent."""
        return self.column.readers

    @property
    def model(self) -> str:
        """The model as errors name it."""
        return f"{self.column.provider}/{self.column.model}"

    @abstractmethod
    def say(
        self, answer: AnswerName, asked: Call, *, stream: bool = False, thinking: bool = False
    ) -> Heard:
        """What comes of a call that has this answer; skips the test where there is none.

        Args:
            answer: Name of the answer.
            asked: The call.
            stream: Whether somebody hears the parts.
            thinking: Whether the model is asked that thinks, where only some do.
        """

    @abstractmethod
    def fail(self, failure: FailureName, asked: Call, *, stream: bool) -> ModeldError:
        """The error of a call that fails like this; skips the test where none can."""

    @abstractmethod
    def status_of(self, failure: FailureName) -> int | None:
        """The HTTP status that such an error tells."""

    @abstractmethod
    def leave(self, *, stream: bool) -> None:
        """A caller leaves in the middle; returns when the other end has noticed."""

    @abstractmethod
    def count(self, asked: Call) -> TokenCount:
        """The tokens of a call."""

    @abstractmethod
    def models(self) -> list[ModelListing]:
        """The models that are listed."""
