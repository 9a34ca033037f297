"""One life of an engine's process, as the daemon sees it: from spawn to reaping.

All methods are synchronous and belong to the thread of the event loop. The process is started
from that thread, too: Linux sends the parent-death signal when the parent *thread* ends.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import anyio

from .frames import BadFrame
from .link import Link
from .watchdog import Limits, Watchdog
from .words import CallFailed, Death, JsonObject, Reply, makes_sense

log = logging.getLogger("modeld.engine")

OnEvent = Callable[[JsonObject], None]
OnReply = Callable[[Reply], None]
OnLine = Callable[[str], None]

# All that an engine may know of the user's environment: where programs, libraries, devices and
# caches are. Never keys.
_KEPT = (
    *("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ", "LD_LIBRARY_PATH"),
    *("USER", "LOGNAME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"),
)
_KEPT_STARTS = ("CUDA_", "HIP_", "ROCR_", "NVIDIA_", "GGML_", "DYLD_")
_NONE: Mapping[str, str] = {}

_MOST_READS = 32
_LONGEST_LINE = 2_000


@dataclass(slots=True)
class _Call:
    on_event: OnEvent | None
    on_reply: OnReply
    accepted: bool = False


class EngineProcess:
    """A running engine. `OSError` when the system gives no process.

    Args:
        program: Module that is run; its `serve` answers us.
        limits: How long things may take.
        environment: Variables that it has beside those that every engine has.
        on_line: Told each line of its error stream, when it comes.
    """

    def __init__(
        self,
        program: str,
        limits: Limits,
        environment: Mapping[str, str] = _NONE,
        on_line: OnLine | None = None,
    ) -> None:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._popen = _spawn(program, theirs, environment)
        except OSError:
            ours.close()
            raise
        self.pid = self._popen.pid
        self.death: Death | None = None
        self.gone = anyio.Event()
        """Set when the process is reaped and every call has its reply."""
        self._limits = limits
        self._cause: str | None = None
        self._hung = False
        self._reaping = False
        self._calls: dict[int, _Call] = {}
        self._last_id = 0
        self._errors = _ErrorStream(self._popen, on_line)
        self._link = Link(ours, self._take, self._lost)
        self._watchdog = Watchdog(limits, lambda: self._link.send({"say": "ping"}), self._kill_hung)

    @property
    def in_flight(self) -> int:
        """Calls without a reply, cancelled ones included."""
        return len(self._calls)

    def submit(
        self,
        op: str,
        body: JsonObject,
        on_reply: OnReply,
        on_event: OnEvent | None = None,
        *,
        loading: bool = False,
    ) -> int:
        """Sends a call; returns its id. `on_reply` is called exactly once, later or now."""
        self._last_id += 1
        id = self._last_id
        if self.death is not None:
            on_reply(Reply(death=self.death, accepted=False))
            return id
        self._calls[id] = _Call(on_event, on_reply)
        self._link.send({"say": "call", "id": id, "op": op, "body": body})
        self._watchdog.begin(id, loading=loading)
        return id

    def cancel(self, id: int) -> None:
        """Asks for the end of a call. Nothing more is heard of it but its reply."""
        call = self._calls.get(id)
        if call is not None:
            call.on_event = None
            self._link.send({"say": "cancel", "id": id})

    def kill(self, cause: str) -> None:
        """Ends the process at once; its calls learn the cause."""
        if self._cause is None and self.death is None:
            self._cause = cause
            self._popen.kill()
            # What it has started may hold the socket open.
            asyncio.get_running_loop().call_later(self._limits.stop_seconds, self._reap)

    def _kill_hung(self, cause: str) -> None:
        self._hung = True
        self.kill(cause)

    def stop(self) -> None:
        """Ends the process in order: it leaves when its socket closes, else it is killed."""
        if self._cause is None and self.death is None:
            self._cause = "was stopped"
            self._link.close()
            self._reap()

    def last_lines(self) -> list[str]:
        """What the process wrote to its error stream last, oldest first."""
        return self._errors.lines()

    def _take(self, message: JsonObject) -> None:
        if not makes_sense(message):
            raise BadFrame("what makes no sense")
        try:
            self._hear(message)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BadFrame(f"what makes no sense: {type(error).__name__}: {error}") from None

    def _hear(self, message: JsonObject) -> None:
        id = message.get("id", 0)
        call = self._calls.get(id)
        if message["say"] != "event":  # code that tells parts without end may hear nothing at all
            self._watchdog.heard()
        match message["say"]:
            case "accepted" if call is not None:
                call.accepted = True
            case "event" if call is not None:
                self._watchdog.moved(id)
                if call.on_event is not None:
                    call.on_event(message["event"])
            case "pong":
                for name, count in message["progress"].items():
                    self._watchdog.moved(int(name), count)
            case "done":
                self._reply(id, Reply(result=message["result"]))
            case "failed":
                self._reply(id, Reply(failure=CallFailed.from_dict(message["failure"])))

    def _reply(self, id: int, reply: Reply) -> None:
        self._watchdog.end(id)
        call = self._calls.pop(id, None)
        if call is not None:
            call.on_reply(reply)

    def _lost(self, reason: str) -> None:
        if reason != "closed its connection":
            self.kill(f"{reason} and was killed")
        self._reap()

    def _reap(self) -> None:
        if not self._reaping:
            self._reaping = True
            self._await_exit(self._limits.stop_seconds)

    def _await_exit(self, patience: float, pause: float = 0.002) -> None:
        """Waits for the exit code, without blocking: the socket's end comes a little before it."""
        if self._popen.poll() is not None:
            self._bury()
            return
        if patience <= 0:
            self._popen.kill()
        next_pause = min(pause * 2, 0.05)
        loop = asyncio.get_running_loop()
        loop.call_later(pause, self._await_exit, patience - pause, next_pause)

    def _bury(self) -> None:
        self._watchdog.stop()
        self._link.close()
        lines = self._errors.lines()
        self._errors.close()
        cause = self._cause or _describe_exit(self._popen.returncode)
        self.death = Death(self.pid, cause, lines[-1] if lines else "", self._hung)
        log.log(
            logging.INFO if cause == "was stopped" else logging.WARNING, "engine %s", self.death
        )
        calls, self._calls = self._calls, {}
        for call in calls.values():
            call.on_reply(Reply(death=self.death, accepted=call.accepted))
        self.gone.set()


