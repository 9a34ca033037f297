"""Becomes another program that ends with its parent: run as `python tie.py PARENT COMMAND...`.

Linux sends the signal when the parent's *thread* that forked ends, and keeps the wish over an exec.
Elsewhere the parent's own care has to do.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ties this process, then is the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before we could ask
        os._exit(0)
    try:
        os.execv(command[0], command)  # noqa: S606  # a shell is what is not wanted
    except OSError as error:
        sys.exit(f"{command[0]} cannot be run: {error.strerror}")


if __name__ == "__main__":
    main()
