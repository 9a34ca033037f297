"""What a fork of the program must find still: no message on its way, and nobody who connects."""

from __future__ import annotations

import os
import threading
from functools import cache
from typing import Protocol
from weakref import WeakSet

__all__ = ["connecting", "hold_messages_at_forks", "keep_all_for_ever", "live", "made"]

HOLD_SECONDS = 1.0
"""Longest time that a fork waits for a message on its way: a daemon that reads nothing must not
stop it."""


class Held(Protocol):
    """A link."""

    def hold_messages(self) -> None:
        """Returns when no message is on its way into grpc; the next one waits."""

    def let_messages_go(self) -> None:
        """Ends `hold_messages`."""

    def keep_for_ever(self) -> None:
        """Nothing of it is ever freed."""


made: WeakSet[Held] = WeakSet()
live: WeakSet[Held] = WeakSet()
_held: list[Held] = []
_forking = threading.RLock()
"""Held from before a fork until after it: grpc's handlers do not expect a second thread that forks."""
_forker = 0
"""The thread that holds it."""


def keep_all_for_ever() -> None:
    """At the end of the program: threads of grpc that hold a lock of a stream may be stopped any
    moment now, and whoever frees the stream would wait for that lock for ever.
    """
    for link in list(made):
        link.keep_for_ever()


@cache
def hold_messages_at_forks() -> None:
    """Grpc stops its threads before a fork. The one that sends holds the lock of its stream while
    it is stopped, if a message is on its way; the one that receives may need that lock before it
    can stop. Then grpc gives up after 5 s, and its state in the child is such that every call
    hangs. So no message is on its way when grpc's own handler runs.

    Handlers run last registered first: this is called when grpc's are.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child
        )


class _Quiet:
    """Lets no thread connect while the program forks: grpc skips its handlers where another thread
    is inside it, and then its state in the child is such that every call hangs.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._held = False

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_error: object) -> None:
        self._lock.release()

    def hold(self) -> None:
        """Waits for who connects, and lets nobody begin."""
        self._held = self._lock.acquire(timeout=HOLD_SECONDS)  # of one fork at a time

    def let_go(self) -> None:
        """Ends `hold`."""
        if self._held:
            self._held = False
            self._lock.release()

    def renew(self) -> None:
        """In a forked child: whoever held it is not here."""
        self.__init__()  # type: ignore[misc]


connecting = _Quiet()
"""Held by whoever makes a link."""


def _in_child() -> None:
    global _forking, _forker  # who holds it, or waits for it, is not here
    _forking, _forker = threading.RLock(), 0
    _held.clear()
    connecting.renew()


def _before_fork() -> None:
    global _forker  # noqa: PLW0603  # there is one for the process
    _forking.acquire()
    _forker = threading.get_ident()
    connecting.hold()
    for link in list(live):
        _held.append(link)
        link.hold_messages()


def _after_fork() -> None:
    global _forker  # noqa: PLW0603  # there is one for the process
    if _forker != threading.get_ident():  # a signal's handler has raised while it waited
        return
    for link in _held:
        link.let_messages_go()
    _held.clear()
    connecting.let_go()
    _forker = 0
    _forking.release()
