"""Threads that the main thread may start, where a signal's handler may raise at any step."""

from __future__ import annotations

import _thread
from collections.abc import Callable

__all__ = ["start_thread"]


def start_thread(work: Callable[[], None]) -> None:
    """Starts a daemon thread, in one step of the interpreter.

    `threading.Thread.start` waits for the thread's first steps with locks that are taken and left in
    Python. Ctrl-C in the middle makes a RuntimeError of it, or leaves the lock that the new thread
    waits for taken for ever.

    Raises:
        RuntimeError: The system has no room for another thread.
    """
    _thread.start_new_thread(work, ())
