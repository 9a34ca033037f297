"""Limits of a sample: what ends it early without being an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

LimitKind: TypeAlias = Literal["message", "token", "time", "working", "cost"]


@dataclass
class Limits:
    """What ends a sample early. Each sample has its own, which its solvers may change."""

    messages: int | None = None
    tokens: int | None = None
    seconds: float | None = None
    working: float | None = None
    """Seconds without those in which calls wait for a permit or for another attempt."""
    dollars: float | None = None


class LimitExceeded(Exception):
    """A sample has reached a limit. It is scored with what there is."""

    def __init__(self, kind: LimitKind, limit: float) -> None:
        super().__init__(f"the {kind} limit of {limit:g} is reached")
        self.kind = kind
        self.limit = limit
