"""The program that keeps one server: starts it, waits for its health, writes its log, ends with it.

It stands between the daemon and the server, since a server has processes of its own that a signal at
the daemon's death would not reach, and a log that must be read all the time and may hold the key. It
ends all of them when its socket to the daemon ends, however the daemon ended.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any, TypeAlias

from ..engine.serve import Job, leave, serve
from ..engine.words import CallFailed
from . import tie
from .log import ServerLog
from .tree import adopt_orphans, end_all

__all__ = ["SERVER_DIED", "main"]

JsonObject: TypeAlias = dict[str, Any]

SERVER_DIED = 70
"""The exit code when the server has ended; its last lines and the cause are on the error stream."""

_HOST = "127.0.0.1"
_LOOK_SECONDS = 0.2
_HEALTH_TIMEOUT = 10.0
_PATIENCE = 5.0
"""Seconds that the server has to end by itself."""
_ENDS = re.compile(rb"(?<=\n)|(?<=\r)(?!\n)")
"""Ends of lines, and of what is drawn over."""
_SHARDS = re.compile(r"checkpoint shards:\s+(\d+)%")
"""How far vLLM and SGLang say that they are with the weights."""
_LAST_WORDS = 0.3
"""Seconds in which the rest of its output is read after its end."""


class Keeper:
    """The server, from its start to its end."""

    def __init__(self) -> None:
        self._popen: subprocess.Popen[bytes] | None = None
        self._lock = threading.RLock()
        self._ending = False
        self._loaded = False
        self._exited = threading.Event()
        self._cause = ""
        self._lines: deque[str] = deque(maxlen=20)

    def load(self, body: JsonObject, job: Job) -> JsonObject:
        """Starts the server and waits until it is healthy; gives its URL and its key.

        Args:
            body: `command`, `environment`, `log`, `key_variable` and `seconds`; `own` says that the
                command runs on this interpreter.
            job: Hears how far the load is, where the server says it.
        """
        key = secrets.token_hex(32)  # nothing in it that an option or YAML could be
        port = _free_port()
        command = [*body["command"], f"--host={_HOST}", f"--port={port}"]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", **body["environment"]}
        if not body["own"]:
            environment.pop("PYTHONPATH", None)
        log = ServerLog(Path(body["log"]), key)
        options: Path | None = None
        if body["key_variable"] is not None:
            environment[body["key_variable"]] = key
        else:
            # JSON is YAML too, and SGLang takes a file by its suffix.
            options = log.beside(".yaml", json.dumps({"api-key": key}))
            command += ["--config", str(options)]
        work = (command, environment, log, job)
        threading.Thread(target=self._run, args=work, daemon=True).start()
        try:
            self._wait(port, key, body["seconds"])
        finally:
            if options is not None:
                options.unlink(missing_ok=True)
        return {"url": f"http://{_HOST}:{port}/v1", "key": key}

    def end(self) -> None:
        """Ends the server and all that it has started."""
        with self._lock:
            self._ending = True
            if self._popen is not None:
                end_all(self._popen.pid, _PATIENCE)

    def _run(
        self, command: list[str], environment: dict[str, str], log: ServerLog, job: Job
    ) -> None:
        """The server's life. The system ends the server when this thread ends."""
        log.write(f"$ {' '.join(command)}")
        with self._lock:
            if self._ending:
                return
            try:
                self._popen = popen = subprocess.Popen(
                    [sys.executable, "-I", "-S", tie.__file__, str(os.getpid()), *command],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    cwd="/",
                    env=environment,
                    start_new_session=True,
                )
            except OSError as error:
                self._cause = f"cannot be started: {error}"
                self._exited.set()
                return
        reader = threading.Thread(target=self._read, args=(popen, log, job), daemon=True)
        reader.start()
        code = popen.wait()
        reader.join(_LAST_WORDS)  # what it started may hold its output open
        self._cause = _describe(code)
        log.write(f"the server {self._cause}")
        self._exited.set()
        if self._loaded and not self._ending:
            sys.stderr.write("\n".join([*self._lines, self._cause]) + "\n")
            sys.stderr.flush()
            self.end()
            leave(SERVER_DIED)

    def _read(self, popen: subprocess.Popen[bytes], log: ServerLog, job: Job) -> None:
        assert popen.stdout is not None
        rest = b""
        while data := os.read(popen.stdout.fileno(), 1 << 16):
            *lines, rest = _ENDS.split((rest + data)[-(1 << 20) :])
            for line in lines:
                text = line.decode("utf-8", "replace")
                if not self._loaded and (found := _SHARDS.search(text)):
                    job.emit({"progress": int(found[1]) / 100})
                if not text.endswith("\r") and (written := log.write(text)):
                    self._lines.append(written)

    def _wait(self, port: int, key: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._exited.wait(_LOOK_SECONDS):
            if _is_healthy(port, key):
                self._loaded = True
                if self._exited.is_set():  # before it could see that it had been loaded
                    break
                return
            if time.monotonic() > deadline:
                break
        late = f"was not healthy within {seconds:g} s"
        failure = CallFailed("engine", self._cause or late, {"lines": list(self._lines)})
        self.end()
        raise failure


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _is_healthy(port: int, key: str) -> bool:
    """Whether the server answers, to this key. The key is shown to no other user's process."""
    if not _listens(port):
        return False
    for path in ("/health", "/v1/models"):
        connection = http.client.HTTPConnection(_HOST, port, timeout=_HEALTH_TIMEOUT)
        with contextlib.closing(connection):
            try:
                headers = {"Authorization": f"Bearer {key}"} if path != "/health" else {}
                connection.request("GET", path, headers=headers)
                response = connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException):
                return False
            if response.status != 200:
                return False
    return True


def _listens(port: int) -> bool:
    """Whether a process of this user listens there; where the system does not tell, it may."""
    if sys.platform != "linux":
        return True
    where = f"{int.from_bytes(socket.inet_aton(_HOST), sys.byteorder):08X}:{port:04X}"
    try:
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    except OSError:
        return True
    users = {words[7] for line in lines if (words := line.split())[1] == where and words[3] == "0A"}
    return users == {str(os.getuid())}


def _describe(code: int) -> str:
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def main() -> None:
    """Serves until the daemon or the server is gone."""
    keeper = Keeper()
    adopt_orphans()

    def asked(*_: object) -> None:
        keeper.end()
        leave(0)

    signal.signal(signal.SIGTERM, asked)
    serve({"load": keeper.load}, at_end=keeper.end)


if __name__ == "__main__":
    main()
