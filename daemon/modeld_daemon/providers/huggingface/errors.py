"""From what the engine says went wrong to modeld's errors. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping

from modeld.errors import (
    EngineError,
    InvalidRequest,
    ModeldError,
    ModelNotFound,
    PermissionDenied,
    PrerequisiteError,
    ProviderError,
)

from ..engine.engine import LoadFailed
from ..engine.words import CallFailed

PROVIDER = "hf"
OVERFLOW = "context_overflow"

_REASONS: Mapping[str, type[ModeldError]] = {
    "invalid_request": InvalidRequest,
    "not_found": ModelNotFound,
    "permission": PermissionDenied,
    "prerequisite": PrerequisiteError,
}


def is_overflow(failure: CallFailed) -> bool:
    """Whether the prompt is longer than the context, which is a sad result and no error."""
    return failure.detail.get("type") == OVERFLOW


def call_error(failure: CallFailed, model: str) -> ModeldError:
    """The error of a call that the engine refused or could not finish."""
    if failure.kind == "invalid":
        kind = _REASONS.get(str(failure.detail.get("reason")), InvalidRequest)
        return kind(failure.message, provider=PROVIDER, model=model)
    if failure.kind == "memory":
        return EngineError(
            f"The engine ran out of memory: {failure.message}. Fewer calls at once (batch_size), a "
            "smaller dtype or a smaller max_tokens need less.",
            provider=PROVIDER,
            model=model,
        )
    return ProviderError(
        failure.message or "The engine failed without a reason.", provider=PROVIDER, model=model
    )


def load_error(failed: LoadFailed, model: str) -> ModeldError:
    """The error of a model that cannot be loaded."""
    if failed.failure.kind == "memory":
        return EngineError(failed.failure.message, provider=PROVIDER, model=model)
    return call_error(failed.failure, model)
