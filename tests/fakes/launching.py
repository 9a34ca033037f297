"""Clients and daemons as processes, for tests of who starts, finds and ends whom."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator

import psutil

from modeld import launch
from modeld.discovery import Home, Record
from modeld.errors import DaemonUnavailable

ASK = "from modeld.discovery import locate; from modeld.launch import ensure; "
CLIENT = ASK + "print(ensure(locate()).pid)"


@contextlib.contextmanager
def only_for_a_while(home: Home) -> Iterator[Home]:
    """Ends all daemons of the home, also those that its record does not name."""
    yield home
    with contextlib.suppress(DaemonUnavailable):
        launch.stop(home, force=True, timeout=3)
    for process in daemons(home):
        process.kill()


def daemons(home: Home) -> list[psutil.Process]:
    """Processes that serve the home or are about to, whatever its record says."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            if "modeld_daemon" in words and home.path in words and "-c" not in words[:2]:
                found.append(process)
    return found


def client(home: Home, program: str = CLIENT, **variables: str) -> subprocess.Popen[str]:
    environ = {**os.environ, "MODELD_HOME": home.path, **variables}
    return subprocess.Popen(
        [sys.executable, "-c", program],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answers(clients: list[subprocess.Popen[str]]) -> set[int]:
    """The daemon that each client found."""
    found = set()
    for one in clients:
        out, problems = one.communicate(timeout=30)
        assert one.returncode == 0, problems
        assert problems == ""
        found.add(int(out))
    return found


def kill(record: Record) -> None:
    os.kill(record.pid, signal.SIGKILL)
    assert launch.wait_for_end(record, 5)


def mode(path: str) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)
