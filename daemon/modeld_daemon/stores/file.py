"""A SQLite database file: how it is opened, how it is judged, how a broken one is set aside.

Nothing here may cost a call. A file that is not the database it should be (truncated, malformed, of
another program, of a newer schema, a folder) is renamed to `NAME.broken-TIME` with its -wal and -shm
and a new one begun; the last few are kept for whoever wants to look. What a file cannot help (a full
disk, a lock) leaves it where it is.

Three rules of SQLite shape the code. Closing any descriptor of a database drops all locks that this
process has on it, so the file is never opened here once it exists. The -wal and -shm must go
before the file: a new database must never find the log of another one beside it. And a connection
goes on with the pages that it remembers when its file is truncated or its log taken away, so both
are looked at with each transaction: what is said to be kept must be there for the next daemon.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import math
import os
import sqlite3
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

__all__ = ["BUSY_SECONDS", "Broken", "DatabaseFile", "Schema", "is_broken", "is_full", "reason"]

log = logging.getLogger("modeld.stores")

BUSY_SECONDS = 0.4
"""Longest wait for a lock of another process: opening and writing may wait for one each."""
_KEPT = 3
_CACHE_KB = 8192
_PAGE = 4096
"""Bytes of a page, and the least of a database."""
_LOG_BYTES = 16 * 1024 * 1024
"""A log that is longer is cut to that when it begins anew."""

# Primary result codes: https://www.sqlite.org/rescode.html
_CORRUPT, _NOT_A_DATABASE, _FORMAT = 11, 26, 24
_FULL = 13
_NOT_WRITTEN = 778  # of IOERR: how SQLite names a quota
_SHORT_READ = 522  # of IOERR: the file ends where a page should be
_WORDS = {
    3: "it may not be used",
    5: "another process has locked it",
    6: "it is locked",
    7: "there is no memory",
    8: "it is read-only",
    10: "the disk fails, or a limit on the size of files is reached",
    13: "the disk is full",
    14: "it cannot be opened",
    15: "another process has locked it",
    23: "it may not be used",
}


class Broken(Exception):
    """The file is not the database that it should be."""


@dataclass(frozen=True, slots=True)
class Schema:
    """What a database is: its mark, its version, its tables."""

    application_id: int
    version: int
    statements: tuple[str, ...]
    tables: frozenset[str]
    keeps: str
    """What is lost with a file, in the plural."""
    shrinks: bool = False
    """Whether empty pages are given back to the file system."""
    temporary: tuple[str, ...] = ()
    """Statements for each connection: tables of its own, in memory."""


def is_full(error: Exception) -> bool:
    """Whether there is no room: on the disk, or within a quota or a limit."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return getattr(error, "sqlite_errorcode", None) in (_FULL, _NOT_WRITTEN)


class _Seen(NamedTuple):
    """What only grows as long as there are connections."""

    size: int
    log: tuple[int, int] | None
    """Which file the log is."""
    log_size: int


def is_broken(error: Exception) -> bool:
    """Whether the file itself is at fault, and another one would do."""
    if isinstance(error, Broken):
        return True
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and (
        code == _SHORT_READ or code & 0xFF in (_CORRUPT, _NOT_A_DATABASE, _FORMAT)
    )


