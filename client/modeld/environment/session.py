"""The environment of a client as it is now.

"I set the variable and the daemon did not see it" must never be true. So a handle asks for its
variables at every call, and that has to cost microseconds: the `.env` that was found is only
looked at again (one stat), and the search upward from the working folder is repeated once in a
second or when the folder changes.

Threads share no lock. What is known is one immutable value that is replaced whole: two threads
may both read a changed file, and either result is right.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import InvalidRequest
from .dotenv import DotEnv
from .patterns import is_path, is_sendable

__all__ = ["Environment"]

_SEARCH_AGAIN_SECONDS = 1.0
_LARGEST_BYTES = 1 << 20
_CLOCK_TICK_NS = 20_000_000
"""A file that was changed this shortly before it was read may change again unseen by its times."""

_Signature = tuple[int, int, int, int, int]
_NOTHING = DotEnv()


@dataclass(frozen=True, slots=True)
class _Found:
    """The `.env` that holds for a working folder."""

    folder: str | None
    searched_at: float
    path: str | None = None
    signature: _Signature | None = None
    content: DotEnv = field(default=_NOTHING, repr=False)


@dataclass(frozen=True, slots=True)
class _Values:
    """Values that were read, and from what."""

    keys: tuple[bytes, ...]
    raw: tuple[bytes | None, ...] = field(repr=False)
    dotenv: Mapping[str, str | None] = field(repr=False)
    values: Mapping[str, str | None] = field(repr=False)
    folder: str | None = None
    """The working folder, if a value depends on it."""


class Environment:
    """The variables of this process and of the nearest `.env` upward; the process wins."""

    __slots__ = ("_checked", "_environ", "_found", "_known", "_raw")

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._found = _Found(folder=None, searched_at=-_SEARCH_AGAIN_SECONDS)
        self._checked: set[str] = set()
        # What os.environ keeps behind its decoding, which would cost more than all else of a call.
        self._raw: Mapping[bytes, bytes] | None = (
            getattr(environ, "_data", None)
            if environ is os.environ and os.name == "posix"
            else None
        )
        self._known: dict[tuple[str, ...], _Values] = {}

    def __repr__(self) -> str:
        return f"Environment(dotenv={self._found.path!r})"

    def values(self, names: tuple[str, ...]) -> Mapping[str, str | None]:
        """Values to send to the daemon; None where there is none. The same object as long as none
        has changed.

        An `InvalidRequest` if a name is not one that belongs to providers.
        """
        dotenv = self._dotenv()
        if self._raw is None:
            return self._read_values(names, dotenv)
        known = self._known.get(names)
        if known is None:
            keys = tuple(os.fsencode(name) for name in names)
        else:
            keys = known.keys
            if (
                known.dotenv is dotenv
                and known.folder in (None, self._found.folder)
                and known.raw == tuple(map(self._raw.get, keys))
            ):
                return known.values
        raw = tuple(map(self._raw.get, keys))
        values = self._read_values(names, dotenv)
        # A path that is relative in the process is made absolute by the working folder.
        relative = any(
            is_path(name) and value and not value.startswith(b"/")
            for name, value in zip(names, raw, strict=True)
        )
        folder = self._found.folder if relative else None
        self._known[names] = _Values(keys, raw, dotenv, values, folder)
        return values

    def _read_values(
        self, names: tuple[str, ...], dotenv: Mapping[str, str | None]
    ) -> dict[str, str | None]:
        values: dict[str, str | None] = {}
        for name in names:
            if name not in self._checked:
                _check_sendable(name)
                self._checked.add(name)
            value = self._environ.get(name)
            folder = self._found.folder
            if value is None:
                value = dotenv.get(name)
                folder = os.path.dirname(self._found.path or "")
            if value:
                _check_text(name, value)
                if is_path(name):  # the daemon has another working folder
                    value = os.path.join(folder or "", os.path.expanduser(value))
            values[name] = value
        return values

    def get(self, name: str) -> str | None:
        """Value of any variable, for the client's own use."""
        value = self._environ.get(name)
        return self._dotenv().get(name) if value is None else value

    def model(self) -> str | None:
        """The model that MODELD_MODEL or else INSPECT_EVAL_MODEL names; the first one of a list."""
        for name in ("MODELD_MODEL", "INSPECT_EVAL_MODEL"):
            if model := (self.get(name) or "").partition(",")[0].strip():
                return model
        return None

    def origin(self, name: str) -> str | None:
        """Where a variable comes from: "environment", the path of a `.env`, or None."""
        if name in self._environ:
            return "environment"
        return self._found.path if self._dotenv().get(name) is not None else None

    def _dotenv(self) -> Mapping[str, str | None]:
        found = self._found
        now = time.monotonic()
        try:
            folder: str | None = os.getcwd()
        except OSError:  # The working folder was removed.
            folder = None
        if folder != found.folder or now - found.searched_at >= _SEARCH_AGAIN_SECONDS:
            path = None if folder is None else _search(folder)
            if path != found.path:
                found = _Found(folder, now, path)
            else:
                found = _Found(folder, now, path, found.signature, found.content)
            self._found = found
        if found.path is not None:
            signature = _signature(found.path)
            if signature is None or signature != found.signature:
                found = self._found = _read(found)
        return found.content.values(self._environ)


def _check_sendable(name: str) -> None:
    if not is_sendable(name):
        raise InvalidRequest(
            f"The variable {name[:80]!r} does not belong to a provider, so it is not sent to the "
            "daemon. Pass the value as an argument."
        )


def _check_text(name: str, value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        # Without the cause: a UnicodeEncodeError carries the value.
        raise InvalidRequest(f"The variable {name} is not valid UTF-8.") from None


def _search(folder: str) -> str | None:
    while True:
        path = f"{folder.rstrip('/')}/.env"
        if _is_usable(path, folder):
            return path
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def _is_usable(path: str, folder: str) -> bool:
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            return False  # Often a virtual environment's folder.
        if found.st_uid in (os.geteuid(), 0):
            return True
        # Anybody can leave a .env in /tmp, and with a base URL in it steal the key of whoever
        # works in a folder below.
        return not os.stat(folder).st_mode & stat.S_IWOTH
    except OSError:
        return False


def _signature(path: str) -> _Signature | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _read(found: _Found) -> _Found:
    """Reads the file anew. One that cannot be read counts as empty until it can."""
    path = found.path or ""
    signature = _signature(path)
    content = _NOTHING
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            content = DotEnv(file.read(_LARGEST_BYTES))
    except OSError:
        signature = None
    if signature and time.time_ns() - max(signature[3:]) < _CLOCK_TICK_NS:
        signature = None
    return _Found(found.folder, found.searched_at, found.path, signature, content)
