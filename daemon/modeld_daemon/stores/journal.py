"""The journal of calls with a request id in a SQLite database.

What has returned outlives the death of the daemon: SQLite has handed it to the system. (The death of
the machine may take the last moments with it; the file stays whole.)

A call whose answer can no longer be read counts as one that was asked and has no end: the provider
did the work, and nobody may be told that it did not.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from modeld.errors import InvalidRequest
from modeld.types import JsonValue, ModelOutput

from ..core.kept import JournalRecord
from .database import Database
from .file import DatabaseFile, Schema
from .packing import Unpackable, pack, unpack

__all__ = ["SqliteJournal", "call_name", "pack_answer", "read_answer"]

log = logging.getLogger("modeld.stores")

ROW_BYTES = 256
"""What a call takes in the file beside its answer."""
_SWEEP_SECONDS = 60.0
_SWEPT = 200
"""Most calls deleted in one transaction."""
_LOSING = "A call with a request id that is sent again may be paid for twice meanwhile."
_SCHEMA = Schema(
    application_id=0x6D644A6F,  # "mdJo"
    version=1,
    statements=(
        (
            "CREATE TABLE call (id INTEGER PRIMARY KEY, account TEXT NOT NULL, "
            "request_id TEXT NOT NULL, body BLOB NOT NULL, runs INTEGER NOT NULL, "
            "asked INTEGER NOT NULL, touched REAL NOT NULL, size INTEGER NOT NULL, answer BLOB, "
            "UNIQUE (account, request_id))"
        ),
        "CREATE INDEX call_touched ON call (touched)",
        "CREATE TABLE total (size INTEGER NOT NULL)",
        "INSERT INTO total VALUES (0)",
    ),
    tables=frozenset(("call", "total")),
    keeps="answers of calls with a request id",
)


class _Begun(NamedTuple):
    account: str
    request_id: str
    body: bytes


class _Name(NamedTuple):
    account: str
    request_id: str


class _Known(NamedTuple):
    """A call's row; 0 and None when there is none."""

    id: int
    record: JournalRecord | None
    rotten: bool
    """Whether there is an answer that cannot be read."""


class _Ended(NamedTuple):
    account: str
    request_id: str
    output: ModelOutput
    info: JsonValue
    events: JsonValue


