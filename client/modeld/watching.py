"""Who looks on while models are called: a running task, which counts, limits and logs its calls.

The watcher lives in a context variable, so that tasks and samples that run side by side each see
their own calls. Without one, a call pays for one look at the variable.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .types import GenerateConfig, GenerateInput, ModelOutput

__all__ = ["Called", "Note", "Watcher", "watched", "watcher"]


class Called(Protocol):
    """The model that is called; its text is its full name."""

    role: str | None

    @property
    def config(self) -> GenerateConfig:
        """How it generates, under what each call says."""


class Note(Protocol):
    """What a watcher writes down about one call."""

    def finished(self, output: ModelOutput) -> None:
        """The call has its answer. May raise, such as for a limit that is now reached."""

    def failed(self, error: BaseException) -> None:
        """The call has ended without an answer."""


class Watcher(Protocol):
    """Sees every call of a task."""

    epoch: int | None
    """Which repetition of the sample runs; part of the key of caches that are per epoch."""
    raw: bool
    """Whether it wants to know what goes to the provider and comes back."""

    def config_for(self, model: Called, asked: GenerateConfig) -> GenerateConfig:
        """The config of a call: what the task says, under what the call says."""

    def begin(self, model: Called, asked: GenerateInput) -> Note:
        """A call begins. May raise, such as for a limit that is reached."""


watcher: ContextVar[Watcher | None] = ContextVar("modeld_watcher", default=None)


@contextmanager
def watched(model: Called, asked: GenerateInput) -> Iterator[list[ModelOutput]]:
    """Tells the watcher of a call; the answer is put into the list that this gives."""
    found = watcher.get()
    answers: list[ModelOutput] = []
    if found is None:
        yield answers
        return
    note = found.begin(model, asked)
    try:
        yield answers
    except BaseException as error:
        # A reader of events leaves when it has the last one: its generator is closed then.
        if answers and isinstance(error, GeneratorExit):
            note.finished(answers[0])
        else:
            note.failed(error)
        raise
    if answers:
        note.finished(answers[0])
