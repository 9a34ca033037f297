"""Named sessions in a SQLite database: their settings as JSON, and what was used, in columns."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from modeld.errors import ModeldError
from modeld.types import ModelUsage, NamedSession, SessionSettings, SessionUsage

from ..core.named import Used
from .database import Database
from .file import DatabaseFile, Schema

__all__ = ["MemoryNamed", "SqliteNamed"]

log = logging.getLogger("modeld.stores")

_COUNTS = (
    "input_tokens", "output_tokens", "total_tokens", "input_tokens_cache_write",
    "input_tokens_cache_read", "reasoning_tokens", "total_cost",
)  # fmt: skip
"""Fields of ModelUsage; a column is null as long as nobody has told the number."""
_SCHEMA = Schema(
    application_id=0x6D645365,  # "mdSe"
    version=1,
    statements=(
        (
            "CREATE TABLE session (name TEXT PRIMARY KEY, settings TEXT NOT NULL, "
            "created REAL NOT NULL, changed REAL NOT NULL)"
        ),
        (
            "CREATE TABLE used (session TEXT NOT NULL, model TEXT NOT NULL, role TEXT NOT NULL, "
            f"calls INTEGER NOT NULL, {', '.join(f'{name} NUMERIC' for name in _COUNTS)}, "
            "PRIMARY KEY (session, model, role))"
        ),
    ),
    tables=frozenset(("session", "used")),
    keeps="named sessions",
)
# A number that was never told stays unknown; one that was told is a sum.
_SUMS = ", ".join(
    f"{name} = CASE WHEN excluded.{name} IS NULL THEN {name} "
    f"ELSE COALESCE({name}, 0) + excluded.{name} END"
    for name in _COUNTS
)
# Only of a session that is there: it may have been deleted since.
_ADD = (
    f"INSERT INTO used (session, model, role, calls, {', '.join(_COUNTS)}) "  # noqa: S608  # own names
    f"SELECT ?, ?, ?, ?{', ?' * len(_COUNTS)} "
    "WHERE EXISTS (SELECT 1 FROM session WHERE name = ?) "
    f"ON CONFLICT (session, model, role) DO UPDATE SET calls = calls + excluded.calls, {_SUMS}"
)
_LOSING = "Named sessions cannot be used meanwhile, and what is used in them is not counted."

Loaded: TypeAlias = tuple[list[NamedSession], list[Used]]


class SqliteNamed:
    """A `NamedStore`.

    Args:
        path: The database file; it is made when the first session is asked for.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(DatabaseFile(path, _SCHEMA), _LOSING)

    async def load(self) -> Loaded:
        """All sessions, without what was used, and all that was used."""
        return await self._database.ask(_load, None, ([], []))

    async def put(self, session: NamedSession) -> None:
        """Keeps the settings of a session."""
        await self._database.ask(_put, session, None)

    async def delete(self, name: str) -> None:
        """Forgets a session, and what was used in it."""
        await self._database.ask(_delete, name, None)

    def add(self, used: list[Used]) -> None:
        """Adds to what was used; returns at once."""
        self._database.post(_add, used, None)

    async def aclose(self) -> None:
        """Writes what is in memory and closes the file."""
        await self._database.aclose()


# -- in the thread of the database that writes --


def _load(connection: sqlite3.Connection, items: Sequence[None]) -> Iterable[Loaded]:
    sessions: list[NamedSession] = []
    rows = connection.execute("SELECT name, settings, created, changed FROM session").fetchall()
    for name, text, created, changed in rows:
        try:
            settings = SessionSettings.from_dict(json.loads(text))
        except (ValueError, ModeldError) as error:  # of a newer version, or edited by hand
            log.warning("the settings of session %s cannot be read: %s", name, error)
            settings = SessionSettings()
        sessions.append(NamedSession(name, settings, created, changed))
    used = [
        Used(session, model, role, SessionUsage(calls, _usage(counts)))
        for session, model, role, calls, *counts in connection.execute(
            f"SELECT session, model, role, calls, {', '.join(_COUNTS)} FROM used"  # noqa: S608
        )
    ]
    return [(sessions, used)] * len(items)


def _usage(counts: Sequence[float | None]) -> ModelUsage:
    known = {name: n for name, n in zip(_COUNTS, counts, strict=True) if n is not None}
    return ModelUsage(**known)  # type: ignore[arg-type]  # whole numbers but for the cost


def _put(connection: sqlite3.Connection, items: Sequence[NamedSession]) -> Iterable[None]:
    for session in items:
        text = json.dumps(session.settings.to_dict(), ensure_ascii=False)
        connection.execute(
            "INSERT OR REPLACE INTO session VALUES (?, ?, ?, ?)",
            (session.name, text, session.created, session.changed),
        )
    return [None] * len(items)


def _delete(connection: sqlite3.Connection, items: Sequence[str]) -> Iterable[None]:
    for name in items:
        connection.execute("DELETE FROM session WHERE name = ?", (name,))
        connection.execute("DELETE FROM used WHERE session = ?", (name,))
    return [None] * len(items)


def _add(connection: sqlite3.Connection, items: Sequence[list[Used]]) -> Iterable[None]:
    for used in items:
        for one in used:
            counts = [getattr(one.used.usage, name) for name in _COUNTS]
            names = (one.session, one.model, one.role, one.used.calls)
            connection.execute(_ADD, (*names, *counts, one.session))
    return [None] * len(items)


class MemoryNamed:
    """A `NamedStore` that ends with the process, for where there is no disk, and for tests."""

    def __init__(self) -> None:
        self._sessions: dict[str, NamedSession] = {}
        self._used: dict[tuple[str, str, str], Used] = {}

    async def load(self) -> Loaded:
        """All that was put and added."""
        return list(self._sessions.values()), list(self._used.values())

    async def put(self, session: NamedSession) -> None:
        """Keeps a session."""
        self._sessions[session.name] = session

    async def delete(self, name: str) -> None:
        """Forgets a session."""
        self._sessions.pop(name, None)
        self._used = {key: one for key, one in self._used.items() if one.session != name}

    def add(self, used: list[Used]) -> None:
        """Adds to what was used."""
        for one in used:
            key = (one.session, one.model, one.role)
            known = self._used.get(key)
            self._used[key] = one if known is None else replace(one, used=known.used + one.used)
