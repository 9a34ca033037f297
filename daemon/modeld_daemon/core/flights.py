"""One computation and those who wait for it.

Every call of the daemon is a flight: one task of the root task group. Most flights have no key
and one watcher. A flight with a key can be joined while it flies, and its events are kept so that
a late watcher hears everything once. The rules of its end:

- A flight that loses its last watcher is cancelled, and with it the work at the provider. A
  lasting one (an explicit request id) goes on; its result stays here for a while if no journal
  has it.
- All watchers of a flight are told of the end in one synchronous step, so that nobody can join
  between the end and the telling.
- An error is told to each watcher as a value of its own; no traceback grows from hand to hand.

State changes are synchronous throughout; the only await is the computation itself.
"""

from __future__ import annotations

import copy
import logging
import math
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import anyio

from modeld.errors import Cancelled, Conflict, GenerateTimeout, InternalError, ModeldError
from modeld.types import PRIORITIES, GenerateConfig, Priority, StreamQueuedEvent, StreamRetryEvent

from .call import Result
from .events import Event, Notice, Watcher, tell
from .waiter import Waiter

__all__ = ["Flight", "FlightStatistics", "Flights", "Spawner", "Ticket"]

log = logging.getLogger("modeld.flights")

T = TypeVar("T")

Compute = Callable[["Flight"], Awaitable[Result]]


