"""How a model is loaded: the caller's model args, checked, with defaults for this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from modeld.errors import InvalidRequest
from modeld.types import JsonValue

LARGEST_DEFAULT_CONTEXT = 4096
"""Tokens of context per call when nothing is said: memory is paid for all of it at once."""
DEFAULT_PARALLEL = 4
BATCH_PER_THREAD = 12
LARGEST_DEFAULT_BATCH = 64
"""A cancel during the prompt is heard after the batch at hand and at most one more. A batch of 12
tokens takes about 0.1 s on one slow core with the embedded model; one of 64 would take 0.4 s there
and read the whole prompt a fifth faster."""

# Name → least and greatest value.
_NUMBERS: Mapping[str, tuple[int, int]] = {
    "n_ctx": (64, 10_000_000),
    "n_threads": (1, 1024),
    "n_parallel": (1, 64),
    "n_batch": (1, 8192),
}


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """What a model is loaded with; calls with equal options share one loaded model."""

    n_ctx: int | None
    """Tokens of context per call; None takes the model's own, up to `LARGEST_DEFAULT_CONTEXT`."""
    n_threads: int
    n_parallel: int
    """Calls that are decoded together; the others queue."""
    n_batch: int
    """Tokens per batch of the prompt."""

    def context(self, trained: int | None) -> int:
        """Tokens of context per call for a model that was trained with so many."""
        wanted = self.n_ctx or LARGEST_DEFAULT_CONTEXT
        return min(wanted, trained) if trained else wanted


@dataclass(frozen=True, slots=True)
class ModelArgs:
    """The caller's model args."""

    options: LoadOptions
    model_path: str | None = None

    @staticmethod
    def parse(args: Mapping[str, JsonValue]) -> ModelArgs:
        """Checks model args; `InvalidRequest` names the one that is wrong."""
        known = [*_NUMBERS, "model_path"]
        if unknown := sorted(args.keys() - set(known)):
            raise InvalidRequest(
                f"unknown model arg {unknown[0]!r}: local models know {', '.join(known)}"
            )
        numbers = {name: _number(name, args.get(name)) for name in _NUMBERS}
        parallel = numbers["n_parallel"] or DEFAULT_PARALLEL
        threads = numbers["n_threads"] or default_threads()
        batch = min(LARGEST_DEFAULT_BATCH, BATCH_PER_THREAD * threads)
        options = LoadOptions(
            n_ctx=numbers["n_ctx"],
            n_threads=threads,
            n_parallel=parallel,
            # Each call that is being decoded needs a place in the batch.
            n_batch=max(numbers["n_batch"] or batch, parallel),
        )
        path = args.get("model_path")
        if path is not None and not isinstance(path, str):
            raise InvalidRequest(f"model arg 'model_path' must be text, not {path!r}")
        return ModelArgs(options, path)


def default_threads() -> int:
    """All cores that this process may use but one, which stays with the daemon."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return max(1, cores - 1)


def _number(name: str, value: JsonValue) -> int | None:
    if value is None:
        return None
    least, most = _NUMBERS[name]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidRequest(
            f"model arg {name!r} must be a whole number from {least} to {most}, not {value!r}"
        )
    return value
