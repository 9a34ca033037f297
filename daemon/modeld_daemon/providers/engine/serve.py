"""The part of an engine that runs in its own process: takes calls, answers pings, ends with the
daemon.

The main thread reads from the daemon and does nothing else, so that pings and cancels are heard
while all other threads are deep in native code. Calls run elsewhere: each in a thread of its own
(`Threads`; a program bounds their number by what the daemon sends it), or as tasks of an event loop
(`loop.Loop`).
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from typing import NoReturn, Protocol, TypeAlias

from .frames import BadFrame, FrameReader, encode
from .harden import harden
from .words import CallFailed, JsonObject


class Job:
    """One call as the program sees it."""

    def __init__(self, id: int, line: Line, forget: Callable[[int], object]) -> None:
        self.id = id
        self.cancelled = False
        """Set from outside; the program should end the call soon."""
        self.progress = 0
        """Steps done so far; the daemon kills a process whose call makes none for long."""
        self._line = line
        self._forget = forget

    def begin(self) -> None:
        """Says that the call has begun: from now on no other process may make it."""
        self._line.send({"say": "accepted", "id": self.id})

    def emit(self, event: JsonObject) -> None:
        """Sends a part of the answer."""
        self._line.send({"say": "event", "id": self.id, "event": event})

    def done(self, result: JsonObject) -> None:
        """Ends the call with its result, if it is not too long to be sent."""
        try:
            self._line.send({"say": "done", "id": self.id, "result": result})
        except BadFrame as error:
            self.failed(error)
        else:
            self._forget(self.id)

    def failed(self, error: BaseException) -> None:
        """Ends the call with what went wrong."""
        self._forget(self.id)
        self._line.send({"say": "failed", "id": self.id, "failure": _failure(error).to_dict()})


Handler: TypeAlias = Callable[[JsonObject, Job], JsonObject]
"""Takes the body of a call, returns its result. It runs in a thread of its own.

A `CallFailed` goes to the daemon as it is, `MemoryError` and `ValueError` under their kinds."""


class Runner(Protocol):
    """Where the calls of a program run. Its methods return at once."""

    def begin(self, op: str, body: JsonObject, job: Job) -> None:
        """Begins a call, which will end by `job.done` or `job.failed`."""

    def cancel(self, job: Job) -> None:
        """The call should end soon; `job.cancelled` is set already."""

    def when_alive(self, answer: Callable[[], None]) -> None:
        """Calls the function from where a sign of life must come."""


class Threads:
    """Runs each call in a thread of its own.

    Args:
        handlers: What can be called.
    """

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers

    def begin(self, op: str, body: JsonObject, job: Job) -> None:
        job.begin()
        work = (self._handlers[op], body, job)
        threading.Thread(target=self._work, args=work, daemon=True).start()

    def cancel(self, job: Job) -> None:
        """Handlers look at `job.cancelled` themselves."""

    def when_alive(self, answer: Callable[[], None]) -> None:
        answer()  # as the threads may be deep in native code for long

    @staticmethod
    def _work(handler: Handler, body: JsonObject, job: Job) -> None:
        try:
            result = handler(body, job)
        except Exception as error:  # noqa: BLE001  # one call's defect must not end the others
            job.failed(error)
        else:
            job.done(result)


class Line:
    """The connection to the daemon; any thread may send.

    Args:
        sock: The socket.
        at_end: Called before the process ends because nobody is there any more.
    """

    def __init__(self, sock: socket.socket, at_end: Callable[[], None]) -> None:
        self._sock = sock
        self._at_end = at_end
        self._ending = False
        self._lock = threading.Lock()

    def send(self, message: JsonObject) -> None:
        """Sends one message. The process ends if nobody is there to hear it."""
        frame = encode(message)
        try:
            with self._lock:
                self._sock.sendall(frame)
        except OSError:
            if not self._ending:  # else the main thread is at it
                self._at_end()
                leave(0)

    def end(self, code: int) -> NoReturn:
        """Ends the process: the daemon is gone or wants it to end."""
        self._ending = True
        self._at_end()
        leave(code)

    def receive(self) -> bytes:
        """More bytes, or none at the end."""
        try:
            return self._sock.recv(1 << 18)
        except OSError:
            return b""


def leave(code: int) -> NoReturn:
    """Ends the process now: native threads would hold up an orderly exit."""
    os._exit(code)


def serve(handlers: Mapping[str, Handler], at_end: Callable[[], None] | None = None) -> NoReturn:
    """Serves the daemon by handlers, each call in a thread of its own; see `serve_by`.

    With `at_end` the system does not end the process together with the daemon.
    """
    serve_by(Threads(handlers), at_end, dies=at_end is None)


def serve_by(runner: Runner, at_end: Callable[[], None] | None = None, *, dies: bool) -> NoReturn:
    """Serves the daemon at the other end of file descriptor 0 until it is gone.

    Args:
        runner: Where calls run.
        at_end: Ends what this process has started, when the daemon is gone or wants it to end. It
            may be called more than once, from any thread.
        dies: Whether the system ends the process together with the daemon.
    """
    sock = socket.socket(fileno=os.dup(0))
    os.register_at_fork(after_in_child=sock.close)  # else our end would not be seen before theirs
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    harden(parent=int(sys.argv[1]), dies=dies)
    line = Line(sock, at_end or (lambda: None))
    desk = _Desk(runner, line)
    reader = FrameReader()
    while data := line.receive():
        try:
            for message in reader.feed(data):
                desk.take(message)
        except BadFrame as error:
            sys.stderr.write(f"the daemon sent {error}\n")
            line.end(3)
    line.end(0)


class _Desk:
    """Hands messages to the runner."""

    def __init__(self, runner: Runner, line: Line) -> None:
        self._line = line
        self._runner = runner
        self._jobs: dict[int, Job] = {}

    def take(self, message: JsonObject) -> None:
        match message["say"]:
            case "call":
                job = self._jobs[message["id"]] = Job(message["id"], self._line, self._jobs.pop)
                self._runner.begin(message["op"], message["body"], job)
            case "cancel":
                if (job_or_none := self._jobs.get(message["id"])) is not None:
                    job_or_none.cancelled = True
                    self._runner.cancel(job_or_none)
            case "ping":
                self._runner.when_alive(self._pong)

    def _pong(self) -> None:
        progress = {str(job.id): job.progress for job in list(self._jobs.values())}
        self._line.send({"say": "pong", "progress": progress})


def _failure(error: BaseException) -> CallFailed:
    if isinstance(error, CallFailed):
        return error
    if isinstance(error, MemoryError):
        return CallFailed("memory", "there is not enough memory")
    if isinstance(error, ValueError):
        return CallFailed("invalid", str(error))
    return CallFailed("defect", f"{type(error).__name__}: {error}")
