"""What is kept beyond the life of a call, and the stores that keep it, as protocols.

A store never raises for what its disk does: it answers as if it had nothing, and `trouble` says in
words what is lost meanwhile. So a full disk or a broken file costs a cache, and no call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from modeld.types import JsonValue, ModelOutput

__all__ = [
    "CacheBoard", "CacheModel", "CacheStatistics", "CacheStore", "JournalRecord", "JournalStore",
    "Swept",
]  # fmt: skip


class CacheStore(Protocol):
    """Where the generation cache keeps outputs."""

    @property
    def trouble(self) -> str | None:
        """What is wrong with the store now, and what is lost by that; None when all is well."""

    async def get(self, key: bytes) -> ModelOutput | None:
        """The output of that key; None when there is none, or it has expired or cannot be read."""

    async def put(self, key: bytes, model: str, output: ModelOutput, seconds: float | None) -> None:
        """Keeps an output for that many seconds, or for ever; returns when others can get it.

        Args:
            key: 32 bytes.
            model: Full model name, by which entries are listed and cleared.
            output: What is kept; it is not changed, then or later.
            seconds: Life of the entry, the same for all of one key; None is for ever.
        """


@dataclass(frozen=True, slots=True)
class CacheStatistics:
    """A snapshot of the generation cache."""

    path: str
    """Of the database."""
    entries: int
    size: int
    """Bytes of all entries."""
    most: int
    """Bytes over which the least recently used entries leave; 0 is no limit."""
    expired: int
    """Entries that have expired and are still there."""
    hits: int
    """Since the daemon's start, as all that follow."""
    misses: int
    stored: int
    evicted: int
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class CacheModel:
    """What the cache holds of one model."""

    model: str
    entries: int
    size: int
    """Bytes."""
    expired: int
    expired_size: int
    oldest: float
    """Time of storing, in seconds since 1970."""
    newest: float


@dataclass(frozen=True, slots=True)
class Swept:
    """What was deleted."""

    entries: int
    size: int
    """Bytes."""


class CacheBoard(Protocol):
    """Where the cache is looked at and swept. Methods raise `InternalError`, which names the
    file, when the database cannot be used: whoever asks for them wants to know.
    """

    async def statistics(self) -> CacheStatistics:
        """A snapshot."""

    async def models(self) -> list[CacheModel]:
        """What there is of each model, by name."""

    async def clear(self, models: Sequence[str] = (), *, older: float | None = None) -> Swept:
        """Deletes entries, of these models or of all; with `older`, only those stored more than so
        many seconds ago. Calls go on meanwhile.
        """

    async def prune(self, models: Sequence[str] = ()) -> Swept:
        """Deletes what has expired. Calls go on meanwhile."""


@dataclass(frozen=True, slots=True)
class JournalRecord:
    """What the journal knows of a call that was given a request id."""

    body: bytes
    """Names what was asked."""
    runs: int
    """Daemons that have begun the call."""
    asked: bool
    """Whether an attempt was begun and no end is known: the provider may have done the work."""
    output: ModelOutput | None
    """The answer, once there is one."""
    info: JsonValue
    """How the call went, as `Journal` writes it."""
    events: JsonValue
    """Events before the end, as `Journal` writes them."""


class JournalStore(Protocol):
    """Where calls with a request id are kept."""

    @property
    def trouble(self) -> str | None:
        """What is wrong with the store now, and what is lost by that; None when all is well."""

    async def begin(self, account: str, request_id: str, body: bytes) -> JournalRecord | None:
        """Takes a call down, and gives what was known of it before; None when it is new.

        A call that has ended, or one of another body, is left as it is.
        """

    async def find(self, account: str, request_id: str) -> JournalRecord | None:
        """What is known of a call; None when it is unknown. Nothing is changed."""

    async def asking(self, account: str, request_id: str) -> None:
        """An attempt begins now: returns when that would outlive the daemon's death."""

    async def end(
        self, account: str, request_id: str, output: ModelOutput, info: JsonValue, events: JsonValue
    ) -> bool:
        """The answer: returns when it would outlive the daemon's death; False when it would not."""

    async def drop(self, account: str, request_id: str) -> None:
        """The call failed, or was cancelled: the same id may be sent again."""
