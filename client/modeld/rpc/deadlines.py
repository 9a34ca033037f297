"""The client's own end of patience.

A call's `timeout` is kept by the daemon, which knows what the call is doing. Should the daemon
itself hang, nobody would be left to say so: then this one thread does, a little later, for all
calls of the process. It lives as long as there are deadlines.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable

from .threads import start_thread

__all__ = ["GRACE_SECONDS", "Deadlines"]

GRACE_SECONDS = 2.0
"""How much later than the daemon the client gives up."""


class Deadlines:
    """Calls functions when their time has come, unless they were taken back."""

    def __init__(self) -> None:
        # Taken as it is, not by way of the condition: that is left in steps of Python, and Ctrl-C
        # between two of them would leave it taken for ever.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._heap: list[tuple[float, int]] = []
        self._due: dict[int, Callable[[], None]] = {}
        self._numbers = itertools.count()
        self._watched = False

    def add(self, seconds: float, function: Callable[[], None]) -> int:
        """Calls `function` after so many seconds; the number takes it back."""
        with self._lock:
            number = next(self._numbers)
            self._due[number] = function
            if len(self._heap) > 1000 + 4 * len(self._due):  # most were taken back long ago
                self._heap = [entry for entry in self._heap if entry[1] in self._due]
                heapq.heapify(self._heap)
            heapq.heappush(self._heap, (time.monotonic() + seconds, number))
            if not self._watched:
                start_thread(self._watch)
                self._watched = True
            elif self._heap[0][1] == number:
                self._changed.notify()
            return number

    def remove(self, number: int) -> None:
        """Takes a function back; it is no error if it has been called."""
        self._due.pop(number, None)  # its place in the heap is passed over when its time comes

    def _watch(self) -> None:
        while True:
            with self._lock:
                while self._heap and self._heap[0][1] not in self._due:
                    heapq.heappop(self._heap)
                if not self._heap:
                    self._watched = False
                    return
                when, number = self._heap[0]
                wait = when - time.monotonic()
                if wait > 0:
                    self._changed.wait(wait)
                    continue
                heapq.heappop(self._heap)
                function = self._due.pop(number, None)
            if function is not None:
                function()
