"""The log of one server: a file of its owner's alone, bounded, without the server's key."""

from __future__ import annotations

import os
import threading
from pathlib import Path

__all__ = ["ServerLog"]

_MOST_BYTES = 10 * 1024 * 1024
_LONGEST = 4000


class ServerLog:
    """Lines go to the file as they come. A full one is kept as `….1`, and so is the last start's.

    Args:
        path: The file; its folder is made.
        key: What is never written.
    """

    def __init__(self, path: Path, key: str) -> None:
        self._path = path
        self._key = key
        self._lock = threading.Lock()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._begin()

    def write(self, line: str) -> str:
        """Writes a line; gives what was written."""
        line = line.rstrip().replace(self._key, "…")[:_LONGEST]
        data = f"{line}\n".encode("utf-8", "replace")
        with self._lock:
            try:
                if self._size + len(data) > _MOST_BYTES:
                    os.close(self._file)
                    self._begin()
                os.write(self._file, data)
                self._size += len(data)
            except OSError:
                pass  # a full disk ends no server
        return line

    def beside(self, suffix: str, text: str) -> Path:
        """A file next to the log that only its owner can read."""
        path = Path(f"{self._path}{suffix}")
        path.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def _begin(self) -> None:
        if self._path.exists():
            self._path.replace(f"{self._path}.1")
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(self._path, flags, 0o600)
        self._size = 0
