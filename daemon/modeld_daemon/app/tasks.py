"""Tasks of the daemon that are many and short."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar, cast

__all__ = ["Tasks"]

log = logging.getLogger("modeld.tasks")

T = TypeVar("T")


class Tasks:
    """Starts a task for about 3 µs, where a task group of anyio takes 26 µs.

    It is for flights, of which a busy daemon starts thousands in a second. They never raise, so
    nothing is lost with the group's passing on of errors; what a group gives beside that is here:
    every task is held, and `aclose` ends and awaits them all.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    def start_soon(self, func: Callable[[T], Awaitable[None]], arg: T, /) -> None:
        """Runs `func(arg)` as a task."""
        task = self._loop.create_task(cast("Coroutine[Any, Any, None]", func(arg)))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a task failed", exc_info=task.exception())

    async def aclose(self) -> None:
        """Cancels all tasks and waits for their end."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