class Flight:
    """One computation. It is the `Sink` of its provider and tells its watchers."""

    __slots__ = (
        "_cancel_reason", "_compute", "_known", "_scope", "_secret", "after", "body", "ended", "error",
        "events", "key", "landed", "lasting", "patience", "phase", "priority", "recorded", "result", "rises", "seq", "started", "streamed",
        "unwanted", "watchers",
    )  # fmt: skip

    def __init__(
        self,
        compute: Compute,
        *,
        key: Hashable | None = None,
        body: bytes = b"",
        lasting: bool = False,
        deadline: float | None = None,
        secret: str | None = None,
        priority: Priority = "normal",
        patience: GenerateConfig | None = None,
    ) -> None:
        self._compute = compute
        self._secret = secret
        self._scope = anyio.CancelScope()
        if deadline is not None:
            self._scope.deadline = deadline
        self._cancel_reason: str | None = None
        self._known: dict[int, int] = {}
        self.landed: anyio.Event | None = None
        """To be set when nothing of it is under way any more, where somebody waits for that."""
        self.after: anyio.Event | None = None
        """To be waited for before the work begins."""
        self.events: list[Event] | None = [] if key is not None else None
        """What was told, in order, where somebody may come later."""
        self.key = key
        self.body = body
        self.lasting = lasting
        self.recorded = False
        """Whether a journal has the result, so that it need not stay here."""
        self.unwanted = False
        """Whether it was ended by a caller's wish or its time, and not by the daemon's stop."""
        self.patience = patience
        """The config that says when it is given up, where others may join."""
        self.phase = "queue"
        self.priority = priority
        """The highest of those who wait or waited."""
        self.rises: Callable[[], None] | None = None
        """To be told when that has risen."""
        self.streamed = False
        self.watchers: list[Watcher] = []
        self.seq = 0
        self.result: Result | None = None
        self.error: ModeldError | None = None
        self.ended = False
        self.started = 0.0
        """When it was launched."""

    async def run(self) -> None:
        """Computes, and tells the end. It never raises, except when the daemon itself is ended."""
        error: ModeldError | None = None
        result: Result | None = None
        try:
            with self._scope:
                try:
                    result = await self._compute(self)
                except ModeldError as failure:
                    error = failure
                except Exception as defect:
                    log.exception("defect in a call")
                    error = InternalError(f"{type(defect).__name__}: {defect}")
            if result is None and error is None:
                error = self._ended_early()
        finally:
            self._end(result, error)

    def _ended_early(self) -> ModeldError:
        if self._cancel_reason is not None:
            return Cancelled(self._cancel_reason, phase=self.phase)
        waited = self._scope.deadline - self.started
        return GenerateTimeout(f"no answer within {max(waited, 0):.3g} s", phase=self.phase)

    def _end(self, result: Result | None, error: ModeldError | None) -> None:
        self.ended = True
        watchers, self.watchers = self.watchers, []
        if result is not None:
            self.result = result
            self.seq += 1
            for watcher in watchers:
                watcher.finished(self.seq, result)
        else:
            self.error = error = error or Cancelled("the daemon was stopped", phase=self.phase)
            if self._secret:
                error.cut(self._secret)
            for watcher in watchers:
                watcher.failed(copy.copy(error))

    @property
    def cancelled(self) -> bool:
        """Whether it was told to end before its time."""
        return self._cancel_reason is not None

    @property
    def deadline(self) -> float | None:
        """Clock time at which it ends, if it has one."""
        return None if self._scope.deadline == math.inf else self._scope.deadline

    @property
    def late(self) -> bool:
        """Whether its time is up."""
        return self._scope.cancel_called and self._cancel_reason is None

    def cancel(self, reason: str, *, unwanted: bool = True) -> None:
        """Ends the computation; watchers are told `Cancelled`."""
        if not self.ended:
            self._cancel_reason = reason
            self.unwanted = unwanted
            self._scope.cancel()

    def hasten(self, priority: Priority) -> None:
        """Somebody of that priority waits as well: a batch that is joined waits like its hastiest."""
        if PRIORITIES.index(priority) < PRIORITIES.index(self.priority):
            self.priority = priority
            if self.rises is not None:
                self.rises()

    def watch(self, watcher: Watcher, after_seq: int = 0) -> None:
        """Tells the watcher every kept event after `after_seq`, and all that follow."""
        events = self.events or []
        for event in events[bisect_right(events, after_seq, key=_seq) :] if events else ():
            tell(watcher, event)
        if self.result is not None:
            watcher.finished(self.seq, self.result)
        elif self.error is not None:
            watcher.failed(copy.copy(self.error))
        else:
            if after_seq > self.seq:  # of an earlier life, which a journal may bring back
                self._known[id(watcher)] = after_seq
            self.watchers.append(watcher)

    def leave(self, watcher: Watcher, reason: str) -> None:
        """The watcher waits no more; the last one to leave ends a flight that is not lasting."""
        if watcher in self.watchers:
            self.watchers.remove(watcher)
            self._known.pop(id(watcher), None)
            if not self.watchers and not self.lasting:
                self.cancel(reason)

    # The sink of the provider: each method numbers its event, tells it and keeps it if need be.

    def text(self, text: str) -> None:
        """More text."""
        self.phase = "stream"
        self.seq = seq = self.seq + 1
        for watcher in self.watchers:
            watcher.text(seq, text)
        if self.events is not None:
            self.events.append((seq, "text", text))

    def reasoning(self, reasoning: str) -> None:
        """More reasoning."""
        self.phase = "stream"
        self.seq = seq = self.seq + 1
        for watcher in self.watchers:
            watcher.reasoning(seq, reasoning)
        if self.events is not None:
            self.events.append((seq, "reasoning", reasoning))

    def tool_call(self, id: str, function: str, arguments: str) -> None:
        """More of a tool call."""
        self.phase = "stream"
        self.seq = seq = self.seq + 1
        for watcher in self.watchers:
            watcher.tool_call(seq, id, function, arguments)
        if self.events is not None:
            self.events.append((seq, "tool_call", id, function, arguments))

    def queued(
        self, reason: str, position: int | None = None, progress: float | None = None
    ) -> None:
        """The call waits."""
        self._notice(StreamQueuedEvent(position=position, reason=reason, progress=progress))

    def retrying(self, event: StreamRetryEvent) -> None:
        """The attempt failed: every earlier delta is void."""
        self._notice(event)

    def _notice(self, event: Notice) -> None:
        self.seq += 1
        event.seq = self.seq
        for watcher in self.watchers:
            watcher.notice(event)
        if self.events is not None:
            self.events.append((self.seq, "notice", event))

    def again(self, events: Sequence[Event], seq: int) -> None:
        """Tells events of an earlier life of the call, under their own numbers, up to `seq`."""
        assert self.events is not None  # a call with an id
        self.events.extend(events)
        self.seq = seq
        for watcher in self.watchers:
            known = self._known.get(id(watcher), 0)
            for event in events:
                if _seq(event) > known:
                    tell(watcher, event)


def _seq(event: Event) -> int:
    return event[0]


@dataclass(frozen=True, slots=True)
class Ticket:
    """A watcher's place at a flight."""

    flight: Flight
    watcher: Watcher
    joined: bool
    """Whether the flight was there before the watcher."""

    def leave(self, reason: str = "the caller left") -> None:
        """Waits no more."""
        if isinstance(self.watcher, Waiter):
            self.watcher.left()
        self.flight.leave(self.watcher, reason)


