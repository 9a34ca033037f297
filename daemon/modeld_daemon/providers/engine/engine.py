"""A native engine in a child process, as its users see it: always there.

The process is started by the first call and again by the first call after its death. A call that
was in the process when it died fails with `EngineError`; a call that the process had not begun
with moves to the next process unnoticed. An engine that keeps dying while it loads is left alone
for a while.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import anyio

from modeld.errors import EngineError

from .process import EngineProcess, OnEvent, OnLine, log
from .watchdog import Limits
from .words import CallFailed, Death, JsonObject, Reply


class OnWait(Protocol):
    """Hears why a call waits."""

    def __call__(
        self, reason: str, position: int | None, progress: float | None = None, /
    ) -> object:
        """The call waits.

        Args:
            reason: "loading" or "slots".
            position: Place in the queue, 1 is next.
            progress: Of the load, from 0 to 1, where the engine tells.
        """


_NONE: Mapping[str, str] = {}

MOST_FAILED_STARTS = 3
COOLING_SECONDS = 30.0
"""After that many failed starts in a row, none is tried for so long."""


class LoadFailed(Exception):
    """The engine runs but could not open what it was to open.

    Args:
        failure: What the engine says.
        lines: The last lines of its error stream.
    """

    def __init__(self, failure: CallFailed, lines: list[str]) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.lines = lines


class EngineDied(EngineError):
    """The engine's process ended during the call, or before it was ready for it."""

    death: Death


@dataclass(frozen=True, slots=True)
class EngineStatistics:
    """A snapshot of one engine."""

    name: str
    pid: int | None
    """Process id, if a process runs."""
    loaded: bool
    """Whether it is ready to answer."""
    in_flight: int
    """Calls in the process."""
    users: int
    """Callers that hold on to it."""
    waiting: int
    """Calls that wait for a slot."""
    starts: int
    """Processes started so far."""


class _Start:
    """One process and the outcome of its load."""

    def __init__(self, process: EngineProcess) -> None:
        self.process = process
        self.done = anyio.Event()
        self.reply: Reply | None = None
        self.lines: list[str] = []
        self.waiting: list[OnWait] = []
        """Those who want to hear how far it is."""

    def moved(self, event: JsonObject) -> None:
        """The process says how far it is."""
        for on_wait in self.waiting:
            on_wait("loading", None, event.get("progress"))


