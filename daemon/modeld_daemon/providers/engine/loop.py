"""Calls as tasks of one event loop, for programs whose handlers are `async`.

The loop has a thread of its own. It is the loop that says when a call has begun and that answers
pings: so one that is blocked is known, by whatever blocks it, and calls that it had not begun with
can move to the next process.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import Any, TypeAlias

from .serve import Job, leave
from .words import CallFailed, JsonObject

__all__ = ["AsyncHandler", "Loop"]

log = logging.getLogger("modeld.engine")

AsyncHandler: TypeAlias = Callable[[JsonObject, Job], Coroutine[Any, Any, JsonObject]]
"""Takes the body of a call, returns its result. It is cancelled when the call is.

Failures become what those of a `serve.Handler` do."""

LOOP_CLOSED = 4
"""The exit code when somebody has closed the loop."""


class Loop:
    """A `serve.Runner` with an event loop.

    Args:
        handlers: What can be called.
    """

    def __init__(self, handlers: Mapping[str, AsyncHandler]) -> None:
        self._handlers = handlers
        self._tasks: dict[int, asyncio.Task[JsonObject]] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="loop", daemon=True)
        self._thread.start()

    def begin(self, op: str, body: JsonObject, job: Job) -> None:
        self._soon(partial(self._begin, op, body, job))

    def cancel(self, job: Job) -> None:
        self._soon(partial(self._cancel, job.id))

    def when_alive(self, answer: Callable[[], None]) -> None:
        self._soon(answer)

    def finish(self, last: Callable[[], Awaitable[None]], seconds: float) -> None:
        """Cancels all calls and waits for one last thing to be done there, though not for long."""
        if threading.current_thread() is self._thread:
            return

        async def work() -> None:
            for task in self._tasks.values():
                task.cancel()
            await last()

        try:
            asyncio.run_coroutine_threadsafe(work(), self._loop).result(seconds)
        except Exception:  # the process ends all the same
            log.exception("not everything was closed")

    def _begin(self, op: str, body: JsonObject, job: Job) -> None:
        if job.cancelled:
            job.failed(CallFailed("cancelled", "the call was cancelled"))
            return
        job.begin()
        task = self._tasks[job.id] = self._loop.create_task(self._handlers[op](body, job))
        task.add_done_callback(partial(self._ended, job))

    def _cancel(self, id: int) -> None:
        if (task := self._tasks.get(id)) is not None:
            task.cancel()

    def _ended(self, job: Job, task: asyncio.Task[JsonObject]) -> None:
        del self._tasks[job.id]
        if task.cancelled():
            job.failed(CallFailed("cancelled", "the call was cancelled"))
        elif (error := task.exception()) is not None:
            job.failed(error)
        else:
            job.done(task.result())

    def _soon(self, function: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:
            sys.stderr.write("the event loop was closed\n")
            leave(LOOP_CLOSED)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        while not self._loop.is_closed():
            try:
                self._loop.run_forever()  # whoever stops it has calls of others stopped, too
            except BaseException:  # a task raised SystemExit
                log.exception("the event loop was left")
