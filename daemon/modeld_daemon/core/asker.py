"""Who asks a lane for a permit, and for what."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from modeld.types import AdaptiveConcurrency

from .call import Call
from .estimate import estimate_tokens
from .flights import Flight

__all__ = ["Asker"]

WEIGHTS: Mapping[str, float] = {"interactive": 16.0, "normal": 4.0, "batch": 1.0}
"""Shares of one session's calls among each other, by priority."""
UNADAPTED = 10
"""Attempts at once of a caller that wants no adaptive limit and names none."""


class Asker:
    """A call on its way into a lane.

    Args:
        call: What is asked.
        flight: Told that the call waits.
    """

    __slots__ = (
        "_call", "_flight", "_tokens", "adaptive", "deadline", "max_connections", "moves", "session",
        "size",
    )  # fmt: skip

    def __init__(self, call: Call, flight: Flight) -> None:
        config = call.config
        self._call = call
        self._flight = flight
        self._tokens: tuple[float, float] | None = None
        self.session = call.session
        self.moves: Callable[[tuple[str, str], float], None] | None = None
        """Changes its place in the queue; set by the queue that it waits in."""
        flight.rises = self._rise
        self.size = call.size
        self.deadline = call.deadline
        self.max_connections = config.max_connections
        self.adaptive: AdaptiveConcurrency | None = None
        if config.adaptive_connections is not None and self.max_connections is None:
            self._read_adaptive(config.adaptive_connections)

    def _read_adaptive(self, given: bool | int | str | AdaptiveConcurrency) -> None:
        if given is False:
            self.max_connections = UNADAPTED
        elif isinstance(given, AdaptiveConcurrency):
            self.adaptive = given
        elif given is not True:
            self.adaptive = AdaptiveConcurrency(max=int(given))

    @property
    def flow(self) -> tuple[str, str]:
        """Those among whom it waits its turn."""
        return self.session, self._flight.priority

    @property
    def weight(self) -> float:
        """The share of its flow."""
        return WEIGHTS[self._flight.priority]

    def _rise(self) -> None:
        if self.moves is not None:
            self.moves(self.flow, self.weight)

    def tokens(self) -> tuple[float, float]:
        """About how many tokens go in and may come out; counted once, and only for lanes that
        limit tokens. Without `max_tokens` nobody knows what comes out: infinite.
        """
        if self._tokens is None:
            most = self._call.config.max_tokens
            given = estimate_tokens(self._call.messages, self._call.tools)
            self._tokens = float(given), float("inf") if most is None else float(most)
        return self._tokens

    def waits(self, reason: str, position: int | None) -> None:
        """The call waits, behind so many of its flow."""
        if self._flight.streamed:
            self._flight.queued(reason, position)
