"""A thread with an event loop of its own, in which one extension runs.

An extension that blocks, ends its loop or never ends must not hold up anybody else. So none of its
code runs in the daemon's loop, and nobody waits for its thread: callers wait for values that it
sends. A loop that does not answer for a while is given up, with the calls that wait for it, and
the next call gets another. Threads are daemonic: none of them can keep the daemon from leaving.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from .origin import Origin

__all__ = ["Host", "in_thread", "run_either"]

log = logging.getLogger("modeld.extensions")

T = TypeVar("T")

PING_SECONDS = 1.0
STALL_SECONDS = 30.0
"""Seconds without a sign of life after which a loop is given up."""


def in_thread(origin: Origin, function: Callable[[], T]) -> Future[T]:
    """Runs a function in a thread of its own; its failures are typed."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001  # SystemExit, too: it is not for the daemon
            _settle(future, error=origin.typed(error))
        else:
            _settle(future, result)

    threading.Thread(target=run, name=f"extension {origin.name}", daemon=True).start()
    return future


def _settle(future: Future[T], result: Any = None, error: Exception | None = None) -> None:
    with contextlib.suppress(Exception):  # whoever waited has left
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


async def run_either(origin: Origin, function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function gives that is async, or plain and may block."""
    if inspect.iscoroutinefunction(function):
        return await function(*arguments)
    result = await asyncio.wrap_future(in_thread(origin, lambda: function(*arguments)))
    return await result if inspect.isawaitable(result) else result


class Host:
    """The thread and the loop of one extension."""

    def __init__(self, origin: Origin) -> None:
        self.lost = False
        """Whether it does not answer any more."""
        self._origin = origin
        self._closing = False
        self._answered = time.monotonic()
        self._loop = asyncio.new_event_loop()
        name = f"extension {origin.name}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def ask(
        self, work: Callable[[], Coroutine[Any, Any, T]], expired: Callable[[], bool] | None = None
    ) -> T:
        """What the work gives, done there. Its failures are typed; cancelling does not wait.

        Args:
            work: Makes the coroutine, there.
            expired: Says whether it has taken too long.
        """
        try:
            asked = asyncio.run_coroutine_threadsafe(self._guarded(work), self._loop)
        except RuntimeError:
            self.lost = True
            raise self._origin.fault("it has closed its event loop") from None
        future = asyncio.wrap_future(asked)
        self._answered = max(self._answered, time.monotonic())
        try:
            while not (await asyncio.wait({future}, timeout=PING_SECONDS))[0]:
                self._ping()
                if expired is not None and expired():
                    raise self._origin.fault("it has not answered in time")
            if future.cancelled():
                raise self._origin.fault("it ended its own call")
            return future.result()
        finally:
            future.cancel()

    def _ping(self) -> None:
        silent = time.monotonic() - self._answered
        if silent > STALL_SECONDS or not self._thread.is_alive():
            self.lost = True
            raise self._origin.fault(
                f"it has blocked its event loop for {silent:.0f} s. Code that blocks belongs into "
                "a plain function: 'def generate', not 'async def generate'"
            )
        self._loop.call_soon_threadsafe(self._answer)

    def _answer(self) -> None:
        self._answered = time.monotonic()

    async def _guarded(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        try:
            return await work()
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise self._origin.typed(error) from None
        except BaseException as error:  # noqa: BLE001  # SystemExit would end the loop
            raise self._origin.typed(error) from None

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        while not (self._closing or self._loop.is_closed()):
            try:
                self._loop.run_forever()
            except BaseException:  # a task of the extension raised SystemExit
                log.exception("%s has left its event loop", self._origin)
        self.lost = True
        if not self._loop.is_closed():
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            with contextlib.suppress(BaseException):
                self._loop.run_until_complete(asyncio.sleep(0))
            self._loop.close()

    def close(self) -> None:
        """Ends the loop, without waiting for it."""
        self._closing = True
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._loop.stop)
