"""One daemon's ownership of its home, from the lock to the last unlink.

    claim      limits; flock daemon.lock; clear what dead generations left; token; own record
               under run/, so that `stop` finds this process even before and after it serves
    (serve)    the server binds run/<generation>.sock
    publish    daemon.json and the symlink modeld.sock now lead here
    retire     they no longer do, and the lock is free: a successor may start while the last calls
               of this generation go on. Its socket keeps its name, for clients whose stream breaks
               while their answers wait here
    release    nothing of this generation is left

The order is what matters. Binding over a live socket silently succeeds and steals it, and a
server that stops unlinks its path by name, whoever owns that name by then: so the lock comes
before the bind, and each generation has a name of its own. The record is written last, because
its presence means "connect here". All that is removed is first seen to be this generation's own.

kill -9 at any point leaves files behind and nothing else. A lock is free, and the files of a dead
generation are known by its record: no process of that number, start time and boot.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import resource
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from modeld.discovery import (
    Home,
    Lock,
    Record,
    boot_id,
    fault,
    host,
    make_token,
    prepare_home,
    socket_path,
)
from modeld.errors import DaemonUnavailable

__all__ = ["Generation", "Held", "Readiness", "close_inherited", "raise_limits"]

_MOST_FILES = 1 << 20
_STEP_SECONDS = 0.01
_LOCK_SECONDS = 2.0
"""Clients look at the lock by taking it for a moment, and a stopping daemon is soon gone."""

_log = logging.getLogger(__name__)


class Held(DaemonUnavailable):
    """Another daemon holds the home."""


class Generation:
    """This process as the daemon of a home."""

    def __init__(self, home: Home, lock: Lock) -> None:
        # Sortable by time, and never the same for two processes.
        self.name = f"{int(time.time()):08x}{os.urandom(2).hex()}"
        self.home = home
        self.socket = socket_path(home, self.name)
        self.token = ""
        self._lock = lock
        self._published = False

    @classmethod
    def claim(cls, home: Home, wait: float = _LOCK_SECONDS) -> Generation:
        """Takes the home for this process; `Held` if another daemon has it."""
        prepare_home(home)
        deadline = time.monotonic() + wait
        while (lock := Lock.take(home.daemon_lock)) is None:
            # While it waits somebody may wait for it, who could be served by the holder already.
            record = Record.read(home.record)
            if time.monotonic() > deadline or (record is not None and record.is_alive()):
                note = Lock.read_note(home.daemon_lock)
                raise Held(f"Another daemon holds {home.daemon_lock}: {note or 'unknown'}")
            time.sleep(_STEP_SECONDS)
        try:
            lock.note(json.dumps({"host": host(), "pid": os.getpid(), "boot_id": boot_id()}))
            generation = cls(home, lock)
            generation._clear_dead()
            generation.token = make_token(home)
            generation._record().write(generation._own_record)
        except BaseException:
            lock.release()
            raise
        return generation

    @property
    def endpoint(self) -> str:
        """Target for grpc."""
        return f"unix:{self.socket}"

    @property
    def _own_record(self) -> str:
        return f"{self.home.run}/{self.name}.json"

    @property
    def _link_target(self) -> str:
        run = os.path.basename(self.home.run)
        inside = os.path.dirname(self.socket) == self.home.run
        # Relative, so that it holds for whoever sees the home under another name.
        return f"{run}/{self.name}.sock" if inside else self.socket

    def publish(self) -> None:
        """Leads clients here. The server listens already."""
        if not stat.S_ISSOCK(os.lstat(self.socket).st_mode):
            raise DaemonUnavailable(f"{self.socket} is not the socket of this daemon.")
        os.chmod(self.socket, 0o600)
        self._published = True
        temporary = f"{self.home.link}.{self.name}.new"
        try:
            os.symlink(self._link_target, temporary)
            os.rename(temporary, self.home.link)
        except OSError as error:
            raise fault("cannot write", self.home.link, error) from error
        self._record().write(self.home.record)

    def stands(self) -> bool:
        """Whether clients can still find this daemon."""
        return self._lock.stands() and os.path.exists(self.socket)

    def retire(self, *, new_token: bool = False) -> None:
        """Leads no client here any more, and lets a successor start."""
        if self._published and self._lock.stands():
            record = Record.read(self.home.record)
            if record is not None and record.generation == self.name:
                _remove(self.home.record)
            with contextlib.suppress(OSError):
                if os.readlink(self.home.link) == self._link_target:
                    _remove(self.home.link)
            if new_token:
                make_token(self.home, replace=True)
        self._published = False
        self._lock.release()

    def release(self) -> None:
        """Removes all that is left of this generation."""
        self.retire()
        _remove(self.socket)
        _remove(self._own_record)

    def _record(self) -> Record:
        return Record.of_this_process(
            endpoint=self.endpoint, generation=self.name, log=self.home.log
        )

    def _clear_dead(self) -> None:
        """Removes what killed daemons left. The lock is held, so nobody is about to serve."""
        for name in {path.name.partition(".")[0] for path in Path(self.home.run).iterdir()}:
            record = Record.read(f"{self.home.run}/{name}.json")
            if record is not None:
                if record.is_alive():
                    continue  # It drains.
                _remove(_socket_elsewhere(self.home, record))
            for path in Path(self.home.run).glob(f"{name}.*"):
                _remove(str(path))
        for pattern in ("daemon.json.*.new", "token.*.new", "modeld.sock.*.new"):
            for path in Path(self.home.path).glob(pattern):
                _remove(str(path))


def _socket_elsewhere(home: Home, record: Record) -> str:
    """The socket of a record if it is where this home's sockets may be; else an empty name."""
    path = record.endpoint.removeprefix("unix:")
    return path if path == socket_path(home, record.generation) else ""


def _remove(path: str) -> None:
    if not path:
        return
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        # What is left behind is cleared by the next generation.
        _log.warning("cannot remove %s: %s", path, error.strerror)


class Readiness:
    """Tells the process that started the daemon what became of it, once."""

    def __init__(self, fd: int | None) -> None:
        self._fd = fd
        if fd is not None:
            os.set_inheritable(fd, False)

    def ready(self) -> None:
        """The daemon serves."""
        self._say("READY")

    def failed(self, reason: str, *, held: bool = False) -> None:
        """The daemon cannot serve."""
        self._say(f"FAILED {'held' if held else 'error'} {' '.join(reason.split())}")

    def _say(self, line: str) -> None:
        fd, self._fd = self._fd, None
        if fd is None:
            return
        # Whoever started this may have been killed meanwhile; the next client finds the record.
        with contextlib.suppress(OSError):
            os.write(fd, f"{line}\n".encode(errors="replace"))
        os.close(fd)


def close_inherited(keep: int) -> None:
    """Closes what the starting process left open by mistake: pipes of a shell, files, sockets.

    A shell that waits for the end of such a pipe would wait for the daemon's end. Python opens its
    own descriptors uninheritable, so those that are inheritable came from outside.
    """
    for fd in _open_descriptors():
        if fd > 2 and fd != keep:
            with contextlib.suppress(OSError):
                if os.get_inheritable(fd):
                    os.close(fd)


def _open_descriptors() -> Iterator[int]:
    folder = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    yield from (int(name) for name in os.listdir(folder) if name.isdecimal())


def raise_limits() -> None:
    """As many open files as allowed, no core dumps (they hold keys), nothing open to others."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some systems allow a thousand million, and some programs then close them one by one.
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    for wanted in (most, 10_240):  # The kernel of macOS refuses more than its own limit.
        if soft != resource.RLIM_INFINITY and soft < wanted:
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
                return
