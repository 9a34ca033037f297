"""A lock that dies with its holder.

A failed bind can never be the mutex: binding over a live unix socket silently succeeds and steals
it. So who serves, and who starts a daemon, is decided by flock, which the kernel gives back
however the holder ends.
"""

from __future__ import annotations

import fcntl
import os

from .files import fault

__all__ = ["Lock"]


class Lock:
    """An exclusive flock on a file; the kernel gives it back when the holder dies."""

    __slots__ = ("_fd", "path")

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self._fd = fd

    @classmethod
    def take(cls, path: str) -> Lock | None:
        """Takes the lock at once, or gives None if somebody holds it."""
        while True:
            fd = _open_lock(path)
            try:
                if not _flock(fd, path, fcntl.LOCK_EX):
                    os.close(fd)
                    return None
                # Somebody may have removed the file (`rm -r` of the home) between open and flock:
                # then the lock guards a file that no later process will ever see.
                if _same_file(fd, path):
                    return cls(path, fd)
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)

    @staticmethod
    def is_held(path: str) -> bool:
        """Whether somebody holds the lock. A look is itself a lock for a moment: takers try again."""
        fd = _open_lock(path)
        try:
            return not _flock(fd, path, fcntl.LOCK_SH)
        finally:
            os.close(fd)

    def stands(self) -> bool:
        """Whether the locked file is still the one that others find under its name."""
        return self._fd >= 0 and _same_file(self._fd, self.path)

    def note(self, text: str) -> None:
        """Writes who holds the lock into the file, for those who find it held."""
        try:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, text.encode(), 0)
        except OSError as error:
            raise fault("cannot write", self.path, error) from error

    @staticmethod
    def read_note(path: str) -> str:
        """What the last holder wrote into the file; empty if nothing."""
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                return file.read(4096)
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise fault("cannot read", path, error) from error

    def release(self) -> None:
        """Gives the lock back. Calling it again does nothing."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            # Closing is not enough: a child that another thread forked meanwhile shares the lock.
            fcntl.flock(fd, fcntl.LOCK_UN)
            os.close(fd)


def _open_lock(path: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o600)
    except OSError as error:
        raise fault("cannot open", path, error) from error


def _flock(fd: int, path: str, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise fault("cannot lock", path, error, "Set MODELD_HOME to a local folder.") from error
    return True


def _same_file(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.lstat(path))
    except FileNotFoundError:
        return False
