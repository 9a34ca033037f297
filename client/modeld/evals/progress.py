"""How far a run is, for those who show it: numbers that the run changes and a display reads."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..types import ModelUsage

if TYPE_CHECKING:
    from .log import EvalLog


@dataclass
class TaskProgress:
    """One task as it runs."""

    task: str
    model: str
    total: int
    """Samples times epochs."""
    reused: int = 0
    """Of those, finished by an earlier try."""
    done: int = 0
    running: int = 0
    errors: int = 0
    calls: int = 0
    retries: int = 0
    cached: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    score: str = ""
    """The first metric so far, when the task has ended."""
    status: str = "started"
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None

    def called(self, usage: ModelUsage | None, retries: int, cached: bool) -> None:
        """A call has ended."""
        self.calls += 1
        self.retries += retries
        self.cached += cached
        if usage is not None and not cached:
            self.input_tokens += usage.input_tokens
            self.output_tokens += usage.output_tokens

    @property
    def seconds(self) -> float:
        """Since it began, until it ended."""
        return (self.ended or time.monotonic()) - self.began

    @property
    def seconds_left(self) -> float | None:
        """An estimate from the pace so far; None before the first sample has ended."""
        fresh = self.done - self.reused
        if fresh <= 0 or self.ended is not None:
            return None
        return self.seconds / fresh * (self.total - self.done)


@dataclass
class Board:
    """All tasks of a run, and the logs of those that have ended, also of a run that is cut off."""

    tasks: list[TaskProgress] = field(default_factory=list)
    logs: list[EvalLog] = field(default_factory=list)
