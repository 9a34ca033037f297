"""Where the daemon is, who owns its folder, and which version wrote the record.

The porch of both wings: the client reads what the daemon writes here. One daemon per user and
home folder. The home does not depend on XDG_RUNTIME_DIR or TMPDIR: both differ between a shell,
cron, ssh and an editor, and then two daemons would run.
"""

from .files import fault, write_private
from .home import (
    Home,
    check_home,
    data_folder,
    locate,
    make_secret,
    make_token,
    prepare_home,
    read_token,
    socket_path,
)
from .lock import Lock
from .record import PROTOCOL, VERSION, Record, boot_id, host, process_start

__all__ = [
    "PROTOCOL",
    "VERSION",
    "Home",
    "Lock",
    "Record",
    "boot_id",
    "check_home",
    "data_folder",
    "fault",
    "host",
    "locate",
    "make_secret",
    "make_token",
    "prepare_home",
    "process_start",
    "read_token",
    "socket_path",
    "write_private",
]