class Engine:
    """One program with one thing opened.

    Args:
        name: What people call it, such as "smollm2-135m-instruct".
        program: Module that runs in the process.
        opening: Body of its first call, "load".
        slots: Calls that it takes at once; the others queue here, first come, first served.
        provider: Provider named in errors.
        limits: How long things may take.
        environment: Variables that the process has beside those that every engine has.
        on_line: Told each line of the process's error stream, when it comes.
    """

    def __init__(
        self,
        name: str,
        program: str,
        opening: JsonObject,
        *,
        slots: int,
        provider: str,
        limits: Limits,
        environment: Mapping[str, str] = _NONE,
        on_line: OnLine | None = None,
    ) -> None:
        self.name = name
        self.users = 0
        """Callers that hold on to the engine; its owner counts them and stops it when there are none."""
        self.opened: JsonObject = {}
        """Result of the last load."""
        self.opening = opening
        self._program = program
        self._slots = anyio.Semaphore(slots)
        self._provider = provider
        self._limits = limits
        self._environment = environment
        self._on_line = on_line
        self._start: _Start | None = None
        self._processes: list[EngineProcess] = []
        """The running one and those that are about to end."""
        self._starts = 0
        self._failed_starts: deque[float] = deque(maxlen=MOST_FAILED_STARTS)
        self._last_trouble = ""

    async def call(
        self,
        op: str,
        body: JsonObject,
        *,
        on_event: OnEvent | None = None,
        on_wait: OnWait | None = None,
        slot: bool = True,
    ) -> JsonObject:
        """Makes a call; cancelling the task ends it in the process, too.

        Raises `EngineDied` when the process dies, `CallFailed` when it says that the call
        failed, `LoadFailed` when it cannot open what it should.

        Args:
            op: Name of the program's handler.
            body: Its argument.
            on_event: Called with each part of the answer.
            on_wait: Called when the call has to wait.
            slot: Whether the call needs one of the engine's slots.
        """
        said = False

        def heard(event: JsonObject) -> None:
            nonlocal said
            said = True
            if on_event is not None:
                on_event(event)

        for last_try in (False, True):
            process = await self._running(on_wait)
            if slot:
                await self._take_slot(on_wait)
            reply = await self._ask(process, op, body, heard, slot=slot)
            if reply.death is None or reply.accepted or last_try:
                return self._outcome(reply, "stream" if said else "first_token")
        raise AssertionError

    async def ready(self, on_wait: OnWait | None = None) -> EngineProcess:
        """The process, once it has loaded; `opened` is then what it said of itself.

        For programs whose calls do not go through here, since what they opened answers by itself.
        """
        return await self._running(on_wait)

    def stop(self) -> None:
        """Ends the process; a later call starts another."""
        if self._start is not None:
            self._start.process.stop()

    async def aclose(self) -> None:
        """Ends the process and waits until it is gone."""
        self.stop()
        for process in self._processes:
            await process.gone.wait()

    def statistics(self) -> EngineStatistics:
        """A snapshot."""
        start = self._start
        alive = start is not None and start.process.death is None
        return EngineStatistics(
            name=self.name,
            pid=start.process.pid if start is not None and alive else None,
            loaded=start is not None and alive and start.done.is_set(),
            in_flight=start.process.in_flight if start is not None else 0,
            users=self.users,
            waiting=self._slots.statistics().tasks_waiting,
            starts=self._starts,
        )

    async def _running(self, on_wait: OnWait | None) -> EngineProcess:
        """A process that has loaded. Whoever waits for it may leave; the load goes on."""
        start = self._start
        if start is None or start.process.death is not None:
            start = self._start = self._begin()
        if not start.done.is_set():
            if on_wait is not None:
                on_wait("loading", None)
            await self._loading(start, on_wait)
        assert start.reply is not None
        if start.reply.failure is not None:
            raise LoadFailed(start.reply.failure, start.lines)
        if start.reply.death is not None:
            self._outcome(start.reply)
        return start.process

    @staticmethod
    async def _loading(start: _Start, on_wait: OnWait | None) -> None:
        if on_wait is not None:
            start.waiting.append(on_wait)
        try:
            await start.done.wait()
        finally:
            if on_wait is not None:
                start.waiting.remove(on_wait)

    def _begin(self) -> _Start:
        self._check_cooling()
        try:
            start = _Start(
                EngineProcess(self._program, self._limits, self._environment, self._on_line)
            )
        except OSError as error:
            raise EngineError(
                f"The engine of {self.name} cannot be started: {error}.", provider=self._provider
            ) from None
        self._starts += 1
        self._processes = [process for process in self._processes if process.death is None]
        self._processes.append(start.process)
        log.info("engine process %d of %s started", start.process.pid, self.name)
        start.process.submit(
            "load",
            self.opening,
            lambda reply: self._loaded(start, reply),
            start.moved,
            loading=True,
        )
        return start

    def _loaded(self, start: _Start, reply: Reply) -> None:
        start.reply = reply
        if reply.result is not None:
            self.opened = reply.result
            self._failed_starts.clear()
        else:
            # What is wrong with the request is the caller's matter, and is told each time.
            if reply.failure is None or reply.failure.kind != "invalid":
                self._failed_starts.append(asyncio.get_running_loop().time())
            self._last_trouble = str(reply.death or reply.failure)
            start.lines = start.process.last_lines()
            start.process.stop()
            if self._start is start:
                self._start = None
        start.done.set()

    def _check_cooling(self) -> None:
        if len(self._failed_starts) < MOST_FAILED_STARTS:
            return
        left = self._failed_starts[-1] + COOLING_SECONDS - asyncio.get_running_loop().time()
        if left > 0:
            raise EngineError(
                f"The engine of {self.name} failed {MOST_FAILED_STARTS} times in a row while "
                f"loading and is left alone for a while. The last time: {self._last_trouble}",
                provider=self._provider,
                retry_after=round(left, 1),
            )

    async def _take_slot(self, on_wait: OnWait | None) -> None:
        try:
            self._slots.acquire_nowait()
        except anyio.WouldBlock:
            if on_wait is not None:
                on_wait("slots", self._slots.statistics().tasks_waiting + 1)
            await self._slots.acquire()

    async def _ask(
        self,
        process: EngineProcess,
        op: str,
        body: JsonObject,
        on_event: OnEvent,
        *,
        slot: bool,
    ) -> Reply:
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

        def ended(reply: Reply) -> None:
            # Not when the caller leaves: a cancelled call has its slot until the process is out
            # of it, else the next call would wait in there, where it cannot be cancelled.
            if slot:
                self._slots.release()
            if not future.done():
                future.set_result(reply)

        id = process.submit(op, body, ended, on_event)
        try:
            return await future
        except asyncio.CancelledError:
            process.cancel(id)
            raise

    def _outcome(self, reply: Reply, phase: str | None = None) -> JsonObject:
        """The result, or a fresh exception: many may wait for the same dead process."""
        if reply.death is not None:
            died = EngineDied(
                f"The engine of {self.name} ended during the call: {reply.death}.",
                provider=self._provider,
                phase=phase,
            )
            died.death = reply.death
            raise died
        if reply.failure is not None:
            raise reply.failure
        assert reply.result is not None
        return reply.result
