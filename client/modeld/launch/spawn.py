"""Starts one detached daemon and hears from it.

`/bin/sh -c '"$@" &'` is started by posix_spawn, puts the daemon in the background and ends, so
that the daemon has no parent here: no zombie, no ResourceWarning. posix_spawn runs no fork
handler and copies no memory: it is safe among threads and after grpc was imported with fork
support, whose handlers would stop all calls of the process for a fork.

The new session, the signal mask and the default signals are set before the shell runs: a Ctrl-C
meant for the client does not reach the daemon, and a mask or an ignored signal of the client does
not go on into it. Descriptors of the client that are inheritable by mistake are closed by the
daemon itself, before it opens anything.

What comes back on the readiness pipe, line by line:

    PID 4711            the shell; the daemon's process id
    READY               the daemon serves, and its record is written
    FAILED held …       another daemon holds the home
    FAILED error …      why it cannot serve
    end of file         it died without a word

End of file alone is not relied on: a child that another thread forks between pipe() and close()
also holds the writing end, and would keep it open for as long as it lives. So the process is
looked at too.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import re
import select
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ..discovery import Home, process_start
from ..environment import is_sendable
from ..errors import DaemonUnavailable

__all__ = ["Outcome", "daemon_command", "daemon_environment", "spawn", "tail_log"]

_READY_FD = 3
_SHELL = "/bin/sh"
_SCRIPT = 'umask 077; cd / && "$@" & echo "PID $!" >&3'
_NEEDED = ("modeld_daemon", "anyio", "grpc_health", "grpc_reflection")
_INSTALL = "Install it with: pip install 'modeld[daemon]'"
_LOOK_SECONDS = 0.1

# The daemon's environment is never an accident of who started it: what is not named here is not
# handed on. Keys and addresses of providers come with each client's session instead.
_KEPT = re.compile(
    r"HOME|USER|LOGNAME|SHELL|PATH|LANG|LANGUAGE|LC_\w+|TZ|XDG_(?:STATE|DATA|CACHE|CONFIG)_HOME"
    r"|DBUS_SESSION_BUS_ADDRESS|SSL_CERT_FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE"
    r"|PYTHON(?:HOME|PATH|NOUSERSITE|USERBASE|PYCACHEPREFIX|DONTWRITEBYTECODE|UTF8|HASHSEED)"
    r"|(?:LD|DYLD|NIX|CUDA|NVIDIA|HIP|ROCR|GGML|OMP|MKL|OPENBLAS|MALLOC|GRPC|COVERAGE|MODELD)_\w+"
)
_TRUST = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
_CLIENT_ONLY = (
    "GRPC_ENABLE_FORK_SUPPORT",
    "MODELD_ADDRESS",
    "MODELD_AUTOSTART",
    "MODELD_MODEL",
    "MODELD_SESSION",
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one start."""

    kind: Literal["ready", "held", "error", "died"]
    reason: str = ""
    log: str = ""
    """What the daemon wrote to its log meanwhile."""


def spawn(home: Home, deadline: float) -> Outcome:
    """Starts a daemon and waits until it serves or cannot; a deadline (monotonic) ends it."""
    command = daemon_command(home)
    environment = daemon_environment(home, own=command[0] == sys.executable)
    log = _open_log(home)
    try:
        written = os.fstat(log).st_size
        reading = _start(command, environment, log)
    finally:
        os.close(log)
    try:
        outcome = _listen(reading, deadline)
    finally:
        os.close(reading)
    if outcome.kind == "ready":
        return outcome
    return Outcome(outcome.kind, outcome.reason, tail_log(home.log, since=written))


