"""From what the engine says went wrong to modeld's errors. Pure functions."""

from __future__ import annotations

import re

from modeld.errors import EngineError, InvalidRequest, ModeldError, ProviderError

from ..engine.engine import LoadFailed
from ..engine.words import CallFailed

PROVIDER = "local"
_OVERFLOW = "exceed_context_size_error"
_REASON = re.compile(r"error loading model: (.*)")
_LOG_PREFIX = re.compile(r"^[\d.]+ [EW] ")
_MEMORY = re.compile(r"alloc|out of memory|not enough memory", re.IGNORECASE)


def is_overflow(failure: CallFailed) -> bool:
    """Whether the prompt is longer than the context, which is a sad result and no error."""
    return failure.detail.get("type") == _OVERFLOW


def call_error(failure: CallFailed, model: str) -> ModeldError:
    """The error of a call that the engine refused or could not finish."""
    if failure.kind == "invalid":
        return InvalidRequest(failure.message, provider=PROVIDER, model=model)
    if failure.kind == "memory":
        return EngineError(
            f"The engine ran out of memory: {failure.message}.", provider=PROVIDER, model=model
        )
    code = failure.detail.get("code")
    if failure.kind == "engine" and isinstance(code, int) and 400 <= code < 500:
        return InvalidRequest(failure.message, provider=PROVIDER, status=code, model=model)
    return ProviderError(
        failure.message or "The engine failed without a reason.", provider=PROVIDER, model=model
    )


def load_error(failed: LoadFailed, path: str, model: str) -> ModeldError:
    """The error of weights that the engine cannot load, with llama.cpp's own reason."""
    reasons = [found[1] for line in failed.lines if (found := _REASON.search(line))]
    last = _LOG_PREFIX.sub("", failed.lines[-1]) if failed.lines else failed.failure.message
    reason = reasons[0] if reasons else last
    if failed.failure.kind == "memory" or any(_MEMORY.search(line) for line in failed.lines):
        return EngineError(
            f"There is not enough memory to load '{path}': {reason}", provider=PROVIDER, model=model
        )
    if failed.failure.kind == "defect":
        return ProviderError(failed.failure.message, provider=PROVIDER, model=model)
    return InvalidRequest(
        f"llama.cpp cannot load '{path}': {reason}", provider=PROVIDER, model=model
    )
