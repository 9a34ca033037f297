"""Async work for callers that are not async: in a thread with an event loop of its own.

So it makes no difference whether the caller runs in plain code, in a thread, inside an event loop
that is running (a notebook, an async program) or under trio. The caller waits; Ctrl-C cancels the
work, which then has the time to write its logs; a second one gives up waiting.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


def run_blocking(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What the coroutine returns or raises. KeyboardInterrupt comes after it has been cancelled."""
    started: Future[Callable[[], object]] = Future()
    done: Future[T] = Future()

    async def main() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # this runs in one
        started.set_result(lambda: loop.call_soon_threadsafe(task.cancel))
        return await make()

    def work() -> None:
        try:
            done.set_result(asyncio.run(main()))
        except BaseException as error:  # noqa: BLE001 - it is raised to the caller
            done.set_exception(error)

    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(work,), name="modeld-eval", daemon=True)
    thread.start()
    try:
        return done.result()
    except KeyboardInterrupt:
        started.result()()
        done.exception()  # waits
        raise
