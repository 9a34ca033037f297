"""Finds the daemon, or starts it: one daemon, however many clients ask at once.

    record -> connect            the usual way: no lock, a fraction of a millisecond
    lifecycle.lock               whoever has it may start a daemon; the others wait, and leave as
                                 soon as the record is written
    record -> connect, again     somebody may have started one while this process waited
    daemon.lock held?            a daemon that somebody else started is on its way; wait for it
    spawn, readiness pipe        READY, FAILED or death; death is tried again, a few times

The locks are flocks, so a process killed at any point holds nothing up. Nothing that a dead daemon
leaves behind is trusted: its record leads to a socket that refuses, and its lock is free.
The client's lock only saves work. What makes two daemons impossible is the daemon's own
daemon.lock, taken before it makes its socket.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import struct
import sys
import time

from ..discovery import Home, Lock, Record, check_home, host, locate, prepare_home, process_start
from ..errors import DaemonUnavailable
from ..settings import Settings
from .spawn import Outcome, spawn

__all__ = ["endpoint", "ensure", "probe", "serving"]

_CONNECT_SECONDS = 0.25
_START_SECONDS = 60.0
_STEP_SECONDS = 0.01
_DEATHS = 5
_PEER = struct.Struct("3i")


def endpoint(settings: Settings | None = None, home: Home | None = None) -> str:
    """Target for grpc: the address that the user names, or that of the daemon found or started."""
    settings = settings or Settings.from_environment()
    if settings.address is not None:
        return settings.address
    return ensure(home or locate(), autostart=settings.autostart).endpoint


def ensure(home: Home, *, autostart: bool = True, timeout: float = _START_SECONDS) -> Record:
    """The record of a daemon that accepts connections; starts one if there is none."""
    record = serving(home)
    if record is not None:
        return record
    if not autostart:
        raise DaemonUnavailable(
            f"No daemon is running in {home.path}, and MODELD_AUTOSTART=0 forbids to start one. "
            "Start it with 'modeld start'."
        )
    prepare_home(home)
    deadline = time.monotonic() + timeout
    lock = _wait_for_turn(home, deadline)
    if isinstance(lock, Record):
        return lock
    try:
        return _start(home, deadline)
    finally:
        lock.release()


def serving(home: Home) -> Record | None:
    """The record of the daemon that accepts connections now, or None. Starts nothing."""
    record = Record.read(home.record)
    # Only a folder that nobody else can write to may say where the token is sent.
    if record is None or not check_home(home) or not probe(record.endpoint):
        return None
    return record


def probe(endpoint: str, timeout: float = _CONNECT_SECONDS) -> bool:
    """Whether somebody listens on a unix socket; an error if it is another user.

    A plain socket, because a failed connect of grpc leaves a back-off behind that delays the
    next one of the whole process.
    """
    path = endpoint.removeprefix("unix:")
    deadline = time.monotonic() + timeout
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.settimeout(timeout)
        while True:
            try:
                peer.connect(path)
            except BlockingIOError:
                # The queue of connections is full, which takes a living listener.
                if time.monotonic() > deadline:
                    return True
                time.sleep(_STEP_SECONDS)
            except TimeoutError:
                return True
            except OSError as error:
                if error.errno in (errno.EACCES, errno.EPERM):
                    raise DaemonUnavailable(f"The socket {path} may not be used.") from error
                return False
            else:
                return _is_served(peer, path)


def _is_served(peer: socket.socket, path: str) -> bool:
    """Whether the listener at the other end lives, and is this user's."""
    if sys.platform != "linux":
        return True
    pid, user, _ = _PEER.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    if user != os.geteuid():
        raise DaemonUnavailable(f"The socket {path} is served by another user (id {user}).")
    # A killed daemon's socket may take connections for a millisecond after its death, until the
    # kernel has ended what io_uring still does with it. 0 is a process of another container.
    return pid == 0 or process_start(pid) is not None


def _wait_for_turn(home: Home, deadline: float) -> Lock | Record:
    """Waits for lifecycle.lock; gives the record instead if a daemon begins to serve meanwhile."""
    seen = _written_at(home)
    while (lock := Lock.take(home.lifecycle_lock)) is None:
        if time.monotonic() > deadline:
            raise DaemonUnavailable(
                f"Another process holds {home.lifecycle_lock} and has not started a daemon in "
                "time. End it, or set MODELD_HOME to another folder."
            )
        time.sleep(_STEP_SECONDS)
        if (now := _written_at(home)) != seen:
            seen = now
            record = serving(home)
            if record is not None:
                return record
    return lock


def _written_at(home: Home) -> tuple[int, int] | None:
    try:
        found = os.stat(home.record)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _start(home: Home, deadline: float) -> Record:
    """Starts a daemon, with lifecycle.lock held, until one serves."""
    deaths = 0
    outcome = Outcome("held")
    while time.monotonic() < deadline:
        record = serving(home)
        if record is not None:
            return record
        if Lock.is_held(home.daemon_lock):
            # Not started through this lock: by hand, or by a client that was killed meanwhile.
            outcome = Outcome("held")
            _check_holder(home)
            time.sleep(_STEP_SECONDS)
            continue
        outcome = spawn(home, deadline)
        if outcome.kind == "error":
            raise DaemonUnavailable(_explain("The daemon cannot start", outcome, home))
        deaths += outcome.kind == "died"
        if deaths == _DEATHS:
            raise DaemonUnavailable(
                _explain(f"The daemon died while starting, {deaths} times", outcome, home)
            )
    if outcome.kind == "held":
        raise DaemonUnavailable(
            f"A daemon {_holder(home)[1]} holds {home.daemon_lock}, but it does not answer. "
            "End it with 'modeld stop --force'."
        )
    raise DaemonUnavailable(_explain("The daemon did not start in time", outcome, home))


def _check_holder(home: Home) -> None:
    """An error if the lock is held on another machine: its socket cannot be reached from here."""
    where, who = _holder(home)
    if where not in ("", host()):
        raise DaemonUnavailable(
            f"The daemon of {home.path} runs on another machine, {where} {who}. Set MODELD_HOME "
            "to a folder on a disk of this machine."
        )


def _holder(home: Home) -> tuple[str, str]:
    """Host of the holder of daemon.lock, and its process in words."""
    try:
        note = json.loads(Lock.read_note(home.daemon_lock))
        return str(note["host"]), f"(process {note['pid']})"
    except (ValueError, KeyError, TypeError):
        return "", "(process unknown)"


def _explain(what: str, outcome: Outcome, home: Home) -> str:
    reason = f": {outcome.reason.strip().rstrip('.')}" if outcome.reason else ""
    # The last lines hold the reason; all of them are in the log.
    log = f"\nThe end of {home.log}:\n{outcome.log}\n" if outcome.log else f" Log: {home.log}."
    return f"{what}{reason}.{log}"
