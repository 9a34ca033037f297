"""The program in the engine's process: one loaded model of transformers. Run with `-m`."""

from __future__ import annotations

import copy
import os
import resource
import time
from typing import Any, TypeAlias

import torch

from ..engine.serve import Job, serve
from ..engine.words import CallFailed
from .batch import Forward
from .decoder import Decoder
from .loading import Loaded, load
from .prompt import Prompts
from .row import Ends, Row
from .sampling import Sampler
from .text import Text

JsonObject: TypeAlias = dict[str, Any]

_TELLING = 0.01
"""Least difference of two shares of a load that are told."""


class Model:
    """What `load` has loaded, and what can be done with it."""

    def __init__(self) -> None:
        self._loaded: Loaded
        self._prompts: Prompts
        self._decoder: Decoder
        self._words: Any = None

    def load(self, body: JsonObject, job: Job) -> JsonObject:
        """Loads a model; tells how far it is."""
        began = time.monotonic()
        torch.set_num_threads(body["threads"])
        told = 0.0

        def on_progress(share: float | None) -> None:
            nonlocal told
            job.progress += 1
            if share is not None and (abs(share - told) >= _TELLING):
                told = share
                job.emit({"progress": share})

        loaded = self._loaded = load(body, on_progress)
        self._prompts = Prompts(loaded.tokenizer)
        # Tokenizers are not made for several threads: the decoder has one of its own.
        self._words = copy.deepcopy(loaded.tokenizer)
        self._decoder = Decoder(Forward(loaded.model))
        return {
            "context": loaded.context,
            "device": str(loaded.model.device),
            "dtype": str(loaded.model.dtype).removeprefix("torch."),
            "seconds": time.monotonic() - began,
        }

    def generate(self, body: JsonObject, job: Job) -> JsonObject:
        """Makes one answer; `body["stream"]` says whether its parts are wanted."""
        began = time.monotonic()
        prompt, begun = self._prompts.encode(body)
        loaded = self._loaded
        if not prompt:
            raise CallFailed("invalid", "The prompt has no tokens.")
        if loaded.context is not None and len(prompt) >= loaded.context:
            raise CallFailed(
                "engine",
                f"The prompt has {len(prompt)} tokens and the model holds {loaded.context}.",
                {"type": "context_overflow", "prompt_tokens": len(prompt)},
            )
        device = loaded.model.device
        row = Row(
            job,
            prompt,
            Sampler(body["sampling"], loaded.model.generation_config, device),
            Text(self._words, body["stop"], begun),
            Ends(loaded.ends, body["max_tokens"], loaded.context),
            logprobs=body["logprobs"],
            stream=body["stream"],
        )
        self._decoder.decode(row)
        return {**row.result(self._tokens), "seconds": time.monotonic() - began}

    def _tokens(self, ids: list[int]) -> list[str]:
        """Tokens as the tokenizer writes them. A head may have more rows than it has words."""
        return [word or "" for word in self._loaded.tokenizer.convert_ids_to_tokens(ids)]

    def count(self, body: JsonObject, job: Job) -> JsonObject:  # noqa: ARG002  # a handler
        """Counts the tokens of a conversation, template included. Needs no slot."""
        return {"tokens": len(self._prompts.encode(body)[0])}

    def stats(self, body: JsonObject, job: Job) -> JsonObject:  # noqa: ARG002  # a handler
        """Steps of the loop so far, and memory."""
        decoder = self._decoder
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {
            "steps": decoder.steps,
            "tokens": decoder.tokens,
            "largest": decoder.largest,
            "peak_kilobytes": peak,
        }


def main() -> None:
    """Serves until the daemon is gone."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
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
