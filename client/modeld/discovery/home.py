"""The home folder: which one, whose, and the names in it."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import DaemonUnavailable
from .files import check_private, fault, write_private

__all__ = [
    "Home",
    "check_home",
    "data_folder",
    "locate",
    "make_secret",
    "make_token",
    "prepare_home",
    "read_token",
    "socket_path",
]

_MAC = sys.platform == "darwin"
_SOCKET_PATH_BYTES = 103 if _MAC else 107
_SYSTEM_TEMP = "/tmp"  # noqa: S108 - not TMPDIR, which differs per process; owner and mode are checked


@dataclass(frozen=True, slots=True)
class Home:
    """The state folder of one daemon, and the names in it."""

    path: str
    chosen: bool = True
    """Whether MODELD_HOME named it."""

    @property
    def daemon_lock(self) -> str:
        """Locked by the serving daemon as long as it admits calls."""
        return f"{self.path}/daemon.lock"

    @property
    def lifecycle_lock(self) -> str:
        """Locked by a client while it starts or stops a daemon."""
        return f"{self.path}/lifecycle.lock"

    @property
    def record(self) -> str:
        """Says where the serving daemon is; written when it is healthy."""
        return f"{self.path}/daemon.json"

    @property
    def token(self) -> str:
        """The secret that every RPC must bring."""
        return f"{self.path}/token"

    @property
    def salt(self) -> str:
        """What makes fingerprints of keys differ from those of any other home."""
        return f"{self.path}/salt"

    @property
    def run(self) -> str:
        """Folder of the generations: `<generation>.sock` and `<generation>.json`."""
        return f"{self.path}/run"

    @property
    def link(self) -> str:
        """Symlink to the serving generation's socket, for clients in other languages."""
        return f"{self.path}/modeld.sock"

    @property
    def log(self) -> str:
        """Log of the daemon."""
        return f"{self.path}/modeld.log"

    @property
    def servers(self) -> str:
        """Folder of the logs of servers that the daemon has started."""
        return f"{self.path}/servers"

    @property
    def cache(self) -> str:
        """Database of the generation cache."""
        return f"{self.path}/cache.db"

    @property
    def journal(self) -> str:
        """Database of the calls with a request id."""
        return f"{self.path}/journal.db"

    @property
    def sessions(self) -> str:
        """Database of the named sessions."""
        return f"{self.path}/sessions.db"

    @property
    def config(self) -> str:
        """Settings of the daemon."""
        return f"{self.path}/config.toml"


def locate(environ: Mapping[str, str] = os.environ) -> Home:
    """Finds the home folder's name. Nothing is created."""
    named = environ.get("MODELD_HOME")
    if named:
        # abspath also cuts a trailing slash, which would make lstat follow a symlink.
        return Home(os.path.abspath(os.path.expanduser(named)))
    return Home(_base_folder(environ, "XDG_STATE_HOME", ".local/state"), chosen=False)


def data_folder(environ: Mapping[str, str] = os.environ) -> str:
    """Folder of large files that outlive any daemon, such as pulled weights. Nothing is created."""
    folder = _base_folder(environ, "XDG_DATA_HOME", ".local/share")
    return f"{folder}/data" if _MAC else folder


def _base_folder(environ: Mapping[str, str], variable: str, default: str) -> str:
    base = environ.get(variable, "")
    if not os.path.isabs(base):  # The XDG rules say that a relative one is to be ignored.
        user = environ.get("HOME") or os.path.expanduser("~")
        if not os.path.isabs(user):
            raise DaemonUnavailable("No home folder of the user is known. Set HOME or MODELD_HOME.")
        base = f"{user}/Library/Application Support" if _MAC else f"{user}/{default}"
    return os.path.join(os.path.abspath(base), "modeld")


def check_home(home: Home) -> bool:
    """Whether the home exists; an error if it is not a private folder of this user."""
    try:
        found = os.lstat(home.path)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise fault("cannot look at", home.path, error) from error
    check_private(home.path, found, "Set MODELD_HOME to a folder of your own.")
    return True


