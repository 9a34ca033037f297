"""A started program with all that it has started in turn."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from pathlib import Path

__all__ = ["adopt_orphans", "end_all"]

_PR_SET_CHILD_SUBREAPER = 36
_PAUSE = 0.02
_ORPHAN_SECONDS = 0.5
"""What the others have once the leader, which cares for them, has ended."""
_LAST_SECONDS = 2.0


def adopt_orphans() -> None:
    """Makes this process the parent of whatever its descendants leave behind, so that nothing of
    them is lost from sight, whichever session it is in. Only Linux can.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end_all(leader: int, patience: float) -> None:
    """Ends all descendants of this process: asks the group of `leader`, and kills what is left.

    Args:
        leader: The program's process, which leads a group of its own.
        patience: Seconds that the leader has from being asked until it is killed.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while leader in _living(leader) and time.monotonic() < deadline:
        time.sleep(_PAUSE)
    deadline = time.monotonic() + _ORPHAN_SECONDS
    while _living(leader) and time.monotonic() < deadline:
        time.sleep(_PAUSE)
    deadline = time.monotonic() + _LAST_SECONDS
    while (left := _living(leader)) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_PAUSE)


def _living(leader: int) -> list[int]:
    """The descendants that run. Without /proc, the leader if it does."""
    if sys.platform != "linux":
        try:
            os.killpg(leader, 0)
        except OSError:
            return []
        return [leader]
    parents = dict(_parents())
    own = os.getpid()
    return [pid for pid in parents if pid != own and own in _line(pid, parents)]


def _line(pid: int, parents: dict[int, int]) -> list[int]:
    """A process, its parent, and so on."""
    line = []
    while pid in parents and pid not in line:
        line.append(pid)
        pid = parents[pid]
    return line


def _parents() -> list[tuple[int, int]]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, ValueError, IndexError):
                # After the name, which may hold anything: state and parent.
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
                if state not in "ZX":
                    found.append((int(folder.name), int(parent)))
    return found
