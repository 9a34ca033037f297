"""One caller of a computation that several may share.

What differs between callers of the same flight is kept apart here: how long each waits, whether it
came to a computation that was there before, and whether a refusal is an error to it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import anyio

from modeld.errors import GenerateTimeout, ModeldError

from .call import Call, Result, Route
from .events import Notice, Watcher
from .prepare import refusal

__all__ = ["Waiter"]


class _Shared(Protocol):
    """The flight, as far as a waiter knows it."""

    phase: str

    def leave(self, watcher: Watcher, reason: str) -> None:
        """The watcher waits no more."""


class Waiter:
    """Passes events on to a watcher; the end as it is for this caller.

    Args:
        watcher: Who is told.
        call: The caller's call.
        route: Where it goes.
        joined: Whether the computation was there before the caller.
        deadline: Time of the loop's clock after which this caller waits no more, if that is not
            the flight's own end: then `expire` is to be run.
    """

    __slots__ = ("_call", "_deadline", "_joined", "_route", "_scope", "_watcher", "ended")

    def __init__(
        self,
        watcher: Watcher,
        call: Call,
        route: Route,
        *,
        joined: bool,
        deadline: float | None = None,
    ) -> None:
        self._watcher = watcher
        self._call = call
        self._route = route
        self._joined = joined
        self._deadline = deadline
        self._scope: anyio.CancelScope | None = None
        self.ended = False

    def text(self, seq: int, text: str) -> None:
        """More text."""
        self._watcher.text(seq, text)

    def reasoning(self, seq: int, reasoning: str) -> None:
        """More reasoning."""
        self._watcher.reasoning(seq, reasoning)

    def tool_call(self, seq: int, id: str, function: str, arguments: str) -> None:
        """More of a tool call."""
        self._watcher.tool_call(seq, id, function, arguments)

    def notice(self, event: Notice) -> None:
        """The call waits, or is tried again."""
        self._watcher.notice(event)

    def finished(self, seq: int, result: Result) -> None:
        """The answer."""
        self.left()
        refused = refusal(self._call, self._route, result.output)
        if refused is not None:
            self._watcher.failed(refused)
            return
        if result.info.raw is not None and self._call.raw is None:  # another caller wants it
            result = Result(result.output, replace(result.info, raw=None))
        if self._joined:
            info = replace(result.info, call_id=self._call.id, coalesced=True)
            result = Result(result.output, info)
        self._watcher.finished(seq, result)

    def failed(self, error: ModeldError) -> None:
        """The call ended without an answer."""
        self.left()
        if self._call.raw is None:
            error.call = None
        self._watcher.failed(error)

    def left(self) -> None:
        """Nothing more is told."""
        self.ended = True
        if self._scope is not None:
            self._scope.cancel()

    async def expire(self, flight: _Shared) -> None:
        """Runs beside the flight, so that this caller waits no longer than its deadline."""
        if self.ended or self._deadline is None:
            return
        began = anyio.current_time()
        with anyio.CancelScope() as self._scope:
            await anyio.sleep_until(self._deadline)
        if not self.ended:
            flight.leave(self, "its time is up")
            waited = max(self._deadline - began, 0)
            self.failed(GenerateTimeout(f"no answer within {waited:.3g} s", phase=flight.phase))
