"""The generation cache in a SQLite database.

An entry has a narrow row with all that is counted, sorted and swept by, and a wide one with its
output: times of use and sweeps never touch outputs. `cache_places` finds the rows of a key. The row `total` is kept in the transaction of
every change, so that nobody counts a million entries to know whether there is room.

Times of use are told apart to `_USE_SECONDS`, are gathered in memory, and written with the next
change or after some seconds. When there is more than `most`, the least recently used leave, a batch
in each transaction.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from modeld.errors import InternalError, InvalidRequest
from modeld.types import ModelOutput

from ..core.kept import CacheModel, CacheStatistics, Swept
from .cache_places import catch_up, look_up, next_id, place, twins
from .cache_sweeps import SCHEMA, Sweep, delete, look_at_models, look_at_totals, sweep, vacuum
from .database import Database
from .file import DatabaseFile
from .packing import Unpackable, pack, unpack

__all__ = ["SqliteCache"]

log = logging.getLogger("modeld.stores")

ROW_BYTES = 256
"""What an entry takes in the file beside its output: its row, three indexes, the pages' waste."""
_USE_SECONDS = 60.0
"""An entry that was used that recently is not marked as used again."""
_FLUSH_SECONDS = 5.0
_EVICTED = 200
"""Most entries that leave in one transaction beside those that come."""
_LOSING = "Outputs are not cached meanwhile."


class _Kept(NamedTuple):
    key: bytes
    model: str
    output: ModelOutput
    expires: float | None


class SqliteCache:
    """A `CacheStore` and `CacheBoard`.

    Args:
        path: The database file; it is made with the first call.
        most: Bytes of all entries over which the least recently used leave; 0 is no limit.
        now: Seconds since 1970.
        retry: Seconds for which a trouble is believed.
    """

    def __init__(
        self,
        path: Path,
        most: int = 0,
        *,
        now: Callable[[], float] = time.time,
        retry: float = 5.0,
    ) -> None:
        self._path = path
        self._most = most
        self._now = now
        self._database = Database(DatabaseFile(path, SCHEMA), _LOSING, retry=retry)
        self._uses: dict[int, float] = {}
        self._flush: asyncio.TimerHandle | None = None
        self._hits = self._misses = self._stored = self._evicted = 0

    @property
    def trouble(self) -> str | None:
        """What is wrong with the store now, and what is lost by that; None when all is well."""
        return self._database.trouble

    async def get(self, key: bytes) -> ModelOutput | None:
        """The output of that key; None when there is none, or it has expired or cannot be read."""
        output = await self._database.read(self._look_up, key, None)
        if output is None:
            self._misses += 1
        else:
            self._hits += 1
            if self._uses and self._flush is None:
                self._flush = asyncio.get_running_loop().call_later(
                    _FLUSH_SECONDS, self._flush_uses
                )
        return output

    async def put(self, key: bytes, model: str, output: ModelOutput, seconds: float | None) -> None:
        """Keeps an output for that many seconds, or for ever; returns when others can get it."""
        expires = None if seconds is None else self._now() + seconds
        kept = _Kept(key, model, output, expires)
        if await self._database.write(self._keep, kept, default=False):
            self._stored += 1

    async def statistics(self) -> CacheStatistics:
        """A snapshot."""
        entries, size, expired = await self._database.look(
            lambda connection: look_at_totals(connection, self._now())
        )
        return CacheStatistics(
            path=str(self._path),
            entries=entries,
            size=size,
            most=self._most,
            expired=expired,
            hits=self._hits,
            misses=self._misses,
            stored=self._stored,
            evicted=self._evicted,
            trouble=self.trouble,
        )

    async def models(self) -> list[CacheModel]:
        """What there is of each model, by name."""
        return await self._database.look(lambda connection: look_at_models(connection, self._now()))

    async def clear(self, models: Sequence[str] = (), *, older: float | None = None) -> Swept:
        """Deletes entries, of these models or of all, or those stored longer ago than `older`."""
        stored = None if older is None else self._now() - older
        try:
            return await self._sweep(Sweep(tuple(models), stored_before=stored))
        except InternalError:
            if models or older is not None or not self._database.full:
                raise
            entries, size, _ = await self._database.look(lambda it: look_at_totals(it, 0))
            await self._database.discard()
            return Swept(entries, size)

    async def prune(self, models: Sequence[str] = ()) -> Swept:
        """Deletes what has expired."""
        return await self._sweep(Sweep(tuple(models), expired_at=self._now()))

    async def aclose(self) -> None:
        """Writes what is in memory and closes the file."""
        if self._flush is not None:
            self._flush.cancel()
        await self._database.aclose(self._mark_used)

    async def _sweep(self, wanted: Sweep) -> Swept:
        """Batch by batch: puts go in between, and share the transaction."""
        entries = size = 0
        nothing: tuple[Sweep | None, Swept] = (None, Swept(0, 0))
        left: Sweep | None = wanted
        while left is not None:
            try:
                left, swept = await self._database.ask(sweep, left, nothing)
            except InternalError as error:
                if self._database.full:  # what is deleted is written down first
                    raise InternalError(
                        f"{error.message} Deleting all entries needs no room."
                    ) from None
                raise
            entries, size = entries + swept.entries, size + swept.size
        while entries and await self._database.ask(vacuum, None, default=False):
            pass
        return Swept(entries, size)

    # -- in the reader's thread --

    def _look_up(
        self, connection: sqlite3.Connection, keys: Sequence[bytes]
    ) -> Iterable[ModelOutput | None]:
        found: dict[bytes, ModelOutput] = {}
        gone: list[int] = []
        now = self._now()
        wanted = list(dict.fromkeys(keys))
        newest = set[bytes]()
        for entry in look_up(connection, wanted):
            output = None
            live = entry.expires is None or entry.expires > now
            if live and entry.key not in newest:
                output = _read(self._path, entry.key, entry.packed)
            newest.add(entry.key)
            if output is None:
                gone.append(entry.id)
                continue
            found[entry.key] = output
            if now - entry.used > _USE_SECONDS:
                self._uses[entry.id] = now
        if gone:
            self._database.post(_delete_ids, tuple(gone), None)
        return [found.get(key) for key in keys]

    # -- in the writer's thread --

    def _keep(self, connection: sqlite3.Connection, items: Sequence[_Kept]) -> Iterable[bool]:
        packed: dict[bytes, tuple[_Kept, bytes]] = {}
        for item in items:
            try:
                body = pack(item.key, item.output.to_dict())
            except (Unpackable, InvalidRequest) as error:
                log.warning("an output of %s cannot be cached: %s", item.model, error)
                continue
            if not self._most or len(body) + ROW_BYTES <= self._most:
                packed[item.key] = item, body
        if packed:
            _insert(connection, packed, self._now())
            self._mark_used(connection, ())
            self._make_room(connection, len(packed) + _EVICTED)
        return [item.key in packed for item in items]

    def _make_room(self, connection: sqlite3.Connection, count: int) -> None:
        if not self._most:
            return
        (over,) = connection.execute("SELECT size - ? FROM total", (self._most,)).fetchone()
        if over <= 0:
            return
        ids = []
        for id, size in connection.execute(
            "SELECT id, size FROM entry ORDER BY used, id LIMIT ?", (count,)
        ):
            ids.append(id)
            over -= size
            if over <= 0:
                break
        self._evicted += delete(connection, ids).entries
        if over > 0:  # the limit is lower than it was: go on, and let others in between
            self._database.post(self._evict, None, None)

    def _evict(self, connection: sqlite3.Connection, items: Sequence[None]) -> Iterable[None]:
        self._make_room(connection, _EVICTED)
        return [None] * len(items)

    def _mark_used(self, connection: sqlite3.Connection, items: Sequence[None]) -> Iterable[None]:
        if self._uses:
            uses, self._uses = self._uses, {}
            connection.executemany(
                "UPDATE entry SET used = ? WHERE id = ?",
                [(at, id) for id, at in list(uses.items())],
            )
        return [None] * len(items)

    # -- in the loop --

    def _flush_uses(self) -> None:
        self._flush = None
        self._database.post(self._mark_used, None, None)


