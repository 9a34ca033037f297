"""The HTTP door of llama.cpp's server, which opens it whether one wants it or not.

By default it is a port of the loopback that answers everyone. Here it is a unix socket in a folder
of mode 0700, with a random key, and its name is gone as soon as the model is loaded: on Linux a
descriptor of the nameless socket is kept, through which this process alone still gets in (it
counts tokens there). Elsewhere the name stays until the process ends.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LONGEST_SOCKET_PATH = 100
"""Bytes; Linux takes 107, macOS 103."""

_PREFIX = "modeld-engine-"
_SOCKET = "e.sock"
_STALE_SECONDS = 3600.0


class Door:
    """The way in."""

    def __init__(self) -> None:
        self.key = secrets.token_urlsafe(32)
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        if len(bytes(folder / _SOCKET)) > LONGEST_SOCKET_PATH:
            folder.rmdir()
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir="/tmp"))
        _sweep(folder.parent)
        self.path = folder / _SOCKET
        self._way = str(self.path)

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Around the load: afterwards nobody finds the door any more."""
        try:
            yield
        except BaseException:
            self.remove()
            raise
        if sys.platform == "linux":
            self._way = f"/proc/self/fd/{os.open(self.path, os.O_PATH | os.O_CLOEXEC)}"
            self.remove()

    def remove(self) -> None:
        """Takes the name away."""
        _remove(self.path.parent)

    def ask(self, method: str, target: str, body: Any = None) -> tuple[int, Any]:
        """One request; returns its status and its JSON."""
        connection = _UnixConnection(self._way)
        with contextlib.closing(connection):
            connection.request(
                method,
                target,
                None if body is None else json.dumps(body),
                {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
            )
            response = connection.getresponse()
            return response.status, json.loads(response.read())


def _remove(folder: Path) -> None:
    with contextlib.suppress(OSError):
        (folder / _SOCKET).unlink(missing_ok=True)
        folder.rmdir()


def _sweep(parent: Path) -> None:
    """Removes what engines left that were killed while they loaded."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            status = folder.lstat()
            if status.st_uid == os.getuid() and time.time() - status.st_mtime > _STALE_SECONDS:
                _remove(folder)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
