"""The program in the engine's process: one loaded model of llama.cpp. Run with `-m`."""

from __future__ import annotations

import resource
import time
from typing import Any, TypeAlias

import xllamacpp

from ..engine.serve import Job, serve
from ..engine.words import CallFailed
from .door import Door
from .stream import Chunks

JsonObject: TypeAlias = dict[str, Any]

_METRIC = "llamacpp:"


class Model:
    """What `load` has loaded, and what can be done with it."""

    def __init__(self) -> None:
        self._server: Any = None
        self._door: Door

    def load(self, body: JsonObject, job: Job) -> JsonObject:  # noqa: ARG002  # a handler
        """Loads a model. The interpreter is deaf meanwhile: xllamacpp keeps the lock."""
        began = time.monotonic()
        self._door = Door()
        try:
            with self._door.opening():
                self._server = xllamacpp.Server(_parameters(body, self._door))
        except RuntimeError as error:
            # It says nothing; the reason is on the error stream, where the daemon reads it.
            raise CallFailed("engine", str(error)) from None
        _, properties = self._door.ask("GET", "/props")
        context = properties["default_generation_settings"]["n_ctx"]
        return {"n_ctx": context, "seconds": time.monotonic() - began}

    def generate(self, body: JsonObject, job: Job) -> JsonObject:
        """Makes one answer; `body["stream"]` says whether its parts are wanted."""
        began = time.monotonic()
        chunks = Chunks()

        def on_chunk(chunk: JsonObject) -> bool:
            """Returns whether decoding should stop."""
            job.progress += 1
            if job.cancelled:
                return True
            event = chunks.take(chunk)
            if event is not None and body["stream"]:
                job.emit(event)
            return chunks.error is not None

        if not job.cancelled:
            self._server.handle_chat_completions(body["request"], on_chunk)
        if job.cancelled:
            raise CallFailed("cancelled", "the call was cancelled")
        if chunks.error is not None:
            raise CallFailed("engine", str(chunks.error.get("message", "")), chunks.error)
        return {**chunks.result(), "seconds": time.monotonic() - began}

    def count(self, body: JsonObject, job: Job) -> JsonObject:  # noqa: ARG002  # a handler
        """Counts the tokens of a conversation, template included. Needs no slot."""
        status, answer = self._door.ask("POST", "/v1/chat/completions/input_tokens", body)
        if status != 200:
            error = answer.get("error", {})
            raise CallFailed("engine", str(error.get("message", "")), error)
        return {"tokens": answer["input_tokens"]}

    def stats(self, body: JsonObject, job: Job) -> JsonObject:  # noqa: ARG002  # a handler
        """llama.cpp's own counters: tokens and decodes so far, calls in slots; and memory."""
        counters: JsonObject = {}
        for line in self._server.handle_metrics().splitlines():
            name, _, value = line.partition(" ")
            if name.startswith(_METRIC):
                counters[name.removeprefix(_METRIC)] = float(value)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {"counters": counters, "peak_kilobytes": peak}


def _parameters(body: JsonObject, door: Door) -> Any:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = body["path"]
    parameters.n_parallel = body["n_parallel"]
    parameters.n_ctx = body["n_ctx"] * body["n_parallel"]  # it is divided among the slots
    parameters.n_batch = parameters.n_ubatch = body["n_batch"]
    parameters.cpuparams.n_threads = body["n_threads"]
    parameters.cpuparams_batch.n_threads = body["n_threads"]
    parameters.hostnames = [str(door.path)]
    parameters.api_keys = [door.key]
    parameters.endpoint_slots = False
    parameters.endpoint_metrics = True
    parameters.ui = False
    parameters.n_threads_http = 2
    parameters.fit_params = False  # what the caller asks for, not what the machine guesses
    parameters.cache_ram_mib = 0  # 8 GB by default
    parameters.verbosity = 1  # errors only
    return parameters


def main() -> None:
    """Serves until the daemon is gone."""
    model = Model()
    serve(
        {
            "load": model.load,
            "generate": model.generate,
            "count": model.count,
            "stats": model.stats,
        }
    )


if __name__ == "__main__":
    main()
