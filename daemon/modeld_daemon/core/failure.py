"""What a failed attempt means for the next one, by table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from modeld.errors import ModeldError

__all__ = ["FailureKind", "kind_of", "unreached"]

FailureKind = Literal["rate_limit", "transient", "final"]

_KINDS: Mapping[str, FailureKind] = {
    "rate_limited": "rate_limit",
    "provider_unavailable": "transient",
    "timeout": "transient",  # of the attempt; that of the call ends everything
}
"""By reason. The dialects' tables have decided the reason; what is not here is final: the same
request would fail again, or (an engine that died) may be the cause.
"""


def kind_of(error: ModeldError) -> FailureKind:
    """Whether another attempt may succeed, and when."""
    return _KINDS.get(error.reason, "final")


def unreached(error: ModeldError) -> bool:
    """Whether the server was not even reached: refused, no such name, no trust."""
    return error.phase == "connect"
