"""Where the entry of a key is: an index that costs an insert the same at any size.

Keys are digests, so an index of them is written at random: with a million entries each insert
writes a page of its own, and reads it before. So entries are appended only, and `place`, the index
(run, eight bytes of the key, number of the entry), lags behind. The places of what is not there yet
are kept in memory, by each connection for itself, in a temporary table. When these are `_TAIL`, they
become a run of their own at the end of the index, in the order of their keys, some with each insert
that follows: pages are filled one after the other. A lookup seeks in each run. When there are more
than `_RUNS`, two neighbours become one in the same way: a log-structured merge tree, with an
append-only table below it (O'Neil et al., "The log-structured merge-tree", 1996).

What goes wrong in between does no harm: `tail` says up to which entry the index is whole, and
whoever opens the file reads the keys of those that follow. Places may be left that belong to no
entry any more, so nobody believes one before having seen the entry with its whole key.

Nobody looks for an older entry of a key that is put again, unless both are in memory: entries of one
key have the same life, so the older one is the first to expire, to be cleared and to make room. A
lookup that meets both has it deleted.
"""

from __future__ import annotations

import bisect
import itertools
import sqlite3
from collections.abc import Sequence
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
        "CREATE TABLE place (run INTEGER NOT NULL, prefix BLOB NOT NULL, id INTEGER NOT NULL, "
        "PRIMARY KEY (run, prefix, id)) WITHOUT ROWID"
    ),
    # A run has the places of entries from its number to the next run's, `entries` when it was made.
    "CREATE TABLE run (id INTEGER PRIMARY KEY, entries INTEGER NOT NULL)",
    # Entries up to `placed` are in the index. Those up to `until` follow, and have come to the
    # place (prefix, id). Run `merging` goes into the one before it. `last` is the newest number,
    # which is never given again.
    (
        "CREATE TABLE tail (last INTEGER NOT NULL, placed INTEGER NOT NULL, until INTEGER, "
        "prefix BLOB, id INTEGER, merging INTEGER)"
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
_RUNS = 8
"""So many are half a million entries; with more, two are merged for each one that comes."""
_HASTE = 4
"""How many of them go there with each entry that comes."""
_STEP = 1_024
"""How many at least go in one transaction, a millisecond or two: pages are filled at once."""
_LOOKUPS = (1, 4, 16, 64)
"""Sizes of the statements that look up; keys are repeated to fill one."""

_PART = "(prefix, id) > (?1, ?2) AND (prefix, id) <= (?3, ?4)"
_END = (b"\xff" * (_PREFIX + 1), 0)

_ROWS = (
    "SELECT entry.id, key, expires, used, packed FROM {places} "
    "CROSS JOIN entry ON entry.id = found.id CROSS JOIN output ON output.id = entry.id "
    "WHERE found.prefix IN ({marks}) UNION ALL "
)
_PLACED = "run CROSS JOIN place AS found ON found.run = run.id"
# A row without a key says that the connection has not seen all.
_BEHIND = (
    "SELECT 0, NULL, NULL, 0, NULL FROM tail CROSS JOIN temp.seen "
    "WHERE tail.last > seen.last OR tail.placed > seen.placed"
)
_FOUND = {
    width: _ROWS.format(places=_PLACED, marks=marks)
    + _ROWS.format(places="temp.fresh AS found", marks=marks)
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
    """Entries that may be those of these keys, the newest of a key first; some may have expired.
    What others have put meanwhile is found too.
    """
    rows = _rows(connection, keys)
    if any(row.key is None for row in rows):
        connection.execute("BEGIN")  # what is read belongs together
        catch_up(connection)
        rows = _rows(connection, keys)
        connection.execute("COMMIT")
    # What is just going into the index is still in memory too.
    return sorted({row.id: row for row in rows}.values(), key=lambda row: -row.id)


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
    """Entries of these keys among those that are not in the index: to look for the others would
    cost as much as to write each there.
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


def place(connection: sqlite3.Connection, added: int) -> None:
    """After so many entries were added: a part of those that wait goes into the index, if enough
    wait; else a part of a run into another one, if there are many.
    """
    last, placed, until, merging = connection.execute(
        "SELECT last, placed, until, merging FROM tail"
    ).fetchone()
    share = _STEP // _HASTE
    if last // share == (last - added) // share:
        return
    count = max(_HASTE * added, _STEP)
    if merging is not None:
        _merge(connection, merging, count * (1 + (last - placed) // _TAIL))  # memory waits for it
    elif until is not None:
        _append(connection, placed + 1, until, count)
    elif last - placed >= _TAIL:
        connection.execute("INSERT INTO run VALUES (?, ?)", (placed + 1, last - placed))
        connection.execute("UPDATE tail SET until = ?, prefix = x'', id = 0", (last,))
        _append(connection, placed + 1, last, count)


def _append(connection: sqlite3.Connection, run: int, until: int, count: int) -> None:
    catch_up(connection)
    (begin,) = connection.execute("SELECT prefix, id FROM tail").fetchall()
    end = connection.execute(
        "SELECT prefix, id FROM temp.fresh WHERE (prefix, id) > (?, ?) LIMIT 1 OFFSET ?",
        (*begin, count - 1),
    ).fetchone()
    connection.execute(
        "INSERT OR IGNORE INTO place SELECT ?6, prefix, id FROM temp.fresh "  # noqa: S608
        f"WHERE {_PART} AND id <= ?5",
        (*begin, *(end or _END), until, run),
    )
    if end is not None:
        connection.execute("UPDATE tail SET prefix = ?, id = ?", end)
        return
    connection.execute("UPDATE tail SET placed = ?, until = NULL", (until,))
    runs = connection.execute("SELECT id, entries FROM run ORDER BY id").fetchall()
    if len(runs) > _RUNS:  # the two that are the least work
        _, merging = min((before[1] + run[1], run[0]) for before, run in itertools.pairwise(runs))
        connection.execute("UPDATE tail SET merging = ?", (merging,))


def _merge(connection: sqlite3.Connection, run: int, count: int) -> None:
    (into,) = connection.execute("SELECT max(id) FROM run WHERE id < ?", (run,)).fetchone()
    end = connection.execute(
        "SELECT prefix, id FROM place WHERE run = ? ORDER BY prefix, id LIMIT 1 OFFSET ?",
        (run, count - 1),
    ).fetchone()
    connection.execute(
        "UPDATE OR REPLACE place SET run = ? WHERE run = ? AND (prefix, id) <= (?, ?)",
        (into, run, *(end or _END)),
    )
    if end is None:
        connection.execute(
            "UPDATE run SET entries = entries + (SELECT entries FROM run WHERE id = ?) "
            "WHERE id = ?",
            (run, into),
        )
        connection.execute("DELETE FROM run WHERE id = ?", (run,))
        connection.execute("UPDATE tail SET merging = NULL")


def forget(connection: sqlite3.Connection, entries: Sequence[tuple[bytes, int]]) -> None:
    """Takes the places of entries (key, id) out of the index."""
    runs = [id for (id,) in connection.execute("SELECT id FROM run ORDER BY id")]
    placed, merging = connection.execute("SELECT placed, merging FROM tail").fetchone()
    places = []
    for key, id in entries:
        at = bisect.bisect(runs, id) - 1
        if at >= 0:
            places.append((runs[at], key[:_PREFIX], id))
            if runs[at] == merging:
                places.append((runs[at - 1], key[:_PREFIX], id))
    connection.executemany("DELETE FROM place WHERE run = ? AND prefix = ? AND id = ?", places)
    connection.executemany(
        "DELETE FROM temp.fresh WHERE prefix = ? AND id = ?",
        [(key[:_PREFIX], id) for key, id in entries if id > placed],
    )