def _read(path: Path, key: bytes, packed: object) -> ModelOutput | None:
    try:
        return ModelOutput.from_dict(unpack(key, packed))
    except (Unpackable, InvalidRequest) as error:
        log.warning("%s: an entry cannot be read and is deleted: %s", path, error)
        return None


def _insert(
    connection: sqlite3.Connection, packed: dict[bytes, tuple[_Kept, bytes]], now: float
) -> None:
    catch_up(connection)
    delete(connection, twins(connection, list(packed)))
    models = {item.model for item, _ in packed.values()}
    connection.executemany(
        "INSERT OR IGNORE INTO model (name) VALUES (?)", [(model,) for model in models]
    )
    numbers = {
        model: connection.execute("SELECT id FROM model WHERE name = ?", (model,)).fetchone()[0]
        for model in models
    }
    rows = list(enumerate(packed.values(), next_id(connection, len(packed))))
    connection.executemany(
        "INSERT INTO entry (id, key, model, size, stored, expires, used) VALUES (?,?,?,?,?,?,?)",
        [
            (id, item.key, numbers[item.model], len(body) + ROW_BYTES, now, item.expires, now)
            for id, (item, body) in rows
        ],
    )
    connection.executemany(
        "INSERT INTO output (id, packed) VALUES (?, ?)", [(id, body) for id, (_, body) in rows]
    )
    size = sum(len(body) + ROW_BYTES for _, (_, body) in rows)
    connection.execute("UPDATE total SET entries = entries + ?, size = size + ?", (len(rows), size))
    place(connection, len(rows))


def _delete_ids(connection: sqlite3.Connection, items: Sequence[tuple[int, ...]]) -> Iterable[None]:
    delete(connection, [id for ids in items for id in ids])
    return [None] * len(items)
