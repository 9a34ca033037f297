"""How the events of a call reach those who watch it."""

from __future__ import annotations

from typing import Literal, Protocol

from modeld.errors import ModeldError
from modeld.types import StreamQueuedEvent, StreamRetryEvent

from .call import Result

__all__ = ["Event", "Notice", "Watcher", "tell"]

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


Event = (
    tuple[int, Literal["text"], str]
    | tuple[int, Literal["reasoning"], str]
    | tuple[int, Literal["tool_call"], str, str, str]
    | tuple[int, Literal["notice"], Notice]
)
"""An event that was kept, for a watcher that comes later: its number, what it is, its parts."""


def tell(watcher: Watcher, event: Event) -> None:
    """Tells a watcher a kept event."""
    match event:
        case (seq, "text", text):
            watcher.text(seq, text)
        case (seq, "reasoning", reasoning):
            watcher.reasoning(seq, reasoning)
        case (seq, "tool_call", id, function, arguments):
            watcher.tool_call(seq, id, function, arguments)
        case (_, "notice", notice):
            watcher.notice(notice)
