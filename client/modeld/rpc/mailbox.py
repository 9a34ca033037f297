"""Where a caller waits for what the thread that reads brings: plain threads, asyncio, trio.

A mailbox belongs to one call and one waiting caller. `put` may be called from any thread and
never blocks. Items for one event loop share a bridge, which wakes the loop once for many items:
a wake-up costs a system call, and a burst of answers would otherwise pay it for each.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, Protocol
from weakref import WeakKeyDictionary, ref

__all__ = ["AsyncMailbox", "Mailbox", "SyncMailbox", "async_mailbox"]


class Mailbox(Protocol):
    """Takes items of a call from the thread that reads."""

    def put(self, item: object) -> None:
        """Hands an item over; from any thread, without waiting."""

    def soon(self, function: Callable[[], None]) -> None:
        """Calls a function soon, and once for all who want that in one turn of an event loop; by the
        caller that waits, before it does.
        """


class SyncMailbox:
    """For callers that are threads."""

    __slots__ = ("_queue",)

    def __init__(self) -> None:
        self._queue: SimpleQueue[object] = SimpleQueue()

    def put(self, item: object) -> None:
        """Hands an item over."""
        self._queue.put(item)

    def soon(self, function: Callable[[], None]) -> None:
        """Calls it at once: a thread has nobody to share with."""
        function()

    def get(self, timeout: float | None = None) -> object:
        """The next item; `queue.Empty` after `timeout` seconds."""
        return self._queue.get(timeout=timeout)


class _Bridge:
    """Carries items into one event loop."""

    def __init__(
        self,
        call_soon: Callable[[Callable[[], None]], object],
        call_next: Callable[[Callable[[], None]], object],
    ) -> None:
        self._call_soon = call_soon
        self._call_next = call_next
        self._due: list[Callable[[], None]] = []
        self._items: deque[tuple[AsyncMailbox, object]] = deque()
        self._called = False

    def put(self, mailbox: AsyncMailbox, item: object) -> None:
        self._items.append((mailbox, item))
        # Two threads may both find the flag down and call twice: that is only a spare wake-up.
        # The loop lowers it before it empties the deque, so that no item is left lying.
        if not self._called:
            self._called = True
            try:
                self._call_soon(self._deliver)
            except RuntimeError:  # the loop is closed: nobody waits any more
                self._items.clear()

    def soon(self, function: Callable[[], None]) -> None:
        """In the loop's own thread: calls the function when the tasks of this turn have run."""
        if function not in self._due:
            if not self._due:  # first: Ctrl-C between the two must not leave what nobody calls
                self._call_next(self._do)
            self._due.append(function)

    def _do(self) -> None:
        due, self._due = self._due, []
        for function in due:
            function()

    def _deliver(self) -> None:
        self._called = False
        items = self._items
        while items:
            mailbox, item = items.popleft()
            mailbox.deliver(item)


class AsyncMailbox:
    """For callers that are tasks of asyncio or trio."""

    __slots__ = ("_bridge", "_items", "_make_waiter", "_wake")

    def __init__(
        self, bridge: _Bridge, make_waiter: Callable[[], tuple[Any, Callable[[], None]]]
    ) -> None:
        self._bridge = bridge
        self._make_waiter = make_waiter
        self._items: deque[object] = deque()
        self._wake: Callable[[], None] | None = None

    def put(self, item: object) -> None:
        """Hands an item over."""
        self._bridge.put(self, item)

    def soon(self, function: Callable[[], None]) -> None:
        """Calls a function at the end of this turn of the loop."""
        self._bridge.soon(function)

    def deliver(self, item: object) -> None:
        """In the loop's own thread: the item is there."""
        self._items.append(item)
        wake, self._wake = self._wake, None
        if wake is not None:
            wake()

    async def get(self) -> object:
        """The next item."""
        while not self._items:
            waiter, self._wake = self._make_waiter()
            try:
                await waiter
            finally:
                self._wake = None
        return self._items.popleft()


_bridges: WeakKeyDictionary[Any, _Bridge] = WeakKeyDictionary()


def _bridge_of(loop: Any, threadsafe: str, own: str) -> _Bridge:
    """The bridge of a loop, with the names of its methods for other threads and for its own."""
    bridge = _bridges.get(loop)
    if bridge is None:
        known = ref(loop)  # a bound method would keep every loop of the process for ever

        def call(method: str, function: Callable[[], None]) -> None:
            alive = known()
            if alive is None:
                raise RuntimeError("the loop is gone")
            getattr(alive, method)(function)

        bridge = _bridges[loop] = _Bridge(partial(call, threadsafe), partial(call, own))
    return bridge


def async_mailbox() -> AsyncMailbox:
    """A mailbox for the running task, be it of asyncio or of trio.

    A task that runs has imported its library, so the library is looked up and never imported.
    """
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        token = trio.lowlevel.current_trio_token()

        def trio_waiter() -> tuple[Any, Callable[[], None]]:
            event = trio.Event()
            return event.wait(), event.set

        return AsyncMailbox(_bridge_of(token, "run_sync_soon", "run_sync_soon"), trio_waiter)
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        raise RuntimeError("no event loop is running; use generate_sync() in plain code")
    loop = asyncio.get_running_loop()

    def asyncio_waiter() -> tuple[Any, Callable[[], None]]:
        future = loop.create_future()

        def wake() -> None:
            if not future.done():
                future.set_result(None)

        return future, wake

    return AsyncMailbox(_bridge_of(loop, "call_soon_threadsafe", "call_soon"), asyncio_waiter)


def forget_loops() -> None:
    """After a fork: the loops of the parent are not here."""
    _bridges.clear()