def prepare_home(home: Home) -> None:
    """Makes the home and its `run` folder, or checks what is there."""
    try:
        found = os.lstat(home.path)
    except FileNotFoundError:
        _make_home(home)
    except OSError as error:
        raise fault("cannot look at", home.path, error) from error
    else:
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and found.st_mode & 0o077:
            _tighten(home.path, found.st_mode)
    check_home(home)
    try:
        os.mkdir(home.run, 0o700)
    except FileExistsError:
        check_private(home.run, os.lstat(home.run), "Remove it.")
    except OSError as error:
        raise fault("cannot make", home.run, error) from error


def _make_home(home: Home) -> None:
    parent = os.path.dirname(home.path)
    while not os.path.lexists(parent):
        parent = os.path.dirname(parent)
    try:
        owner = os.stat(parent).st_uid
        # sudo often keeps HOME: root would leave folders in a user's home that lock the user out.
        if os.geteuid() == 0 and owner != 0 and not home.chosen:
            raise DaemonUnavailable(
                f"{parent} belongs to user id {owner}, but this is root. Run it as that user, or "
                "set MODELD_HOME to a folder for root's own daemon."
            )
        os.makedirs(os.path.dirname(home.path), 0o700, exist_ok=True)
        os.mkdir(home.path, 0o700)
    except FileExistsError:
        return  # Another process was faster; its folder is checked like any other.
    except OSError as error:
        raise fault("cannot make", home.path, error) from error


def _tighten(path: str, mode: int) -> None:
    """Takes others' rights from a folder that holds nothing but the daemon's own names.

    A folder into which others may have put something, or which is used for other things, is
    left alone and refused.
    """
    try:
        names = os.listdir(path)
        if not names or (not mode & 0o022 and set(names) <= {"config.toml", "token", "run"}):
            os.chmod(path, 0o700)
    except OSError as error:
        raise fault("cannot close to others", path, error) from error


def socket_path(home: Home, generation: str) -> str:
    """Name of a generation's socket; in the system's temp folder when the home does not allow it."""
    path = f"{home.run}/{generation}.sock"
    encoded = os.fsencode(path)
    # grpc reads the name as a URI, and cannot be made to take these characters.
    if (
        len(encoded) <= _SOCKET_PATH_BYTES
        and not set(b"%?#,") & set(encoded)
        and path.isprintable()
    ):
        return path
    folder = f"{_SYSTEM_TEMP}/modeld-{os.geteuid()}"
    advice = "Set MODELD_HOME to a shorter path."
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        check_private(folder, os.lstat(folder), advice)
    except OSError as error:
        raise fault("cannot make", folder, error) from error
    return f"{folder}/{generation}.sock"


def read_token(home: Home) -> str | None:
    """The token, or None if there is none yet."""
    return _read_secret(home.token)


def make_token(home: Home, *, replace: bool = False) -> str:
    """The token; made when there is none, or anew when asked. All makers get the same one."""
    return make_secret(home.token, replace=replace)


def make_secret(path: str, *, replace: bool = False) -> str:
    """64 hex digits that are made once and kept in a file of their own."""
    if not replace and (secret := _read_secret(path)):
        return secret
    # An empty file is left by a full disk, and is put right as if there were none. One that another
    # maker has written meanwhile is whole, and stays.
    replace = replace or _is_empty(path)
    write_private(path, os.urandom(32).hex() + "\n", replace=replace)
    secret = _read_secret(path)
    if not secret:
        raise DaemonUnavailable(f"{path} cannot be made.")
    return secret


def _is_empty(path: str) -> bool:
    try:
        return os.lstat(path).st_size == 0
    except FileNotFoundError:
        return False


def _read_secret(path: str) -> str | None:
    # A fifo of that name must not hold up whoever opens it.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        fd = os.open(path, flags)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise fault("cannot read", path, error) from error
    with open(fd, encoding="ascii", errors="replace") as file:
        found = os.fstat(fd)
        if found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise DaemonUnavailable(
                f"{path} is not private (mode {found.st_mode & 0o777:04o}, user id "
                f"{found.st_uid}). Others may know it: remove it and run 'modeld restart'."
            )
        return file.read(4096).strip() or None
