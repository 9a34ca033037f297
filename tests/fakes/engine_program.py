"""An engine that does as it is told: the mechanism's tests need deaths on demand."""

from __future__ import annotations

import os
import resource
import sys
import time
from pathlib import Path

from modeld_daemon.providers.engine.serve import Job, serve
from modeld_daemon.providers.engine.words import CallFailed, JsonObject


def load(body: JsonObject, job: Job) -> JsonObject:
    match body.get("mode"):
        case "abort":
            sys.stderr.write("GGML_ASSERT(weights != nullptr) failed\n")
            os.abort()
        case "refuse":
            sys.stderr.write("the file has a hole\n")
            raise CallFailed("engine", "no")
        case "absent":
            raise CallFailed("invalid", "there is no such model")
        case "slow":
            time.sleep(0.3)
        case "steps":
            for share in (0.25, 0.5, 1.0):
                job.emit({"progress": share})
    return {"opened": body.get("mode")}


def echo(body: JsonObject, job: Job) -> JsonObject:
    return {"body": body, "pid": os.getpid()}


def count(body: JsonObject, job: Job) -> JsonObject:
    """Counts until `to`, one event each, until it is cancelled."""
    done = 0
    while done < body["to"]:
        if job.cancelled:
            Path(body.get("mark", os.devnull)).write_text(str(done))
            raise CallFailed("cancelled", "cancelled")
        done += 1
        job.progress += 1
        job.emit({"n": done})
        time.sleep(body.get("pause", 0))
    return {"done": done}


def stall(body: JsonObject, job: Job) -> JsonObject:
    time.sleep(60)
    return {}


def die(body: JsonObject, job: Job) -> JsonObject:
    sys.stderr.write("first line\n\nggml_abort: out of luck\n")
    sys.stderr.flush()
    os.abort()


def hungry(body: JsonObject, job: Job) -> JsonObject:
    raise MemoryError


def babble(body: JsonObject, job: Job) -> JsonObject:
    os.write(job._line._sock.fileno(), b"\xff" * 64)
    time.sleep(60)
    return {}


def ramble(body: JsonObject, job: Job) -> JsonObject:
    job._line.send({"say": "pong", "progress": ["no", "mapping"]})
    time.sleep(60)
    return {}


def surroundings(body: JsonObject, job: Job) -> JsonObject:
    score = Path("/proc/self/oom_score_adj")
    return {
        "environment": dict(os.environ),
        "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
        "nice": os.nice(0),
        "oom": int(score.read_text()) if score.exists() else None,
        "session": os.getsid(0) == os.getpid(),
        "modules": sorted(sys.modules),
    }


if __name__ == "__main__":
    handlers = (load, echo, count, stall, die, hungry, babble, ramble, surroundings)
    serve({handler.__name__: handler for handler in handlers})
