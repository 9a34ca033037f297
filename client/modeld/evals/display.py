"""Plain lines of progress, for programs that call `eval`. The command line draws its own."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from ..errors import InvalidRequest
from .progress import Board, TaskProgress

_SECONDS = 5.0
_WORDS = ("none", "plain", "full", "rich", "conversation", "log")


@contextmanager
def shown(board: Board, display: str | None) -> Iterator[None]:
    """Prints lines while the block runs.

    Args:
        board: What is shown.
        display: "none" or "plain" (all other words of the reference mean "plain"); without it
            INSPECT_DISPLAY says, and else lines are printed on a terminal only.
    """
    word = display or os.environ.get("INSPECT_DISPLAY")
    if word is None:
        word = "plain" if _is_terminal(sys.stderr) else "none"
    if word not in _WORDS:
        raise InvalidRequest(f"display={word!r} is none of {', '.join(_WORDS)}")
    if word == "none":
        yield
        return
    with PlainLines(board, sys.stderr):
        yield


class PlainLines:
    """A line for each task every few seconds, and one when it has ended."""

    def __init__(self, board: Board, out: TextIO, seconds: float = _SECONDS) -> None:
        self._board = board
        self._out = out
        self._seconds = seconds
        self._over = threading.Event()
        self._last: dict[int, str] = {}
        self._thread = threading.Thread(target=self._run, name="modeld-progress", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()
        self.show()

    def show(self) -> None:
        """Prints what has changed since the last time."""
        for number, task in enumerate(list(self._board.tasks)):
            line = progress_line(task)
            if self._last.get(number) != line:
                self._last[number] = line
                print(line, file=self._out, flush=True)

    def _run(self) -> None:
        while not self._over.wait(self._seconds):
            self.show()


def progress_line(task: TaskProgress) -> str:
    """A task in one line."""
    parts = [
        f"{task.task} ({task.model}): {task.done}/{task.total} samples",
        f"{task.input_tokens + task.output_tokens} tokens",
    ]
    parts += [counted(task.errors, "error")] if task.errors else []
    parts += [counted(task.retries, "retry", "retries")] if task.retries else []
    parts += [f"{task.cached} from the cache"] if task.cached else []
    if task.ended is not None:
        parts += [task.score] if task.score else []
        return ", ".join([*parts, f"{task.status} after {task.seconds:.1f} s"])
    left = task.seconds_left
    return ", ".join(parts + ([] if left is None else [f"about {left:.0f} s left"]))


def counted(number: int, one: str, many: str = "") -> str:
    """So many of something, in words."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False
