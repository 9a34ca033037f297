"""The record of the serving daemon, and what makes a process unmistakable."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from .. import __version__
from .files import fault, write_private

__all__ = ["PROTOCOL", "VERSION", "Record", "boot_id", "host", "process_start"]

VERSION = __version__
PROTOCOL = (1, 1)
"""Lowest and highest version of the wire protocol that this code speaks."""


@dataclass(frozen=True, slots=True)
class Record:
    """Says which daemon serves, and since when."""

    endpoint: str
    """Target for grpc: `unix:/path`, or `host:port` when MODELD_ADDRESS says so."""
    pid: int
    start_time: str
    """Start of the process as the kernel tells it: a process id alone may be used again."""
    started_at: float
    host: str
    boot_id: str
    version: str
    protocol_min: int
    protocol_max: int
    log: str
    generation: str

    @classmethod
    def of_this_process(cls, *, endpoint: str, generation: str, log: str) -> Record:
        """The record of the process that calls."""
        pid = os.getpid()
        return cls(
            endpoint=endpoint,
            pid=pid,
            start_time=process_start(pid) or "",
            started_at=time.time(),
            host=host(),
            boot_id=boot_id(),
            version=VERSION,
            protocol_min=PROTOCOL[0],
            protocol_max=PROTOCOL[1],
            log=log,
            generation=generation,
        )

    @classmethod
    def read(cls, path: str) -> Record | None:
        """The record in a file; None if there is none or it makes no sense."""
        try:
            with open(path, "rb") as file:
                found = json.loads(file.read(65536))
            values = {field.name: found[field.name] for field in fields(cls)}
        except (FileNotFoundError, ValueError, KeyError, TypeError, RecursionError):
            return None
        except OSError as error:
            raise fault("cannot read", path, error) from error
        for name, value in values.items():
            wanted = _RECORD_TYPES.get(name, str)
            if isinstance(value, bool) or not isinstance(value, wanted):
                return None
        if not values["endpoint"].startswith("unix:/") or values["pid"] <= 0:
            return None
        return cls(**values)

    def write(self, path: str) -> None:
        """Puts the record in place in one step."""
        write_private(path, json.dumps(asdict(self), indent=1) + "\n")

    def is_alive(self) -> bool:
        """Whether the very process that wrote the record still runs on this machine."""
        if self.host != host() or self.boot_id != boot_id():
            return False
        start = process_start(self.pid)
        return start is not None and start == self.start_time


_RECORD_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "pid": int,
    "started_at": (int, float),
    "protocol_min": int,
    "protocol_max": int,
}


def host() -> str:
    """Name of this machine."""
    return os.uname().nodename


def boot_id() -> str:
    """Which boot of the machine this is; empty where the system does not tell."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def process_start(pid: int) -> str | None:
    """When a process started, in the kernel's words; None if it has ended.

    A zombie has ended: nobody may ever reap it in a container. Where the system has no /proc
    the answer is "" for any process.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name of the program, in parentheses, may itself hold spaces and parentheses.
            values = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        if os.path.exists("/proc/self/stat"):
            return None
    else:
        return None if values[0] in (b"Z", b"X") else values[19].decode()
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return None
    return ""