class SqliteJournal:
    """A `JournalStore`.

    Args:
        path: The database file; it is made with the first call.
        keep: Seconds after its last change for which a call is kept; 0 is for ever.
        most: Bytes of all calls over which the oldest leave; 0 is no limit.
        now: Seconds since 1970.
        retry: Seconds for which a trouble is believed.
    """

    def __init__(
        self,
        path: Path,
        keep: float = 7 * 86_400.0,
        most: int = 256_000_000,
        *,
        now: Callable[[], float] = time.time,
        retry: float = 5.0,
    ) -> None:
        self._path = path
        self._keep = keep
        self._most = most
        self._now = now
        self._database = Database(DatabaseFile(path, _SCHEMA), _LOSING, retry=retry)
        self._swept = 0.0

    @property
    def trouble(self) -> str | None:
        """What is wrong with the store now, and what is lost by that; None when all is well."""
        return self._database.trouble

    async def begin(self, account: str, request_id: str, body: bytes) -> JournalRecord | None:
        """Takes a call down, and gives what was known of it before; None when it is new."""
        return await self._database.write(self._begin, _Begun(account, request_id, body), None)

    async def find(self, account: str, request_id: str) -> JournalRecord | None:
        """What is known of a call; None when it is unknown. Nothing is changed."""
        return await self._database.read(self._find, _Name(account, request_id), None)

    async def asking(self, account: str, request_id: str) -> None:
        """An attempt begins now: returns when that would outlive the daemon's death."""
        await self._database.write(self._ask, _Name(account, request_id), None)

    async def end(
        self, account: str, request_id: str, output: ModelOutput, info: JsonValue, events: JsonValue
    ) -> bool:
        """The answer: returns when it would outlive the daemon's death; False when it would not."""
        ended = _Ended(account, request_id, output, info, events)
        return await self._database.write(self._end, ended, False)

    async def drop(self, account: str, request_id: str) -> None:
        """The call failed, or was cancelled: the same id may be sent again."""
        await self._database.write(self._drop, _Name(account, request_id), None)

    async def aclose(self) -> None:
        """Closes the file."""
        await self._database.aclose()

    # -- in the threads of the database: `_find` in the reader, the others in the writer --

    def _find(
        self, connection: sqlite3.Connection, items: Sequence[_Name]
    ) -> Iterable[JournalRecord | None]:
        return [self._known(connection, item).record for item in items]

    def _known(self, connection: sqlite3.Connection, name: _Name) -> _Known:
        row = connection.execute(
            "SELECT id, body, runs, asked, answer FROM call WHERE account = ? AND request_id = ?",
            name,
        ).fetchone()
        if row is None:
            return _Known(0, None, rotten=False)
        id, begun, runs, asked, packed = row
        record = JournalRecord(begun, runs, bool(asked), None, None, None)
        if packed is None:
            return _Known(id, record, rotten=False)
        try:
            output, info, events = read_answer(*name, packed)
        except (Unpackable, InvalidRequest) as error:
            log.warning("%s: the answer of a call cannot be read: %s", self._path, error)
            return _Known(id, replace(record, asked=True), rotten=True)
        whole = replace(record, asked=False, output=output, info=info, events=events)
        return _Known(id, whole, rotten=False)

    def _begin(
        self, connection: sqlite3.Connection, items: Sequence[_Begun]
    ) -> Iterable[JournalRecord | None]:
        results = [self._begin_one(connection, item) for item in items]
        self._sweep(connection)
        return results

    def _begin_one(self, connection: sqlite3.Connection, item: _Begun) -> JournalRecord | None:
        account, request_id, body = item
        id, record, rotten = self._known(connection, _Name(account, request_id))
        if record is None:
            connection.execute(
                "INSERT INTO call (account, request_id, body, runs, asked, touched, size) "
                "VALUES (?, ?, ?, 1, 0, ?, ?)",
                (account, request_id, body, self._now(), ROW_BYTES),
            )
            connection.execute("UPDATE total SET size = size + ?", (ROW_BYTES,))
            return None
        if rotten:
            self._set_answer(connection, id, None)
            connection.execute("UPDATE call SET asked = 1 WHERE id = ?", (id,))
        if record.output is None and record.body == body:
            connection.execute(
                "UPDATE call SET runs = runs + 1, touched = ? WHERE id = ?", (self._now(), id)
            )
        return record

    def _ask(self, connection: sqlite3.Connection, items: Sequence[_Name]) -> Iterable[None]:
        now = self._now()
        for account, request_id in items:
            connection.execute(
                "UPDATE call SET asked = 1, touched = ? "
                "WHERE account = ? AND request_id = ? AND answer IS NULL",
                (now, account, request_id),
            )
        return [None] * len(items)

    def _end(self, connection: sqlite3.Connection, items: Sequence[_Ended]) -> Iterable[bool]:
        kept = [self._end_one(connection, item) for item in items]
        self._sweep(connection)
        return kept

    def _end_one(self, connection: sqlite3.Connection, item: _Ended) -> bool:
        row = connection.execute(
            "SELECT id FROM call WHERE account = ? AND request_id = ?", item[:2]
        ).fetchone()
        if row is None:
            return False  # Its beginning was lost; without that nobody could tell what was asked.
        try:
            packed = pack_answer(*item)
        except (Unpackable, InvalidRequest) as error:
            log.warning("the answer of a call cannot be kept: %s", error)
            return False
        self._set_answer(connection, row[0], packed)
        return True

    def _set_answer(self, connection: sqlite3.Connection, id: int, packed: bytes | None) -> None:
        size = ROW_BYTES + len(packed or b"")
        (old,) = connection.execute("SELECT size FROM call WHERE id = ?", (id,)).fetchone()
        connection.execute(
            "UPDATE call SET answer = ?, asked = 0, size = ?, touched = ? WHERE id = ?",
            (packed, size, self._now(), id),
        )
        connection.execute("UPDATE total SET size = size + ?", (size - old,))

    def _drop(self, connection: sqlite3.Connection, items: Sequence[_Name]) -> Iterable[None]:
        for name in items:
            rows = connection.execute(
                "SELECT id, size FROM call WHERE account = ? AND request_id = ?", name
            ).fetchall()
            _delete(connection, rows)
        return [None] * len(items)

    def _sweep(self, connection: sqlite3.Connection) -> None:
        """Deletes what is too old and too much, a batch in each transaction that has more."""
        now = self._now()
        if self._keep and abs(now - self._swept) >= _SWEEP_SECONDS:
            old = connection.execute(
                "SELECT id, size FROM call WHERE touched < ? ORDER BY touched LIMIT ?",
                (now - self._keep, _SWEPT),
            ).fetchall()
            _delete(connection, old)
            if len(old) < _SWEPT:
                self._swept = now
            else:
                self._database.post(self._sweep_more, None, None)
        (size,) = connection.execute("SELECT size FROM total").fetchone()
        if self._most and size > self._most:
            self._make_room(connection, size - self._most)

    def _make_room(self, connection: sqlite3.Connection, over: int) -> None:
        """The oldest answers leave; a call that runs is small, and is what the journal is for."""
        rows = []
        for id, size in connection.execute(
            "SELECT id, size FROM call WHERE answer IS NOT NULL ORDER BY touched LIMIT ?",
            (_SWEPT,),
        ):
            rows.append((id, size))
            over -= size
            if over <= 0:
                break
        _delete(connection, rows)
        if over > 0 and rows:
            self._database.post(self._sweep_more, None, None)

    def _sweep_more(self, connection: sqlite3.Connection, items: Sequence[None]) -> Iterable[None]:
        self._sweep(connection)
        return [None] * len(items)


def _delete(connection: sqlite3.Connection, rows: Sequence[tuple[int, int]]) -> None:
    if rows:
        connection.executemany("DELETE FROM call WHERE id = ?", [(id,) for id, _ in rows])
        connection.execute("UPDATE total SET size = size - ?", (sum(size for _, size in rows),))


def call_name(account: str, request_id: str) -> bytes:
    """The name that an answer is packed under."""
    return f"{account}\0{request_id}".encode("utf-8", "surrogatepass")


def pack_answer(
    account: str, request_id: str, output: ModelOutput, info: JsonValue, events: JsonValue
) -> bytes:
    """The bytes of an answer; `Unpackable` or `InvalidRequest` when it is not JSON."""
    return pack(call_name(account, request_id), [output.to_dict(), info, events])


def read_answer(
    account: str, request_id: str, packed: object
) -> tuple[ModelOutput, JsonValue, JsonValue]:
    """What `pack_answer` has packed; `Unpackable` or `InvalidRequest` when it is not that."""
    match unpack(call_name(account, request_id), packed):
        case [output, info, events]:
            return ModelOutput.from_dict(output), info, events
        case _:
            raise Unpackable("it is no answer")