def reason(error: Exception) -> str | None:
    """Why the database cannot be used now, in words; None when the error is not of that kind."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else _WORDS.get(code & 0xFF)


class DatabaseFile:
    """One database file, for any number of connections of this process."""

    def __init__(self, path: Path, schema: Schema) -> None:
        self.path = path
        self._schema = schema
        self._lock = threading.Lock()
        self._number = 0
        self._inode: tuple[int, int] | None = None
        self._looking = threading.Lock()
        self._log = self._beside("-wal")
        self._seen: _Seen | None = None
        self._connections: Counter[int] = Counter()
        self._lost = (-math.inf, "")

    def connect(self) -> tuple[sqlite3.Connection, int]:
        """A connection, and the number of the file that it is to.

        The caller uses it in one thread and gives it back to `close`. A broken file is replaced
        first.

        Raises:
            OSError: There is no file and none can be made.
            sqlite3.Error: The file cannot be used now.
        """
        with self._lock:
            try:
                connection = self._open()
            except (Broken, sqlite3.Error) as error:
                if not is_broken(error):
                    raise
                self._set_aside(error)
                connection = self._open()
            self._connections[self._number] += 1
            return connection, self._number

    def close(self, connection: sqlite3.Connection, number: int) -> None:
        """Closes a connection."""
        with self._lock:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
            self._connections[number] -= 1
            if number == self._number and not self._connections[number]:
                self._seen = None

    def is_current(self, number: int) -> bool:
        """Whether connections of that number still are to the file of this name.

        Raises:
            Broken, sqlite3.Error: They are, and the file is no good any more.
        """
        if number != self._number:
            return False
        if self._look():
            return True
        with self._lock:
            if number == self._number:
                self._moved()
        return False

    def lost(self, seconds: float) -> str | None:
        """What was lost with a file in that many last seconds; None when nothing was."""
        at, what = self._lost
        return what if time.monotonic() - at < seconds else None

    def replace(self, number: int, why: Exception) -> None:
        """Sets the file aside, unless another thread did so meanwhile."""
        with self._lock:
            if number == self._number:
                self._set_aside(why)

    def discard(self) -> None:
        """Deletes the file with all that is in it; this needs no room on the disk.

        Raises:
            OSError: The file system does not allow it.
        """
        with self._lock:
            self._number += 1
            self._inode = self._seen = None
            for tail in ("-wal", "-shm", ""):
                self._beside(tail).unlink(missing_ok=True)

    def _open(self) -> sqlite3.Connection:
        if self._inode is not None:
            self._look()
        empty = self._make()
        connection = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            self._prepare(connection)
            found = self.path.stat()
        except BaseException:
            connection.close()
            raise
        inode = (found.st_dev, found.st_ino)
        if self._inode not in (None, inode):
            self._moved()
        self._inode = inode
        # SQLite has it beside the file, and not beside a link to it.
        self._log = Path(os.path.realpath(self.path) + "-wal")
        if empty:
            self._tell_lost("was empty")
        return connection

    def _moved(self) -> None:
        """Connections to what had this name before are no good any more."""
        self._number += 1
        self._inode = self._seen = None
        self._tell_lost("was taken away")

    def _tell_lost(self, how: str) -> None:
        what = f"{self.path} {how}; {self._schema.keeps} are lost, and a new one is begun."
        self._lost = (time.monotonic(), what)
        log.warning("%s", what)

    def _beside(self, tail: str) -> Path:
        return self.path.with_name(self.path.name + tail)

    def _look(self) -> bool:
        """Whether the file of this name still is the one; whether all that it had is there.

        Raises:
            Broken, sqlite3.Error: It is not.
        """
        with self._looking:  # sizes are seen in the order in which they come about
            try:
                found = self.path.stat()
                if (found.st_dev, found.st_ino) != self._inode:
                    return False
            except OSError:
                return False
            if found.st_size < _PAGE:
                raise Broken("it was truncated")
            if not self._connections[self._number]:
                return True  # the last one has taken the log along, and the next one makes another
            try:
                beside = self._log.stat()
            except OSError:
                beside = None
            now = _Seen(
                _PAGE if self._schema.shrinks else found.st_size,
                None if beside is None else (beside.st_dev, beside.st_ino),
                0 if beside is None else min(beside.st_size, _LOG_BYTES),
            )
            before = self._seen or now
            if now.log != before.log:
                raise Broken("its log was taken away")
            if now.size < before.size or now.log_size < before.log_size:
                self._verify()
            self._seen = now
            return True

    def _verify(self) -> None:
        """Reads the whole file: something was cut off, perhaps by a tool that knows how to do it."""
        with contextlib.closing(sqlite3.connect(self.path, timeout=BUSY_SECONDS)) as connection:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise Broken("it was truncated")

    def _make(self) -> bool:
        """Whether there was a file already, with nothing in it."""
        if not self.path.exists():  # the log of a database that was taken away is not the new one's
            for tail in ("-wal", "-shm"):
                self._beside(tail).unlink(missing_ok=True)
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            try:
                found = self.path.stat()
            except FileNotFoundError:
                raise OSError(errno.ENOENT, "it is a link to a file that is not there") from None
            for tail in ("", "-wal", "-shm"):
                path = self._beside(tail)
                if path.exists() and not path.is_file():
                    raise Broken(f"{path.name} is not a file") from None
            if found.st_mode & 0o077:
                self.path.chmod(0o600)
            return found.st_size == 0
        return False

    def _prepare(self, connection: sqlite3.Connection) -> None:
        schema = self._schema
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        if pages == 0:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise OSError(0, f"the file system cannot share memory ({mode})")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
        connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
        if self._version(connection) is None:
            connection.execute("BEGIN IMMEDIATE")
            if self._version(connection) is None:  # no other process was faster
                for statement in schema.statements:
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {schema.application_id}")
                connection.execute(f"PRAGMA user_version = {schema.version}")
            connection.execute("COMMIT")
        version = self._version(connection)
        if version != schema.version:
            raise Broken(f"its schema is version {version}, and this modeld knows {schema.version}")
        connection.execute("PRAGMA temp_store = MEMORY")
        for statement in schema.temporary:
            connection.execute(statement)

    def _version(self, connection: sqlite3.Connection) -> int | None:
        """Version of the schema; None when the database is empty."""
        tables = {
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        (application_id,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if not tables and application_id in (0, self._schema.application_id):
            return None
        if application_id != self._schema.application_id:
            raise Broken("it belongs to another program")
        if version == self._schema.version and not tables >= self._schema.tables:
            raise Broken("tables are missing")
        return int(version)

    def _set_aside(self, why: Exception) -> None:
        """Renames the file; `OSError` when that cannot be done."""
        self._number += 1
        self._inode = self._seen = None
        name = f"{self.path.name}.broken-{time.strftime('%Y%m%d-%H%M%S')}"
        if self.path.with_name(name).exists():
            name += f"-{os.urandom(3).hex()}"
        for tail in ("-wal", "-shm", ""):
            with contextlib.suppress(FileNotFoundError):
                self._beside(tail).rename(self.path.with_name(name + tail))
        self._tell_lost(f"was broken ({why}) and is now {name}")
        self._forget_old()

    def _forget_old(self) -> None:
        start = f"{self.path.name}.broken-"
        with contextlib.suppress(OSError):
            found = [
                path
                for path in self.path.parent.iterdir()
                if path.name.startswith(start) and not path.name.endswith(("-wal", "-shm"))
            ]
            found.sort(key=lambda path: path.lstat().st_mtime)
            for old in [path for path in found if path.is_file()][:-_KEPT]:
                for tail in ("-wal", "-shm", ""):
                    old.with_name(old.name + tail).unlink(missing_ok=True)
