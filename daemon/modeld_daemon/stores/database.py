"""A database beside an event loop: one thread writes, one reads, and the loop never waits on a disk.

A job is a function and an item. The writer takes all jobs that wait, runs them in one transaction
(group commit) and completes them with one wake-up of the loop; the reader does the same with
lookups. Neighbours with the same function are handed to it together, so that many lookups become
one statement: every step of a statement gives up Python's lock and must win it back from a busy
loop. Threads start, and the file is opened, with the first job.

No job raises for what the disk does. A broken file is replaced and the job repeated. What a new file
would not help (a full disk, another's lock, a read-only folder) loses the job: it gets its default,
`trouble` says why, and for some seconds no other job tries, so that no call waits twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any, Generic, TypeAlias, TypeVar

import anyio.to_thread

from modeld.errors import InternalError

from .file import Broken, DatabaseFile, is_broken, is_full, reason

__all__ = ["Database", "Work"]

log = logging.getLogger("modeld.stores")

A = TypeVar("A")
B = TypeVar("B")

Work: TypeAlias = Callable[[sqlite3.Connection, Sequence[A]], Iterable[B]]
"""Does something for each item, a change inside a transaction, and gives a result for each."""

BOUND_SECONDS = 1.0
"""Longest time that a call waits for a disk; then it goes on as if there were no store."""
RETRY_SECONDS = 5.0
CLOSE_SECONDS = 2.0
_TOLD = 12
"""Whoever calls hears of what was lost for that many times the seconds of a trouble."""
_GROUP = 512
"""Most jobs of one transaction."""


class _Job(Generic[A, B]):
    __slots__ = ("default", "future", "item", "lost", "result", "work")

    def __init__(
        self, work: Work[A, B], item: A, default: B, future: asyncio.Future[None] | None
    ) -> None:
        self.work = work
        self.item = item
        self.default = default
        self.result = default
        self.lost: str | None = None
        """Why it was not done."""
        self.future = future


AnyJob: TypeAlias = _Job[Any, Any]


class Database:
    """One database file.

    Args:
        file: The file.
        losing: What is lost while it cannot be used, as the end of a sentence.
        retry: Seconds for which a trouble is believed.
        bound: Seconds that a job is waited for.
    """

    def __init__(
        self,
        file: DatabaseFile,
        losing: str,
        *,
        retry: float = RETRY_SECONDS,
        bound: float = BOUND_SECONDS,
    ) -> None:
        self.file = file
        self._losing = losing
        self._bound = bound
        self._told = _TOLD * retry
        self._writer = _Worker(file, losing, retry, writes=True)
        self._reader = _Worker(file, losing, retry, writes=False)

    @property
    def trouble(self) -> str | None:
        """What is wrong now and what is lost by that, or what was lost a moment ago; None when all
        is well.
        """
        return self._writer.trouble or self._reader.trouble or self.file.lost(self._told)

    async def read(self, work: Work[A, B], item: A, default: B) -> B:
        """The result of a lookup; the default when the database cannot be used."""
        return (await self._run(self._reader, work, item, default, self._bound)).result

    async def write(self, work: Work[A, B], item: A, default: B) -> B:
        """The result of a change that is committed; the default when it is lost."""
        return (await self._run(self._writer, work, item, default, self._bound)).result

    async def ask(self, work: Work[A, B], item: A, default: B) -> B:
        """As `write`, for whoever wants to know.

        Raises:
            InternalError: The database cannot be used; it names the file.
        """
        job = await self._run(self._writer, work, item, default, None)
        if job.lost is not None:
            raise InternalError(job.lost)
        return job.result

    async def look(self, look: Callable[[sqlite3.Connection], B]) -> B:
        """The result of a long look, over a connection of its own, so that no call waits for it.

        Raises:
            InternalError: The database cannot be used; it names the file.
        """

        def run() -> B:
            try:
                connection, number = self.file.connect()
                try:
                    return look(connection)
                finally:
                    self.file.close(connection, number)
            except (Broken, sqlite3.Error, OSError) as error:
                why = reason(error) or str(error)
                raise InternalError(f"{self.file.path} cannot be used: {why}.") from None

        return await anyio.to_thread.run_sync(run)

    @property
    def full(self) -> bool:
        """Whether there is no room on the disk."""
        return self._writer.full

    async def discard(self) -> None:
        """Deletes the file with all that is in it, which needs no room on the disk, and begins
        another.

        Raises:
            InternalError: The file system does not allow it; it names the file.
        """
        try:
            await anyio.to_thread.run_sync(self.file.discard)
        except OSError as error:
            raise InternalError(f"{self.file.path} cannot be deleted: {error.strerror}.") from None
        # There is room when both have let go of the old file: the first may come too early.
        for worker in (self._reader, self._writer, self._reader):
            worker.retry()
            await self._run(worker, _nothing, None, None, self._bound)

    def post(self, work: Work[A, B], item: A, default: B) -> None:
        """As `write`, from any thread, and nobody waits."""
        self._writer.submit(_Job(work, item, default, None))

    async def aclose(self, last: Work[None, None] | None = None) -> None:
        """Does what was asked for, `last` too, writes the log back into the file, closes it."""
        used = self._reader.running or self._writer.running
        await self._reader.aclose()
        if last is not None and used:
            self.post(last, None, None)
        await self._writer.aclose()

    async def _run(
        self, worker: _Worker, work: Work[A, B], item: A, default: B, bound: float | None
    ) -> _Job[A, B]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        job = _Job(work, item, default, future)
        if not worker.submit(job, loop):
            job.lost = f"{self.file.path} is closed"
            return job
        timer = None if bound is None else loop.call_later(bound, worker.give_up, job)
        try:
            await future
        finally:
            if timer is not None:
                timer.cancel()
        return job


def _nothing(_: sqlite3.Connection, items: Sequence[None]) -> Iterable[None]:
    return items


def _release(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)


class _Worker:
    """A thread with a connection of its own."""

    def __init__(self, file: DatabaseFile, losing: str, retry: float, *, writes: bool) -> None:
        self._file = file
        self._writes = writes
        self._losing = losing
        self._retry = retry
        self._retry_at = 0.0
        self._queue: queue.SimpleQueue[AnyJob | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: sqlite3.Connection | None = None
        self._number = -1
        self.trouble: str | None = None
        self.full = False
        """Whether the trouble is that there is no room."""

    def retry(self) -> None:
        """The trouble is not believed any more."""
        self._retry_at = 0.0

    def give_up(self, job: AnyJob) -> None:
        """A job is not waited for any longer, though it may be done yet."""
        _release(job.future)
        self._say("it does not answer in time")

    @property
    def running(self) -> bool:
        return self._thread is not None and not self._closed

    def submit(self, job: AnyJob, loop: asyncio.AbstractEventLoop | None = None) -> bool:
        """Takes a job; False when the worker is closed."""
        if self._closed:
            return False
        if loop is not None:
            self._loop = loop
        with self._starting:  # the reader may post while the loop submits
            self._start()
        self._queue.put(job)
        return True

    def _start(self) -> None:
        if self._thread is None:
            name = "modeld-writer" if self._writes else "modeld-reader"
            # A daemon thread: a loop that ended without `aclose` must not hold up the process.
            self._thread = threading.Thread(target=self._work, name=name, daemon=True)
            self._thread.start()

    async def aclose(self) -> None:
        thread, closed = self._thread, self._closed
        self._closed = True
        if thread is None or closed:
            return
        self._queue.put(None)
        await anyio.to_thread.run_sync(thread.join, CLOSE_SECONDS)

    def _work(self) -> None:
        going_on = True
        while going_on:
            jobs: list[AnyJob] = []
            with contextlib.suppress(queue.Empty):
                job = self._queue.get()
                while job is not None and len(jobs) < _GROUP:
                    jobs.append(job)
                    job = self._queue.get_nowait()
                if job is None:
                    going_on = False
                else:
                    jobs.append(job)
            if jobs:
                self._do(jobs)
                loop = self._loop  # None before the first job that somebody waits for
                if loop is not None and any(job.future is not None for job in jobs):
                    with contextlib.suppress(RuntimeError):  # the loop has ended
                        loop.call_soon_threadsafe(_complete, jobs)
        self._disconnect()

    def _do(self, jobs: list[AnyJob]) -> None:
        if self.trouble is not None and time.monotonic() < self._retry_at:
            return _lose(jobs, self.trouble)
        for _ in range(3):
            try:
                self._transact(jobs)
            except (Broken, sqlite3.Error, OSError) as error:
                if is_broken(error):
                    if self._replace(error):
                        continue
                    return _lose(jobs, self.trouble)
                if (why := reason(error)) is None:
                    return self._do_apart(jobs, error)
                self._fail(why, full=is_full(error))
                return _lose(jobs, self.trouble)
            except Exception as error:  # noqa: BLE001  # an item at fault must not end the store
                return self._do_apart(jobs, error)
            if self.trouble is not None:
                log.info("%s can be used again", self._file.path)
                self.trouble, self.full = None, False
            return None
        self._fail("it breaks again and again")
        return _lose(jobs, self.trouble)

    def _do_apart(self, jobs: list[AnyJob], error: Exception) -> None:
        """One of them is at fault: the others need not suffer."""
        self._rollback()
        if len(jobs) > 1:
            for job in jobs:
                self._do([job])
            return
        log.warning("%s: %s", self._file.path, error, exc_info=error)
        _lose(jobs, f"{self._file.path}: {error}")

    def _transact(self, jobs: list[AnyJob]) -> None:
        """Runs the jobs in their order; changes become part of the file together or not at all."""
        while True:
            connection = self._connect()
            if self._writes:
                connection.execute("BEGIN IMMEDIATE")
            for work, group in groupby(jobs, key=lambda job: job.work):
                same = list(group)
                results = work(connection, [job.item for job in same])
                for job, result in zip(same, results, strict=True):
                    job.result = result
            if not self._writes:
                return
            connection.execute("COMMIT")
            # Another thread may have found the file broken and set it aside meanwhile.
            if self._file.is_current(self._number):
                return

    def _connect(self) -> sqlite3.Connection:
        if self._connection is not None and not self._file.is_current(self._number):
            self._disconnect()
        if self._connection is None:
            self._connection, self._number = self._file.connect()
        return self._connection

    def _replace(self, error: Exception) -> bool:
        self._disconnect()
        try:
            self._file.replace(self._number, error)
        except OSError as problem:
            self._fail(f"it is broken and cannot be set aside ({problem.strerror})")
            return False
        return True

    def _fail(self, why: str, *, full: bool = False) -> None:
        self._disconnect()
        self._say(why)
        self.full = full
        self._retry_at = time.monotonic() + self._retry

    def _say(self, why: str) -> None:
        trouble = f"{self._file.path} cannot be used: {why}. {self._losing}"
        if trouble != self.trouble:
            log.warning("%s", trouble)
        self.trouble = trouble

    def _rollback(self) -> None:
        if self._connection is not None and self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._file.close(connection, self._number)


def _lose(jobs: list[AnyJob], why: str | None) -> None:
    for job in jobs:
        job.lost = why
        job.result = job.default


def _complete(jobs: list[AnyJob]) -> None:
    for job in jobs:
        _release(job.future)