@dataclass(frozen=True, slots=True)
class FlightStatistics:
    """A snapshot: flights in the air, kept results, and counts since the start."""

    in_flight: int
    kept: int
    total: int
    failed: int


class Spawner(Protocol):
    """Starts tasks whose end somebody waits for; a task group is one."""

    def start_soon(self, func: Callable[[T], Awaitable[None]], arg: T, /) -> object:
        """Runs `func(arg)` as a task."""


class Flights:
    """All flights of the daemon.

    Args:
        tasks: Where flights run: a task group, or what starts tasks more cheaply.
        keep_seconds: Seconds that the end of a lasting flight is kept.
        keep_most: Most ends that are kept; the oldest leave first.
        clock: The time of the event loop. Its own method is cheaper than anyio's function, which
            looks for the loop each time.
    """

    def __init__(
        self,
        tasks: Spawner,
        *,
        keep_seconds: float = 3600.0,
        keep_most: int = 1000,
        clock: Callable[[], float] = anyio.current_time,
    ) -> None:
        self.clock = clock
        self._tasks = tasks
        self._keep_seconds = keep_seconds
        self._keep_most = keep_most
        self._flying: set[Flight] = set()
        self._by_key: dict[Hashable, Flight] = {}
        self._kept: OrderedDict[Hashable, float] = OrderedDict()
        self._total = 0
        self._failed = 0
        self._empty: anyio.Event | None = None

    def find(self, key: Hashable, body: bytes | None = None) -> Flight | None:
        """The flight of that key, flying or kept; `Conflict` if its request was another one."""
        self._forget_old()
        flight = self._by_key.get(key)
        if flight is not None and body is not None:
            if flight.cancelled and not flight.ended:
                return None  # its end is certain: who asks again wants another one
            if flight.body != body:
                raise Conflict("this request_id was given to a different request")
        return flight

    def launch(self, flight: Flight) -> Flight:
        """Starts a flight as a task of the daemon. One with an id waits for the end of a cancelled
        one that had it: that still has to take its own beginning out of the journal.
        """
        self._total += 1
        flight.started = self.clock()
        self._flying.add(flight)
        if flight.key is not None:
            before = self._by_key.get(flight.key)
            if flight.lasting and before is not None and not before.ended:
                flight.after = before.landed = before.landed or anyio.Event()
            self._by_key[flight.key] = flight
        self._tasks.start_soon(self._fly, flight)
        return flight

    async def _fly(self, flight: Flight) -> None:
        try:
            await flight.run()
        finally:
            self._land(flight)

    def _land(self, flight: Flight) -> None:
        self._flying.discard(flight)
        if flight.landed is not None:
            flight.landed.set()
        if flight.result is None:
            self._failed += 1
        # A cancelled flight may have given its key to a successor already.
        if flight.key is not None and self._by_key.get(flight.key) is flight:
            if flight.lasting and flight.result is not None and not flight.recorded:
                self._kept[flight.key] = self.clock() + self._keep_seconds
            else:  # failures are not kept: the same id may be sent again. What is recorded is read
                del self._by_key[flight.key]
        self._forget_old()
        if self._empty is not None and not self._flying:
            self._empty.set()

    def _forget_old(self) -> None:
        now = self.clock() if self._kept else 0.0
        while self._kept:
            key, until = next(iter(self._kept.items()))
            if until > now and len(self._kept) <= self._keep_most:
                return
            del self._kept[key]
            del self._by_key[key]

    def spawn(self, func: Callable[[T], Awaitable[None]], arg: T) -> None:
        """Runs `func(arg)` beside the flights, and no longer than they."""
        self._tasks.start_soon(func, arg)

    def cancel_all(self, reason: str) -> None:
        """Ends every flight, since the daemon stops."""
        for flight in list(self._flying):
            flight.cancel(reason, unwanted=False)

    async def drained(self) -> None:
        """Returns when nothing flies."""
        while self._flying:
            self._empty = self._empty or anyio.Event()
            await self._empty.wait()
            self._empty = None

    def statistics(self) -> FlightStatistics:
        """A snapshot."""
        return FlightStatistics(len(self._flying), len(self._kept), self._total, self._failed)
