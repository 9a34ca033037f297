"""The log of a task while it runs: one file of finished samples, then the whole log.

What stays in memory of a finished sample is where its line begins, and its scores.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import PrerequisiteError
from .log import EvalLog, EvalSample
from .log_file import dumps, part_path, read_eval_log_samples, write_lines


class LogWriter:
    """Writes a log. Nothing that was added is lost, also when this process is killed."""

    def __init__(self, log: EvalLog, path: Path) -> None:
        self._log = log
        self._path = path
        self._part = part_path(path)
        self._places: dict[tuple[int, int], int] = {}
        log._location = str(path)  # noqa: SLF001 - where it will be
        write_lines(path, log.header(), [])
        self._file = self._part.open("w+b")

    def add(self, place: tuple[int, int], sample: EvalSample) -> None:
        """Keeps a finished sample.

        Args:
            place: Epoch and place in the dataset, which order the log.
            sample: The sample.
        """
        line = dumps(sample.to_dict()).encode()
        self._places[place] = self._file.seek(0, os.SEEK_END)
        self._file.write(line + b"\n")
        self._file.flush()

    def finish(self) -> EvalLog:
        """Writes the whole log; its samples are read when they are asked for.

        Raises:
            PrerequisiteError: The disk takes no more; what is finished stays beside the log.
        """
        try:
            write_lines(self._path, self._log.header(), self._lines())
            self._file.close()
        except OSError as error:
            with contextlib.suppress(OSError):  # of what is still in its buffer
                self._file.close()
            raise PrerequisiteError(
                f"The log {self._path} cannot be written: {error.strerror}. What is finished is kept "
                f"in {self._part}. Make room, and go on: modeld eval-retry {self._path}"
            ) from error
        self._part.unlink(missing_ok=True)
        path = self._path
        self._log.read_later(lambda: list(read_eval_log_samples(path)))
        return self._log

    def _lines(self) -> Iterator[str]:
        for _, offset in sorted(self._places.items()):
            self._file.seek(offset)
            yield self._file.readline().decode().rstrip("\n")
