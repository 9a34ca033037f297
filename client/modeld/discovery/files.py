"""Private files: written whole or not at all, and readable by one user only."""

from __future__ import annotations

import errno
import os
import stat

from ..errors import DaemonUnavailable

__all__ = ["check_private", "fault", "write_private"]


def fault(what: str, path: str, error: OSError, advice: str = "") -> DaemonUnavailable:
    if not advice:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        advice = "Make room." if full else "Set MODELD_HOME to a folder that you may write to."
    return DaemonUnavailable(f"modeld {what} {path}: {error.strerror or error}. {advice}")


def check_private(path: str, found: os.stat_result, advice: str) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise DaemonUnavailable(f"{path} is a symbolic link, which is not safe here. {advice}")
    if not stat.S_ISDIR(found.st_mode):
        raise DaemonUnavailable(f"{path} is not a folder. {advice}")
    if found.st_uid != os.geteuid():
        raise DaemonUnavailable(
            f"{path} belongs to user id {found.st_uid}, not to {os.geteuid()}. {advice}"
        )
    if found.st_mode & 0o077:
        raise DaemonUnavailable(
            f"{path} is open to other users (mode {found.st_mode & 0o777:04o}). "
            f"Close it with: chmod 700 '{path}'"
        )


def write_private(path: str, text: str, *, replace: bool = True) -> None:
    """Writes a 0600 file that appears whole or not at all; without `replace` the first one stays."""
    temporary = f"{path}.{os.getpid()}-{os.urandom(4).hex()}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with open(os.open(temporary, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        if replace:
            os.rename(temporary, path)
        else:
            _link(temporary, path)
    except OSError as error:
        raise fault("cannot write", path, error) from error
    finally:
        if os.path.lexists(temporary):
            os.unlink(temporary)


def _link(temporary: str, path: str) -> None:
    # Unlike rename, link never replaces: of two makers at once, one wins for both.
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP):
            raise
        os.rename(temporary, path)  # A file system without hard links.
