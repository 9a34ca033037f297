"""The part of an engine that runs in its own process: takes calls, answers pings, ends with the
daemon.

The main thread reads from the daemon and does nothing else, so that pings and cancels are heard
while all other threads are deep in native code. Each call has a thread of its own; a program
bounds their number by what the daemon sends it.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from typing import NoReturn, TypeAlias

from .frames import BadFrame, FrameReader, encode
from .harden import harden
from .words import CallFailed, JsonObject


class Job:
    """One call as the program sees it."""

    def __init__(self, id: int, line: Line) -> None:
        self.id = id
        self.cancelled = False
        """Set from outside; the program should end the call soon."""
        self.progress = 0
        """Steps done so far; the daemon kills a process whose call makes none for long."""
        self._line = line

    def emit(self, event: JsonObject) -> None:
        """Sends a part of the answer."""
        self._line.send({"say": "event", "id": self.id, "event": event})


Handler: TypeAlias = Callable[[JsonObject, Job], JsonObject]
"""Takes the body of a call, returns its result. It runs in a thread of its own.

A `CallFailed` goes to the daemon as it is, `MemoryError` and `ValueError` under their kinds."""


class Line:
    """The connection to the daemon; any thread may send.

    Args:
        sock: The socket.
        at_end: Called before the process ends because nobody is there any more.
    """

    def __init__(self, sock: socket.socket, at_end: Callable[[], None]) -> None:
        self._sock = sock
        self.at_end = at_end
        self._lock = threading.Lock()

    def send(self, message: JsonObject) -> None:
        """Sends one message. The process ends if nobody is there to hear it."""
        frame = encode(message)
        try:
            with self._lock:
                self._sock.sendall(frame)
        except OSError:
            self.at_end()
            leave(0)

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
    """Serves the daemon at the other end of file descriptor 0 until it is gone.

    Args:
        handlers: What can be called.
        at_end: Ends what this process has started, when the daemon is gone or wants it to end. It
            may be called more than once, from any thread. With it the system does not end the
            process together with the daemon.
    """
    sock = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    harden(parent=int(sys.argv[1]), dies=at_end is None)
    desk = _Desk(handlers, Line(sock, at_end or (lambda: None)))
    reader = FrameReader()
    while data := desk.line.receive():
        try:
            for message in reader.feed(data):
                desk.take(message)
        except BadFrame as error:
            sys.stderr.write(f"the daemon sent {error}\n")
            desk.line.at_end()
            leave(3)
    desk.line.at_end()
    leave(0)


class _Desk:
    """Hands messages to threads."""

    def __init__(self, handlers: Mapping[str, Handler], line: Line) -> None:
        self.line = line
        self._handlers = handlers
        self._jobs: dict[int, Job] = {}

    def take(self, message: JsonObject) -> None:
        match message["say"]:
            case "call":
                job = self._jobs[message["id"]] = Job(message["id"], self.line)
                self.line.send({"say": "accepted", "id": job.id})
                work = (self._handlers[message["op"]], message["body"], job)
                threading.Thread(target=self._work, args=work, daemon=True).start()
            case "cancel":
                if (job_or_none := self._jobs.get(message["id"])) is not None:
                    job_or_none.cancelled = True
            case "ping":
                progress = {str(job.id): job.progress for job in list(self._jobs.values())}
                self.line.send({"say": "pong", "progress": progress})

    def _work(self, handler: Handler, body: JsonObject, job: Job) -> None:
        try:
            answer: JsonObject = {"say": "done", "result": handler(body, job)}
        except CallFailed as failure:
            answer = {"say": "failed", "failure": failure.to_dict()}
        except Exception as error:  # noqa: BLE001  # one call's defect must not end the others
            answer = {"say": "failed", "failure": _failure(error).to_dict()}
        del self._jobs[job.id]
        self.line.send({**answer, "id": job.id})


def _failure(error: Exception) -> CallFailed:
    if isinstance(error, MemoryError):
        return CallFailed("memory", "there is not enough memory")
    if isinstance(error, ValueError):
        return CallFailed("invalid", str(error))
    return CallFailed("defect", f"{type(error).__name__}: {error}")
