"""Limits of a sample: what ends it early without being an error."""

from __future__ import annotations

from typing import Literal, TypeAlias

LimitKind: TypeAlias = Literal["message", "token", "time", "cost"]


class LimitExceeded(Exception):
    """A sample has reached a limit. It is scored with what there is."""

    def __init__(self, kind: LimitKind, limit: float) -> None:
        super().__init__(f"the {kind} limit of {limit:g} is reached")
        self.kind = kind
        self.limit = limit
