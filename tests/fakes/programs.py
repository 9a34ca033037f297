"""Programs of users as processes of their own, and the daemons that they start."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any, Self

import psutil

__all__ = ["Program", "daemon_pid", "daemons", "kill_daemon", "program", "status", "until"]

DEFAULT = "Default output from mockllm/model"


class Program:
    """A Python program that a user runs: what it prints is read line by line.

    Args:
        text: The program; it may be indented.
        arguments: Its `sys.argv[1:]`.
        variables: Added to the environment; None takes a variable away.
    """

    def __init__(
        self, text: str, *arguments: str, cwd: Path | None = None, **variables: str | None
    ) -> None:
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", **variables}
        self.problems = tempfile.TemporaryFile()  # noqa: SIM115  # closed by __exit__
        self.process = subprocess.Popen(
            [sys.executable, "-c", dedent(text), *arguments],
            env={name: value for name, value in environment.items() if value is not None},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.problems,
            cwd=cwd,
        )
        self._heard = b""

    @property
    def pid(self) -> int:
        return self.process.pid

    def hear(self, seconds: float = 20) -> str:
        """The next line that it prints."""
        assert self.process.stdout
        deadline = time.monotonic() + seconds
        while b"\n" not in self._heard:
            left = deadline - time.monotonic()
            assert left > 0, f"nothing heard for {seconds} s; {self.stderr()}"
            if select.select([self.process.stdout], [], [], left)[0]:
                part = os.read(self.process.stdout.fileno(), 65536)
                assert part, f"it ended; {self.stderr()}"
                self._heard += part
        line, _, self._heard = self._heard.partition(b"\n")
        return line.decode()

    def tell(self, line: str = "") -> None:
        """Gives it a line to read."""
        assert self.process.stdin
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def end(self, seconds: float = 30, *, code: int = 0) -> list[str]:
        """Waits for its end, which must be a good and silent one; what else it printed."""
        out, _ = self.process.communicate(timeout=seconds)
        problems = self.stderr()
        assert self.process.returncode == code, f"code {self.process.returncode}: {problems}"
        assert code or problems == "", problems
        return (self._heard + out).decode().splitlines()

    def stderr(self) -> str:
        """What it complained about."""
        self.problems.seek(0)
        return self.problems.read().decode()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(self.pid).children(recursive=True):
                if not _is_daemon(child):
                    child.kill()
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.problems):
            with contextlib.suppress(OSError):
                stream.close()  # type: ignore[union-attr]  # all three are pipes


@contextlib.contextmanager
def program(text: str, *texts: str, **variables: str | None) -> Iterator[list[str]]:
    """Runs a program to its good end; gives the lines that it printed."""
    with Program(text, *texts, **variables) as one:
        yield one.end()


def _is_daemon(process: psutil.Process, home: str = "") -> bool:
    with contextlib.suppress(psutil.Error):
        words = process.cmdline()
        # The shell that starts one has "-c", and is gone in a moment.
        return "modeld_daemon" in words and home in (*words, "") and "-c" not in words[:2]
    return False


def daemons(home: Path) -> list[psutil.Process]:
    """Processes that serve the home or are about to, whatever its record says."""
    return [process for process in psutil.process_iter() if _is_daemon(process, str(home))]


def daemon_pid(home: Path) -> int:
    """The process that the record names; 0 if there is none."""
    try:
        return int(json.loads((home / "daemon.json").read_text())["pid"])
    except (OSError, ValueError):
        return 0


def kill_daemon(home: Path, number: int = signal.SIGKILL) -> int:
    """Sends the daemon a signal; after SIGKILL it is gone. Its former pid."""
    pid = daemon_pid(home)
    os.kill(pid, number)
    if number == signal.SIGKILL:
        until(lambda: pid not in [process.pid for process in daemons(home)])
    return pid


def status(home: Path) -> dict[str, Any]:
    """What `modeld status --json` says."""
    done = subprocess.run(
        [sys.executable, "-m", "modeld", "status", "--json"],
        env={**os.environ, "MODELD_HOME": str(home)},
        capture_output=True,
        check=False,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def until(true: Callable[[], object], seconds: float = 10.0, step: float = 0.005) -> None:
    """Waits until something is true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(step)


def ended(programs: Iterable[Program], seconds: float = 60) -> list[list[str]]:
    """Waits for the good end of all; what each printed."""
    return [one.end(seconds) for one in programs]
