"""From exceptions of PyTorch, transformers and the hub to what the daemon is told. Runs in the
engine's process.

https://huggingface.co/docs/huggingface_hub/package_reference/utilities#errors
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from huggingface_hub import errors as hub

from ..engine.words import CallFailed

_FULL = ("out of memory", "can't allocate memory", "not enough memory")

_ABSENT = (
    "It is not in the hub's cache on this machine, and the hub cannot be reached (or HF_HUB_OFFLINE "
    "is set)."
)

# The first kind that is in the chain of causes counts: the narrower ones come first.
_HUB: tuple[tuple[type[BaseException], str, str], ...] = (
    (
        hub.GatedRepoError,
        "permission",
        "The repository is gated: ask for access on its page and set HF_TOKEN to your token.",
    ),
    (
        hub.RepositoryNotFoundError,
        "not_found",
        "There is no such repository at the hub. If it is private, set HF_TOKEN.",
    ),
    (hub.RevisionNotFoundError, "not_found", "The repository has no such revision."),
    (hub.LocalEntryNotFoundError, "not_found", _ABSENT),
    (hub.OfflineModeIsEnabled, "not_found", _ABSENT),
    (hub.HFValidationError, "invalid_request", "It is no name of a repository."),
)


def failure_of(error: BaseException) -> CallFailed:
    """What the daemon is told of an exception in the middle of work."""
    if isinstance(error, CallFailed):
        return error
    if is_full(error):
        return CallFailed("memory", _line(error))
    return CallFailed("defect", f"{type(error).__name__}: {_line(error)}")


def load_failure(error: Exception, what: str) -> CallFailed:
    """What the daemon is told when something cannot be loaded.

    Args:
        error: What was raised.
        what: What should be loaded, such as "The model 'a/b'".
    """
    if isinstance(error, CallFailed):
        return error
    if is_full(error):
        return CallFailed("memory", f"{what} needs more memory than there is: {_line(error)}")
    for kind, reason, words in _HUB:
        if any(isinstance(cause, kind) for cause in _causes(error)):
            return refused(f"{what} cannot be loaded. {words}", reason)
    if isinstance(error, ImportError):
        return refused(f"{what} needs a package: {_line(error)}", "prerequisite")
    if "trust_remote_code" in str(error):
        return refused(
            f"{what} comes with code of its own. It runs only if the model arg trust_remote_code "
            "is true and the daemon's config.toml allows it: [providers.hf] trust_remote_code = "
            "true",
            "prerequisite",
        )
    return refused(f"{what} cannot be loaded: {_line(error)}", "invalid_request")


def refused(message: str, reason: str) -> CallFailed:
    """What the caller must change; the reason is the name of an error's reason in modeld."""
    return CallFailed("invalid", message, {"reason": reason})


def is_full(error: BaseException) -> bool:
    """Whether memory ran out, of the device or of the machine."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in _FULL)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:500]
