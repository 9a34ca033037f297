"""The daemon's log: one rotated file that only its owner can read.

Everything the process says ends there: its loggers, warnings, uncaught errors, and what native
code writes to standard error. No secret should reach it; what still does is cut out here, as a
second line of defence: secrets that were registered, and whatever looks like one.
"""

from __future__ import annotations

import faulthandler
import logging
import logging.handlers
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from io import TextIOWrapper
from types import TracebackType

from modeld.errors import redact

__all__ = ["Redactor", "call_id", "log_call", "open_log"]

call_id: ContextVar[str] = ContextVar("call_id", default="-")
"""Id of the call that a log line belongs to. Nothing but the log reads it."""

_LOGGERS = ("modeld", "modeld_daemon")
_FILE_BYTES = 10 * 1024 * 1024
_OLD_FILES = 3
_SHORTEST_SECRET = 6
"""A shorter registered secret would cut up ordinary words."""


@contextmanager
def log_call(id: str) -> Iterator[None]:
    """Marks the log lines of a call."""
    token = call_id.set(id)
    try:
        yield
    finally:
        call_id.reset(token)


class Redactor:
    """Cuts secrets out of text."""

    __slots__ = ("_pattern", "_secrets")

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def __repr__(self) -> str:
        return f"Redactor({len(self._secrets)} secrets)"

    def register(self, secret: str) -> None:
        """From now on this text is cut out."""
        if len(secret) >= _SHORTEST_SECRET and secret not in self._secrets:
            self._secrets.add(secret)
            # The longest first: one secret may begin with another.
            longest = sorted(self._secrets, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest)))

    def clean(self, text: str) -> str:
        """The text without secrets."""
        if self._pattern is not None:
            text = self._pattern.sub("…", text)
        return redact(text)


class _Formatter(logging.Formatter):
    """One line per record: time in UTC, level, call, logger, message. Tracebacks follow."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__("%(asctime)s %(levelname)-7s [%(call)s] %(name)s: %(message)s")
        self._redactor = redactor

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: ARG002, N802
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        return f"{seconds}.{int(record.msecs):03d}Z"

    def format(self, record: logging.LogRecord) -> str:
        record.call = call_id.get()
        return self._redactor.clean(super().format(record))


class _LogFile(logging.handlers.RotatingFileHandler):
    """A 0600 file that takes the standard streams along when it is rotated.

    Another generation may be draining, or may just have started, and rotate the same file: so a
    file that is no longer the one under its name is left before the next line.
    """

    def __init__(self, path: str, *, with_streams: bool) -> None:
        self._with_streams = with_streams
        super().__init__(path, maxBytes=_FILE_BYTES, backupCount=_OLD_FILES, encoding="utf-8")

    def _open(self) -> TextIOWrapper:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(self.baseFilename, flags, 0o600)
        os.fchmod(fd, 0o600)
        if self._with_streams:
            for stream in (1, 2):
                os.dup2(fd, stream)
        return open(fd, "a", encoding="utf-8", errors="backslashreplace")

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: N802
        if self.stream and not self._is_in_place(self.stream):
            self.stream.close()
            self.stream = self._open()
        return bool(super().shouldRollover(record))

    def _is_in_place(self, stream: TextIOWrapper) -> bool:
        try:
            here = os.stat(self.baseFilename)
        except FileNotFoundError:
            return False
        return os.path.samestat(here, os.fstat(stream.fileno()))


def open_log(path: str, level: str, redactor: Redactor, *, detached: bool) -> None:
    """Sends all that this process says to the log; in the foreground also to standard error."""
    formatter = _Formatter(redactor)
    handlers: list[logging.Handler] = [_LogFile(path, with_streams=detached)]
    if not detached:
        handlers.append(logging.StreamHandler(sys.stderr))
    for handler in handlers:
        handler.setFormatter(formatter)
    # Libraries may log whole requests at their finer levels.
    logging.basicConfig(level=logging.WARNING, handlers=handlers, force=True)
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(level.upper())
    logging.captureWarnings(capture=True)
    # A full disk must not fill standard error, which is the same disk, with reports of it.
    logging.raiseExceptions = False
    sys.excepthook = _log_uncaught
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(line_buffering=True)
    faulthandler.enable()  # Where native code died is then in the log.


def _log_uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    logging.getLogger(__name__).critical("uncaught", exc_info=(kind, error, traceback))
