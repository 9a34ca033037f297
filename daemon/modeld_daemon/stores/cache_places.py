"""Where the entry of a key is: an index that costs an insert the same at any size.

Keys are digests, so an index of them is written at random: with a million entries each insert
writes a page of its own, and reads it before. So entries are appended only, and `place`, the index
(eight bytes of the key, number of the entry), lags behind. The places of what is not there yet are
kept in memory, by each connection for itself, in a temporary table. When these are `_TAIL`, they go
into the index in the order of their keys, some with each insert that follows, so that a page which
is written takes many of them.

What goes wrong in between does no harm: `tail` says up to which entry the index is whole, and
whoever opens the file reads the keys of those that follow. Places may be left that belong to no
entry any more, so nobody believes one before having seen the entry with its whole key.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple

__all__ = [
    "STATEMENTS",
    "TEMPORARY",
    "Found",
    "catch_up",
    "forget",
    "look_up",
    "next_id",
    "place",
    "twins",
]

STATEMENTS = (
    (
        "CREATE TABLE place (prefix BLOB NOT NULL, id INTEGER NOT NULL, "
        "PRIMARY KEY (prefix, id)) WITHOUT ROWID"
    ),
    # Entries up to `placed` are in the index. Those up to `until` follow, and have come to the
    # place (prefix, id). `last` is the newest number, which is never given again.
    (
        "CREATE TABLE tail (last INTEGER NOT NULL, placed INTEGER NOT NULL, until INTEGER, "
        "prefix BLOB, id INTEGER)"
    ),
    "INSERT INTO tail (last, placed) VALUES (0, 0)",
)
TEMPORARY = (
    (
        "CREATE TEMP TABLE fresh (prefix BLOB NOT NULL, id INTEGER NOT NULL, "
        "PRIMARY KEY (prefix, id)) WITHOUT ROWID"
    ),
    "CREATE TEMP TABLE seen (last INTEGER NOT NULL, placed INTEGER NOT NULL)",
    "INSERT INTO seen VALUES (0, 0)",
)

_PREFIX = 8
_TAIL = 65_536
"""Entries that are not in the index when they begin to go there: 2 MB for each connection."""
_HASTE = 4
"""How many of them go there with each entry that comes."""
_STEP = 64
"""How many at least go in one transaction."""
_LOOKUPS = (1, 4, 16, 64)
"""Sizes of the statements that look up; keys are repeated to fill one."""

_PART = "(fresh.prefix, fresh.id) > (?1, ?2) AND (fresh.prefix, fresh.id) <= (?3, ?4)"
_END = (b"\xff" * (_PREFIX + 1), 0)

_ROWS = (
    "SELECT entry.id, key, expires, used, packed FROM {table} AS found "
    "CROSS JOIN entry ON entry.id = found.id CROSS JOIN output ON output.id = entry.id "
    "WHERE found.prefix IN ({marks}) UNION ALL "
)
# A row without a key says that the connection has not seen all.
_BEHIND = (
    "SELECT 0, NULL, NULL, 0, NULL FROM tail CROSS JOIN temp.seen "
    "WHERE tail.last > seen.last OR tail.placed > seen.placed"
)
_FOUND = {
    width: _ROWS.format(table="place", marks=marks)
    + _ROWS.format(table="temp.fresh", marks=marks)
    + _BEHIND
    for width in _LOOKUPS
    for marks in [", ".join(f"?{number + 1}" for number in range(width))]
}


class Found(NamedTuple):
    """An entry that may be one of those that were looked for."""

    id: int
    key: bytes
    expires: float | None
    used: float
    packed: object


def look_up(connection: sqlite3.Connection, keys: Sequence[bytes]) -> list[Found]:
    """Entries that may be those of these keys, the newest of a key last; some may have expired.
    What others have put meanwhile is found too.
    """
    rows = _rows(connection, keys)
    if any(row.key is None for row in rows):
        connection.execute("BEGIN")  # what is read belongs together
        catch_up(connection)
        rows = _rows(connection, keys)
        connection.execute("COMMIT")
    return sorted(rows, key=lambda row: row.id)


def _rows(connection: sqlite3.Connection, keys: Sequence[bytes]) -> list[Found]:
    rows: list[Found] = []
    for start in range(0, len(keys), _LOOKUPS[-1]):
        chunk = [key[:_PREFIX] for key in keys[start : start + _LOOKUPS[-1]]]
        width = next(width for width in _LOOKUPS if width >= len(chunk))
        chunk += chunk[-1:] * (width - len(chunk))
        rows += map(Found._make, connection.execute(_FOUND[width], chunk).fetchall())
    return rows


def catch_up(connection: sqlite3.Connection) -> None:
    """Takes notice, inside a transaction, of entries that have come since the last time."""
    last, placed, seen, forgotten = connection.execute(
        "SELECT tail.last, tail.placed, seen.last, seen.placed FROM tail, temp.seen"
    ).fetchone()
    if last > seen:
        connection.execute(
            "INSERT INTO temp.fresh SELECT substr(key, 1, ?), id FROM entry WHERE id > ?",
            (_PREFIX, max(seen, placed)),
        )
    if placed > forgotten:
        connection.execute("DELETE FROM temp.fresh WHERE id <= ?", (placed,))
    if last > seen or placed > forgotten:
        connection.execute("UPDATE temp.seen SET last = ?, placed = ?", (last, placed))


def twins(connection: sqlite3.Connection, keys: Sequence[bytes]) -> list[int]:
    """Entries of these keys among those that are not in the index. Of the others `place` finds
    them later: to look for each now would cost as much as to write each there.
    """
    found: list[int] = []
    for start in range(0, len(keys), 250):
        chunk = keys[start : start + 250]
        marks = ", ".join("?" * len(chunk))
        rows = connection.execute(
            "SELECT entry.id FROM temp.fresh CROSS JOIN entry ON entry.id = fresh.id "  # noqa: S608
            f"WHERE fresh.prefix IN ({marks}) AND entry.key IN ({marks})",
            (*(key[:_PREFIX] for key in chunk), *chunk),
        )
        found += [id for (id,) in rows]
    return found


def next_id(connection: sqlite3.Connection, count: int) -> int:
    """The first of so many numbers that no entry has or ever had."""
    (last,) = connection.execute("SELECT last FROM tail").fetchone()
    connection.execute("UPDATE tail SET last = ?", (last + count,))
    return int(last) + 1


def place(connection: sqlite3.Connection, added: int) -> list[int]:
    """After so many entries were added: a part of those that wait goes into the index, if enough
    wait. Older entries of the same keys, which are to be deleted.
    """
    last, placed, until, prefix, id = connection.execute(
        "SELECT last, placed, until, prefix, id FROM tail"
    ).fetchone()
    if until is None:
        if last - placed < _TAIL:
            return []
        until, prefix, id = last, b"", 0
    catch_up(connection)
    end = connection.execute(
        "SELECT prefix, id FROM temp.fresh WHERE (prefix, id) > (?, ?) LIMIT 1 OFFSET ?",
        (prefix, id, max(_HASTE * added, _STEP) - 1),
    ).fetchone()
    part = (prefix, id, *(end or _END))
    older = connection.execute(
        "SELECT older.id FROM temp.fresh CROSS JOIN place ON place.prefix = fresh.prefix "  # noqa: S608
        "AND place.id < fresh.id CROSS JOIN entry AS older ON older.id = place.id "
        "CROSS JOIN entry AS newer ON newer.id = fresh.id AND newer.key = older.key "
        f"WHERE {_PART}",
        part,
    ).fetchall()
    connection.execute(
        "INSERT OR IGNORE INTO place SELECT fresh.prefix, fresh.id FROM temp.fresh "  # noqa: S608
        f"CROSS JOIN entry ON entry.id = fresh.id WHERE {_PART} AND fresh.id <= ?5",
        (*part, until),
    )
    if end is None:
        connection.execute("UPDATE tail SET placed = ?, until = NULL", (until,))
    else:
        connection.execute("UPDATE tail SET until = ?, prefix = ?, id = ?", (until, *end))
    return [id for (id,) in older]


def forget(connection: sqlite3.Connection, entries: Iterable[tuple[bytes, int]]) -> None:
    """Takes the places of entries (key, id) out of the index."""
    connection.executemany(
        "DELETE FROM place WHERE prefix = ? AND id = ?",
        [(key[:_PREFIX], id) for key, id in entries],
    )