def daemon_command(home: Home) -> list[str]:
    """The program of the daemon: this interpreter if it can, else `modeld` on PATH."""
    own = sys.executable or ""
    is_python = re.search("python|pypy", os.path.basename(own), re.IGNORECASE)
    # Embedded in another program, sys.executable may be that program.
    if is_python and not getattr(sys, "frozen", False) and all(map(_is_installed, _NEEDED)):
        arguments = ["--home", home.path, "--ready-fd", str(_READY_FD)]
        return [own, "-P", "-m", "modeld_daemon", *arguments]
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        program = os.path.join(folder, "modeld")
        # This environment's own `modeld` would find the same packages missing.
        if not os.path.isabs(folder) or os.path.dirname(own) == folder:
            continue
        if os.access(program, os.X_OK) and os.path.isfile(program):
            return [program, "start", "--foreground", "--ready-fd", str(_READY_FD)]
    raise DaemonUnavailable(f"The daemon of modeld is not installed here. {_INSTALL}")


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def daemon_environment(
    home: Home, *, own: bool, environ: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The variables that a daemon starts with. `own`: it runs on this interpreter."""
    kept = {
        name: value
        for name, value in environ.items()
        if _KEPT.fullmatch(name)
        and name not in _CLIENT_ONLY
        and (name in _TRUST or not is_sendable(name))
    }
    kept["MODELD_HOME"] = home.path
    path = kept.pop("PYTHONPATH", "")
    if not own:
        kept.pop("PYTHONHOME", None)  # Both are meant for this interpreter only.
    elif paths := _python_path(path):
        kept["PYTHONPATH"] = os.pathsep.join(paths)
    return kept


def _python_path(inherited: str) -> list[str]:
    """Absolute, as the daemon's working folder is another; and with the roots of this code."""
    paths = [os.path.abspath(path) for path in inherited.split(os.pathsep) if inherited]
    for package in ("modeld", "modeld_daemon"):
        spec = importlib.util.find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or ():
            root = os.path.dirname(os.path.abspath(folder))
            # A folder of installed packages is found anyway, and must not come before the
            # standard library.
            if root not in paths and not root.endswith(("site-packages", "dist-packages")):
                paths.append(root)
    return paths


def _open_log(home: Home) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(home.log, flags, 0o600)
    except OSError as error:
        raise DaemonUnavailable(
            f"The daemon's log {home.log} cannot be opened: {error.strerror}. Remove it, or set "
            "MODELD_HOME to another folder."
        ) from error


def _start(command: list[str], environment: Mapping[str, str], log: int) -> int:
    """Starts the program in the background; gives the reading end of its readiness pipe."""
    reading, writing = os.pipe()
    # A client whose standard streams are closed gets low numbers, which the actions below would
    # overwrite before they are used.
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (log, writing)]
    os.close(writing)
    try:
        shell = os.posix_spawn(
            _SHELL,
            [_SHELL, "-c", _SCRIPT, "modeld", *command],
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, high[0], 1),
                (os.POSIX_SPAWN_DUP2, high[0], 2),
                (os.POSIX_SPAWN_DUP2, high[1], _READY_FD),
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=(signal.SIGCHLD, signal.SIGHUP, signal.SIGPIPE, signal.SIGTERM),
        )
    except OSError as error:
        os.close(reading)
        raise DaemonUnavailable(
            f"The daemon cannot be started: {_SHELL}: {error.strerror}. "
            "Start it by hand with 'modeld start'."
        ) from error
    finally:
        for fd in high:
            os.close(fd)
    # An error if SIGCHLD is ignored here, or another thread waits for all children.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(shell, 0)
    return reading


def _listen(reading: int, deadline: float) -> Outcome:
    pid = 0
    heard = b""
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    while (left := deadline - time.monotonic()) > 0:
        ended = pid > 0 and process_start(pid) is None
        if poll.poll(0 if ended else min(left, _LOOK_SECONDS) * 1000):
            part = os.read(reading, 65536)
            ended = not part
            heard += part
        *lines, _ = heard.decode(errors="replace").split("\n")
        for line in lines:
            word, _, rest = line.partition(" ")
            if word == "PID" and rest.isdecimal():
                pid = int(rest)
            elif word == "READY":
                return Outcome("ready")
            elif word == "FAILED":
                kind, _, reason = rest.partition(" ")
                return Outcome("held" if kind == "held" else "error", reason)
        if ended:
            return Outcome("died", "it ended without a word")
    if pid > 0 and process_start(pid) is not None:
        # It may hold the home's lock, and then nobody could ever start another.
        os.kill(pid, signal.SIGKILL)
    return Outcome("error", "it was not ready in time and was ended")


def tail_log(path: str, lines: int = 20, *, since: int = 0) -> str:
    """The last lines of a log, of what was written after the first `since` bytes."""
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            # A log shorter than before was rotated meanwhile.
            start = since if since <= size else 0
            file.seek(max(start, size - 65536))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
