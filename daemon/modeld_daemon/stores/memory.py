"""Stores in memory: for where there is no disk, and for tests. They keep what the others keep, in
the same bytes, so that what comes out is nobody else's value.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from modeld.errors import InvalidRequest
from modeld.types import JsonValue, ModelOutput

from ..core.kept import CacheModel, CacheStatistics, JournalRecord, Swept
from .cache import ROW_BYTES
from .journal import pack_answer, read_answer
from .packing import Unpackable, pack, unpack

__all__ = ["MemoryCache", "MemoryJournal"]

log = logging.getLogger("modeld.stores")


@dataclass(slots=True)
class _Entry:
    model: str
    packed: bytes
    stored: float
    expires: float | None

    @property
    def size(self) -> int:
        return len(self.packed) + ROW_BYTES

    def has_expired(self, now: float) -> bool:
        return self.expires is not None and self.expires <= now


class MemoryCache:
    """A `CacheStore` and `CacheBoard` that ends with the process.

    Args:
        most: Bytes of all entries over which the least recently used leave; 0 is no limit.
        now: Seconds since 1970.
    """

    trouble: str | None = None

    def __init__(self, most: int = 0, *, now: Callable[[], float] = time.time) -> None:
        self._most = most
        self._now = now
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()
        self._size = 0
        self._hits = self._misses = self._stored = self._evicted = 0

    async def get(self, key: bytes) -> ModelOutput | None:
        """The output of that key; None when there is none, or it has expired."""
        entry = self._entries.get(key)
        if entry is not None and entry.has_expired(self._now()):
            self._delete(key)
            entry = None
        if entry is None:
            self._misses += 1
            return None
        self._hits += 1
        self._entries.move_to_end(key)
        return ModelOutput.from_dict(unpack(key, entry.packed))

    async def put(self, key: bytes, model: str, output: ModelOutput, seconds: float | None) -> None:
        """Keeps an output for that many seconds, or until the process ends."""
        try:
            packed = pack(key, output.to_dict())
        except (Unpackable, InvalidRequest) as error:
            log.warning("an output of %s cannot be cached: %s", model, error)
            return
        now = self._now()
        entry = _Entry(model, packed, now, None if seconds is None else now + seconds)
        if self._most and entry.size > self._most:
            return
        if key in self._entries:
            self._delete(key)
        self._entries[key] = entry
        self._size += entry.size
        self._stored += 1
        while self._most and self._size > self._most:
            self._delete(next(iter(self._entries)))
            self._evicted += 1

    async def statistics(self) -> CacheStatistics:
        """A snapshot; the path is empty."""
        now = self._now()
        expired = sum(entry.has_expired(now) for entry in self._entries.values())
        return CacheStatistics(
            path="",
            entries=len(self._entries),
            size=self._size,
            most=self._most,
            expired=expired,
            hits=self._hits,
            misses=self._misses,
            stored=self._stored,
            evicted=self._evicted,
        )

    async def models(self) -> list[CacheModel]:
        """What there is of each model, by name."""
        now = self._now()
        by_model: dict[str, list[_Entry]] = {}
        for entry in self._entries.values():
            by_model.setdefault(entry.model, []).append(entry)
        found = []
        for model, entries in sorted(by_model.items()):
            expired = [entry for entry in entries if entry.has_expired(now)]
            found.append(
                CacheModel(
                    model=model,
                    entries=len(entries),
                    size=sum(entry.size for entry in entries),
                    expired=len(expired),
                    expired_size=sum(entry.size for entry in expired),
                    oldest=min(entry.stored for entry in entries),
                    newest=max(entry.stored for entry in entries),
                )
            )
        return found

    async def clear(self, models: Sequence[str] = (), *, older: float | None = None) -> Swept:
        """Deletes entries, of these models or of all, or those stored longer ago than `older`."""
        before = None if older is None else self._now() - older
        return self._sweep(
            key for key, entry in self._of(models) if before is None or entry.stored < before
        )

    async def prune(self, models: Sequence[str] = ()) -> Swept:
        """Deletes what has expired."""
        now = self._now()
        return self._sweep(key for key, entry in self._of(models) if entry.has_expired(now))

    async def aclose(self) -> None:
        """Forgets everything."""
        self._entries.clear()
        self._size = 0

    def _of(self, models: Sequence[str]) -> Iterator[tuple[bytes, _Entry]]:
        return (
            (key, entry)
            for key, entry in self._entries.items()
            if not models or entry.model in models
        )

    def _sweep(self, keys: Iterator[bytes]) -> Swept:
        sizes = [self._delete(key) for key in list(keys)]
        return Swept(len(sizes), sum(sizes))

    def _delete(self, key: bytes) -> int:
        size = self._entries.pop(key).size
        self._size -= size
        return size


@dataclass(slots=True)
class _Call:
    body: bytes
    touched: float
    runs: int = 1
    asked: bool = False
    packed: bytes | None = None

    @property
    def size(self) -> int:
        return ROW_BYTES + len(self.packed or b"")


class MemoryJournal:
    """A `JournalStore` that ends with the process.

    Args:
        keep: Seconds after its last change for which a call is kept; 0 is for ever.
        most: Bytes of all calls over which the oldest leave; 0 is no limit.
        now: Seconds since 1970.
    """

    trouble: str | None = None

    def __init__(
        self,
        keep: float = 7 * 86_400.0,
        most: int = 256_000_000,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._keep = keep
        self._most = most
        self._now = now
        self._calls: OrderedDict[tuple[str, str], _Call] = OrderedDict()
        """The one that changed last is at the end."""
        self._size = 0

    async def begin(self, account: str, request_id: str, body: bytes) -> JournalRecord | None:
        """Takes a call down, and gives what was known of it before; None when it is new."""
        self._sweep()
        call = self._calls.get((account, request_id))
        if call is None:
            call = self._calls[account, request_id] = _Call(body, self._now())
            self._size += call.size
            return None
        record = await self.find(account, request_id)
        if call.packed is None and call.body == body:
            call.runs += 1
            self._touch(account, request_id)
        return record

    async def find(self, account: str, request_id: str) -> JournalRecord | None:
        """What is known of a call; None when it is unknown. Nothing is changed."""
        call = self._calls.get((account, request_id))
        if call is None:
            return None
        if call.packed is None:
            return JournalRecord(call.body, call.runs, call.asked, None, None, None)
        output, info, events = read_answer(account, request_id, call.packed)
        return JournalRecord(call.body, call.runs, False, output, info, events)

    async def asking(self, account: str, request_id: str) -> None:
        """An attempt begins now."""
        call = self._calls.get((account, request_id))
        if call is not None and call.packed is None:
            call.asked = True
            self._touch(account, request_id)

    async def end(
        self, account: str, request_id: str, output: ModelOutput, info: JsonValue, events: JsonValue
    ) -> bool:
        """The answer; False when it cannot be kept."""
        call = self._calls.get((account, request_id))
        if call is None:
            return False
        try:
            packed = pack_answer(account, request_id, output, info, events)
        except (Unpackable, InvalidRequest) as error:
            log.warning("the answer of a call cannot be kept: %s", error)
            return False
        self._size -= call.size
        call.packed, call.asked = packed, False
        self._size += call.size
        self._touch(account, request_id)
        self._sweep()
        return True

    async def drop(self, account: str, request_id: str) -> None:
        """The call failed, or was cancelled: the same id may be sent again."""
        call = self._calls.pop((account, request_id), None)
        if call is not None:
            self._size -= call.size

    async def aclose(self) -> None:
        """Forgets everything."""
        self._calls.clear()
        self._size = 0

    def _touch(self, account: str, request_id: str) -> None:
        self._calls[account, request_id].touched = self._now()
        self._calls.move_to_end((account, request_id))

    def _sweep(self) -> None:
        before = self._now() - self._keep
        for name, call in list(self._calls.items()):
            old = self._keep and call.touched < before
            much = self._most and self._size > self._most and call.packed is not None
            if not old and not much:
                if not (self._most and self._size > self._most):
                    break
                continue
            del self._calls[name]
            self._size -= call.size
