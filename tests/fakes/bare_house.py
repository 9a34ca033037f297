"""A daemon without gRPC: the real life around a server that only listens and counts.

As a program it takes the daemon's options; HOUSE says what it does, as JSON:
`call` (seconds that one call runs), `crash` (seconds until a background task fails),
`fail` (the server cannot start), `say` (text for every way into the log).
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import socket
import sys
import warnings

import anyio

from modeld_daemon.app.life import Life
from modeld_daemon.app.program import run


class House:
    """What `modeld_daemon.app.compose.House` is, with one scripted call."""

    def __init__(self, script: dict[str, float | str], tasks: anyio.abc.TaskGroup) -> None:
        self._script = script
        self._tasks = tasks
        self._listener = socket.socket(socket.AF_UNIX)
        self._scope = anyio.CancelScope()
        self._landed = anyio.Event()
        self._running = 0
        self._total = 0

    async def start(self, socket_path: str) -> None:
        if "fail" in self._script:
            raise RuntimeError(str(self._script["fail"]))
        self._listener.bind(socket_path)
        self._listener.listen(100)
        if "say" in self._script:
            say_everywhere(str(self._script["say"]))
        for name, what in (("call", self._call), ("crash", self._crash)):
            if name in self._script:
                self._tasks.start_soon(what, float(self._script[name]))

    async def drain(self, grace: float | None) -> None:
        with anyio.move_on_after(grace):
            if self._running:
                await self._landed.wait()

    async def stop(self) -> None:
        self._scope.cancel()
        self._listener.close()

    def in_flight(self) -> int:
        return self._running

    def total(self) -> int:
        return self._total

    async def _call(self, seconds: float) -> None:
        self._running, self._total = 1, 1
        with self._scope:
            await anyio.sleep(seconds)
            logging.getLogger("modeld_daemon.house").info("the call has ended")
        self._running = 0
        self._landed.set()

    async def _crash(self, seconds: float) -> None:
        await anyio.sleep(seconds)
        raise RuntimeError("a task of the root group failed")


def say_everywhere(text: str) -> None:
    print(f"print {text}")
    warnings.warn(f"warning {text}", stacklevel=1)
    logging.getLogger("modeld_daemon.house").info("logger %s", text)
    logging.getLogger("some.library").info("library %s", text)
    ctypes.CDLL(None).puts(f"native {text}".encode())
    ctypes.CDLL(None).fflush(None)
    os.write(2, f"descriptor {text}\n".encode())


def build(life: Life, tasks: anyio.abc.TaskGroup) -> House:
    life.redactor.register("registered-secret")
    return House(json.loads(os.environ.get("MODELD_HOUSE", "{}")), tasks)


if __name__ == "__main__":
    sys.exit(run(None, build))
