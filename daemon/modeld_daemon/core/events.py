"""How the events of a call reach those who watch it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from modeld.errors import ModeldError
from modeld.types import StreamQueuedEvent, StreamRetryEvent

from .call import Result

__all__ = ["Notice", "Replay", "Watcher"]

Notice = StreamQueuedEvent | StreamRetryEvent


class Watcher(Protocol):
    """Somebody who waits for a call. Methods return at once and never raise.

    `seq` rises by one per event. After `finished` or `failed` nothing follows.
    """

    def text(self, seq: int, text: str) -> None:
        """More text of the first choice."""

    def reasoning(self, seq: int, reasoning: str) -> None:
        """More reasoning of the first choice."""

    def tool_call(self, seq: int, id: str, function: str, arguments: str) -> None:
        """More of a tool call of the first choice."""

    def notice(self, event: Notice) -> None:
        """The call waits, or is tried again."""

    def finished(self, seq: int, result: Result) -> None:
        """The call ended with an answer."""

    def failed(self, error: ModeldError) -> None:
        """The call ended without one."""


Replay = Callable[[Watcher], None]
"""An event that was kept: calling it tells the event to a watcher that comes later."""