class _ErrorStream:
    """The last lines of the process's error stream; read always, so that it never blocks."""

    def __init__(self, popen: subprocess.Popen[bytes], on_line: OnLine | None) -> None:
        assert popen.stderr is not None
        self._file = popen.stderr
        self._on_line = on_line
        self._lines: deque[str] = deque(maxlen=20)
        self._rest = b""
        os.set_blocking(self._file.fileno(), False)
        asyncio.get_running_loop().add_reader(self._file, self._read)

    def lines(self) -> list[str]:
        """All complete lines that are there now, and a last one without an end."""
        reads = 0
        # Bounded: what it has started may hold the stream open and write on.
        while not self._file.closed and reads < _MOST_READS and self._read():
            reads += 1
        rest = [_tidy(self._rest)] if self._rest.strip() else []
        return [*self._lines, *rest]

    def close(self) -> None:
        if self._rest.strip():
            self._take(self._rest)
        if not self._file.closed:
            asyncio.get_running_loop().remove_reader(self._file)
            self._file.close()

    def _read(self) -> bool:
        """Reads once, for whoever writes without end must not hold up the loop; if there was more."""
        try:
            data = os.read(self._file.fileno(), 1 << 16)
        except BlockingIOError:
            return False
        if not data:
            asyncio.get_running_loop().remove_reader(self._file)
            return False
        *lines, self._rest = (self._rest + data)[-(1 << 16) :].split(b"\n")
        for line in lines:
            if line.strip():
                self._take(line)
        return True

    def _take(self, line: bytes) -> None:
        self._lines.append(_tidy(line))
        if self._on_line is not None:
            self._on_line(line.decode("utf-8", "replace").rstrip()[:_LONGEST_LINE])


def _tidy(line: bytes) -> str:
    return line.decode("utf-8", "replace").strip()[:500]


def _spawn(
    program: str, sock: socket.socket, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or name.startswith(_KEPT_STARTS)
    }
    kept |= environment
    # The same code as ours, however we were started; -P keeps the working folder out of it.
    kept["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(
        [sys.executable, "-P", "-m", program, str(os.getpid())],
        stdin=sock.fileno(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd="/",
        env=kept,
        start_new_session=True,
    )


def _describe_exit(code: int) -> str:
    if code >= 0:
        return f"exited with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    if name == "SIGKILL":
        return "was killed by SIGKILL (by somebody, or because memory was full)"
    return f"was killed by {name}"
