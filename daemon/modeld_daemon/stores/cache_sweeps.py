"""The tables of the generation cache, and what goes over all of them: counting and sweeping."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..core.kept import CacheModel, Swept
from .cache_places import STATEMENTS, TEMPORARY, forget
from .file import Schema

__all__ = ["SCHEMA", "Sweep", "delete", "look_at_models", "look_at_totals", "sweep", "vacuum"]

SCHEMA = Schema(
    application_id=0x6D644361,  # "mdCa"
    version=3,
    statements=(
        "CREATE TABLE model (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
        (
            "CREATE TABLE entry (id INTEGER PRIMARY KEY, key BLOB NOT NULL, "
            "model INTEGER NOT NULL, size INTEGER NOT NULL, stored REAL NOT NULL, expires REAL, "
            "used REAL NOT NULL)"
        ),
        "CREATE INDEX entry_used ON entry (used)",
        "CREATE INDEX entry_expires ON entry (expires) WHERE expires IS NOT NULL",
        "CREATE TABLE output (id INTEGER PRIMARY KEY, packed BLOB NOT NULL)",
        "CREATE TABLE total (entries INTEGER NOT NULL, size INTEGER NOT NULL)",
        "INSERT INTO total VALUES (0, 0)",
        *STATEMENTS,
    ),
    tables=frozenset(("model", "entry", "output", "total", "place", "run", "tail")),
    keeps="outputs of the cache",
    shrinks=True,
    temporary=TEMPORARY,
)

_DELETED = 250
"""Most entries deleted in one transaction: some milliseconds."""
_LOOKED_AT = 20_000
"""Most entries looked at in one transaction."""
_PAGES = 1_000
"""Pages given back to the file system in one transaction."""


class Sweep(NamedTuple):
    """What is to be deleted, and how far that has come."""

    models: tuple[str, ...] = ()
    """Full names; empty is all."""
    stored_before: float | None = None
    expired_at: float | None = None
    after: int = 0
    """Entries up to this id have been looked at."""
    until: int | None = None
    """Last id when the sweep began: what comes later stays."""


def delete(connection: sqlite3.Connection, ids: Sequence[int]) -> Swept:
    """Deletes entries by their ids, whether they still are there or not."""
    entries = size = 0
    for start in range(0, len(ids), 500):
        chunk = ids[start : start + 500]
        marks = ", ".join("?" * len(chunk))
        rows = connection.execute(
            f"SELECT key, id, size FROM entry WHERE id IN ({marks})",  # noqa: S608
            chunk,
        ).fetchall()
        entries, size = entries + len(rows), size + sum(row[2] for row in rows)
        forget(connection, [row[:2] for row in rows])
        for table in ("entry", "output"):
            connection.execute(f"DELETE FROM {table} WHERE id IN ({marks})", chunk)  # noqa: S608
    if entries:
        connection.execute(
            "UPDATE total SET entries = entries - ?, size = size - ?", (entries, size)
        )
    return Swept(entries, size)


def sweep(
    connection: sqlite3.Connection, items: Sequence[Sweep]
) -> Iterable[tuple[Sweep | None, Swept]]:
    """Deletes a batch; what is left to do, None at the end, and what was deleted."""
    return [_sweep(connection, item) for item in items]


def _sweep(connection: sqlite3.Connection, wanted: Sweep) -> tuple[Sweep | None, Swept]:
    if wanted.until is None:
        (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM entry").fetchone()
        wanted = wanted._replace(until=last)
    # Ids have gaps, where others have left.
    (first,) = connection.execute(
        "SELECT min(id) FROM entry WHERE id > ? AND id <= ?", (wanted.after, wanted.until)
    ).fetchone()
    if first is None:
        return None, Swept(0, 0)
    conditions, values = _conditions(wanted)
    ids = [
        id
        for (id,) in connection.execute(
            f"SELECT id FROM entry WHERE {conditions} ORDER BY id LIMIT ?",  # noqa: S608
            (first, min(first + _LOOKED_AT, wanted.until or 0), *values, _DELETED),
        )
    ]
    after = ids[-1] if len(ids) == _DELETED else first + _LOOKED_AT
    return wanted._replace(after=after), delete(connection, ids)


def _conditions(wanted: Sweep) -> tuple[str, list[object]]:
    conditions, values = ["id >= ?", "id <= ?"], list[object]()
    if wanted.models:
        marks = ", ".join("?" * len(wanted.models))
        conditions.append(f"model IN (SELECT id FROM model WHERE name IN ({marks}))")  # noqa: S608
        values.extend(wanted.models)
    if wanted.stored_before is not None:
        conditions.append("stored < ?")
        values.append(wanted.stored_before)
    if wanted.expired_at is not None:
        conditions.append("expires <= ?")
        values.append(wanted.expired_at)
    return " AND ".join(conditions), values


def vacuum(connection: sqlite3.Connection, items: Sequence[None]) -> Iterable[bool]:
    """Gives empty pages back to the file system, a batch; whether there are more."""
    connection.execute(f"PRAGMA incremental_vacuum({_PAGES})").fetchall()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    return [free > 0] * len(items)


def look_at_totals(connection: sqlite3.Connection, now: float) -> tuple[int, int, int]:
    """Entries, their bytes, and how many of them have expired."""
    entries, size = connection.execute("SELECT entries, size FROM total").fetchone()
    (expired,) = connection.execute(
        "SELECT count(*) FROM entry WHERE expires <= ?", (now,)
    ).fetchone()
    return entries, size, expired


def look_at_models(connection: sqlite3.Connection, now: float) -> list[CacheModel]:
    """What there is of each model, by name."""
    rows = connection.execute(
        "SELECT name, count(*), sum(size), total(expires <= :now), "
        "total(CASE WHEN expires <= :now THEN size END), min(stored), max(stored) "
        "FROM entry JOIN model ON model.id = entry.model GROUP BY model.id ORDER BY name",
        {"now": now},
    )
    return [
        CacheModel(name, entries, size, int(expired), int(expired_size), oldest, newest)
        for name, entries, size, expired, expired_size, oldest, newest in rows
    ]
