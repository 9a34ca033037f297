"""A program in an engine's place that has the trouble that its model is named after.

It breaks off in the middle of an answer, or loads nothing.
"""

from __future__ import annotations

import os
import signal
import struct
import sys
import time
from pathlib import Path

from modeld_daemon.providers.engine.serve import Job, serve
from modeld_daemon.providers.engine.words import CallFailed, JsonObject

FIRST = "Hello "


class Model:
    """A model that is no good."""

    def __init__(self) -> None:
        self._trouble = ""

    def load(self, body: JsonObject, job: Job) -> JsonObject:  # a handler
        """Opens nothing."""
        self._trouble = Path(body.get("source") or body["path"]).stem
        match self._trouble:
            case "dies with the load":
                sys.stderr.write("GGML_ASSERT(weights != nullptr) failed\n")
                os.abort()
            case "has no memory to load":
                raise MemoryError
            case "has nothing to load":
                raise CallFailed("invalid", "the weights are rubbish")
            case "may not load":
                raise CallFailed("invalid", "the repository is gated", {"reason": "permission"})
        return {"n_ctx": 100}

    def generate(self, body: JsonObject, job: Job) -> JsonObject:
        """The first words of an answer."""
        if body["stream"]:
            job.emit({"text": FIRST})
        wire = job._line._sock.fileno()
        match self._trouble:
            case "is killed":
                os.kill(os.getpid(), signal.SIGKILL)
            case "ends":
                os._exit(0)
            case "goes deaf":
                os.kill(os.getpid(), signal.SIGSTOP)
            case "sends garbage":
                os.write(wire, b"\xff" * 64)
            case "sends nonsense":
                job._line.send({"say": "done", "id": job.id})
            case "sends half a frame":
                os.write(wire, struct.pack(">I", 100) + b'{"say": "done", "id"')
                os._exit(0)
            case "has no memory":
                raise MemoryError
            case "has a defect":
                raise RuntimeError("a tensor has the wrong shape")
        time.sleep(60)
        return {}


if __name__ == "__main__":
    model = Model()
    serve({"load": model.load, "generate": model.generate})
