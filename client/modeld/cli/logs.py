"""`modeld logs`: the daemon's log, also when the daemon is gone."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from pathlib import Path
from typing import TextIO

import click

from ..discovery import Record, locate
from .command import Command
from .render import is_terminal, printable

EXAMPLES = """\b
Examples:
  modeld logs                 # the last 50 lines
  modeld logs -n 500 | grep ERROR
  modeld logs -f              # and what comes, until Ctrl-C"""

_PAUSE = 0.25


@click.command(cls=Command, epilog=EXAMPLES)
@click.option("-f", "--follow", is_flag=True, help="Go on printing what is written.")
@click.option(
    "-n", "--lines", type=click.IntRange(min=0), default=50, show_default=True, metavar="N",
    help="Lines to begin with; 0 is none.",
)  # fmt: skip
@click.option("--path", "path_only", is_flag=True, help="Print where the log is.")
def logs(follow: bool, lines: int, path_only: bool) -> None:
    """Show the daemon's log."""
    path = log_path()
    if path_only:
        print(path)
        return
    if not path.exists() and not follow:
        raise FileNotFoundError(f"There is no log yet ({path}). 'modeld start' begins one.")
    position = 0
    if path.exists():
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in deque(file, maxlen=lines):
                sys.stdout.write(_shown(line))
            position = file.tell()
    if follow:
        _follow(path, position)


def log_path() -> Path:
    """The log of the daemon that ran last."""
    home = locate()
    record = Record.read(home.record)
    return Path(record.log if record is not None and record.log else home.log)


def tail(path: Path, count: int) -> list[str]:
    """The last lines of a log; none when there is no log."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return [line.rstrip("\n") for line in deque(file, maxlen=count)]
    except OSError:
        return []


def _follow(path: Path, position: int) -> None:
    """Print what is appended. A rotated log is read to its end before the new one is begun."""
    sys.stdout.flush()
    file: TextIO | None = None
    try:
        while True:
            if file is None and path.exists():
                file = path.open(encoding="utf-8", errors="replace")
                file.seek(position)
            if file is not None:
                _drain(file)
                if _replaced(file, path):
                    _drain(file)  # what was written between the last look and the rotation
                    file.close()
                    file, position = None, 0
                    continue
            time.sleep(_PAUSE)
    finally:
        if file is not None:
            file.close()


def _drain(file: TextIO) -> None:
    while text := file.read(65_536):
        sys.stdout.write(_shown(text))
    sys.stdout.flush()


def _shown(text: str) -> str:
    """The text; without control characters when a person looks at it."""
    return printable(text) if is_terminal(sys.stdout) else text


def _replaced(file: TextIO, path: Path) -> bool:
    """Whether the name now stands for another file, or the file was cut."""
    try:
        now = path.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(file.fileno())
    return not os.path.samestat(now, mine) or now.st_size < file.tell()
