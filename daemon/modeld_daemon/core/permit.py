"""The right to make one attempt at a provider."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from modeld.types import ModelUsage

from .asker import Asker
from .lane_rates import Spending
from .rates import RateLimits

__all__ = ["Permit"]


class Grantor(Protocol):
    """The lane, as far as permits know it."""

    def answered(self, permit: Permit, limits: RateLimits | None) -> None:
        """The head of an answer is here."""

    def succeeded(self, permit: Permit, usage: ModelUsage | None, *, clean: bool) -> None:
        """The attempt gave an answer."""

    def limited(self, permit: Permit, retry_after: float | None) -> None:
        """The attempt was refused for a rate limit."""

    def failed(self, permit: Permit) -> None:
        """The attempt failed otherwise."""

    def release(self, permit: Permit) -> None:
        """The attempt has ended."""


class Permit:
    """It ends with its `with` block, however that is left."""

    __slots__ = ("_ended", "_lane", "asker", "began", "refused", "spending")

    def __init__(self, lane: Grantor, asker: Asker, spending: Spending, began: float) -> None:
        self._lane = lane
        self._ended = False
        self.asker = asker
        self.spending = spending
        self.began = began
        """Time of the clock."""
        self.refused = False
        """Whether the provider did nothing for it."""

    def told(self, limits: RateLimits | None) -> None:
        """The head of an answer is here, and what it says of limits."""
        if not self._ended:
            self._lane.answered(self, limits)

    def succeeded(self, usage: ModelUsage | None, *, clean: bool) -> None:
        """The attempt gave an answer; `clean` when none before it was refused for a rate limit."""
        self._lane.succeeded(self, usage, clean=clean)

    def limited(self, retry_after: float | None) -> None:
        """The provider refused the attempt for its rate limit."""
        self.refused = True
        self._lane.limited(self, retry_after)

    def failed(self) -> None:
        """The attempt failed otherwise."""
        self.refused = True
        self._lane.failed(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()

    def end(self) -> None:
        """Gives it back."""
        if not self._ended:
            self._ended = True
            self._lane.release(self)
