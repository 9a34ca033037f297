"""Ends the daemons of a home by signal, which works when nothing else does.

A signal goes to a process only if it is the very one that wrote the record (start time and boot
are compared), and on Linux through a pidfd: between the look and the signal the number cannot
pass to another process.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..discovery import Home, Record, check_home, process_start

__all__ = ["Stopped", "running", "stop", "wait_for_end"]

_STEP_SECONDS = 0.01
_FORCE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Stopped:
    """Which daemons ended, and which did not in the time given."""

    ended: list[Record] = field(default_factory=list)
    running: list[Record] = field(default_factory=list)


def running(home: Home) -> list[Record]:
    """The living daemons of a home: starting, serving, or draining. The oldest first."""
    if not check_home(home):
        return []
    try:
        names = os.listdir(home.run)
    except FileNotFoundError:
        return []
    records = [Record.read(f"{home.run}/{name}") for name in names if name.endswith(".json")]
    alive = [record for record in records if record is not None and record.is_alive()]
    return sorted(alive, key=lambda record: record.started_at)


def stop(home: Home, *, force: bool = False, timeout: float | None = None) -> Stopped:
    """Asks all daemons of a home to drain, or with `force` to leave at once, and waits.

    Forced ones that do not leave within the timeout (5 s if none is given) are killed.
    """
    records = running(home)
    with contextlib.ExitStack() as stack:
        processes = [(record, stack.enter_context(_opened(record))) for record in records]
        for record, process in processes:
            _signal(record, process, signal.SIGTERM)
            if force:
                # A second signal forces; the same one twice might arrive as one.
                _signal(record, process, signal.SIGINT)
        if force and timeout is None:
            timeout = _FORCE_SECONDS
        deadline = None if timeout is None else time.monotonic() + timeout
        left = [pair for pair in processes if not _wait(*pair, deadline)]
        if force:
            for record, process in left:
                _signal(record, process, signal.SIGKILL)
            deadline = time.monotonic() + _FORCE_SECONDS
            left = [pair for pair in left if not _wait(*pair, deadline)]
    alive = [record for record, _ in left]
    return Stopped([record for record in records if record not in alive], alive)


def wait_for_end(record: Record, timeout: float | None = None) -> bool:
    """Waits until a daemon's process has ended; False if it has not in time."""
    with _opened(record) as process:
        return _wait(record, process, None if timeout is None else time.monotonic() + timeout)


@contextlib.contextmanager
def _opened(record: Record) -> Iterator[int | None]:
    """A pidfd of the record's process; None if it has ended or the system has none."""
    pidfd: int | None = None
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            pidfd = os.pidfd_open(record.pid)
    try:
        yield pidfd
    finally:
        if pidfd is not None:
            os.close(pidfd)


def _signal(record: Record, pidfd: int | None, number: signal.Signals) -> None:
    # With the pidfd open the number is bound to its process, so this look settles it.
    if not record.is_alive():
        return
    with contextlib.suppress(ProcessLookupError):
        if pidfd is not None and sys.platform == "linux":
            signal.pidfd_send_signal(pidfd, number)
        else:
            os.kill(record.pid, number)


def _wait(record: Record, pidfd: int | None, deadline: float | None) -> bool:
    if pidfd is not None and record.is_alive():
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
        return bool(poll.poll(left))
    while process_start(record.pid) == record.start_time:
        if deadline is not None and time.monotonic() > deadline:
            return False
        time.sleep(_STEP_SECONDS)
    return True
