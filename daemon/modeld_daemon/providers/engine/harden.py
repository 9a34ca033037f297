"""What an engine's process does to itself first, so that its troubles stay its own.

It does this itself, after exec, because a `preexec_fn` would run between fork and exec of a
process with many threads, where any lock may be held for ever.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

NICENESS = 5
"""The daemon's loop and the user's editor come before tokens."""
OOM_SCORE = 500
"""Added to the chance of being chosen when memory is full: the engine should go, not the daemon."""

_PR_SET_PDEATHSIG = 1


def harden(parent: int, *, dies: bool = True) -> None:
    """Ties this process to its parent and puts it behind everyone else.

    Args:
        parent: Process id of the daemon.
        dies: Whether the system ends it with its parent; else it has something to end first, and
            does so when its socket ends.
    """
    _die_with(parent, dies=dies)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is the daemon's matter
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold prompts, and gigabytes
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    with contextlib.suppress(OSError, ValueError):
        score = Path("/proc/self/oom_score_adj")
        score.write_text(str(min(1000, int(score.read_text()) + OOM_SCORE)))


def _die_with(parent: int, *, dies: bool) -> None:
    """Asks Linux for SIGKILL when the parent ends. Elsewhere the end of the socket has to do.

    The signal comes when the parent's *thread* that forked ends, so engines are started from the
    thread of the daemon's event loop.
    """
    if dies and sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we could ask
        os._exit(0)
