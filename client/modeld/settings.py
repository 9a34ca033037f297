"""What a user sets for the client by environment variables.

Only the process environment counts, never a `.env`: in a folder that somebody else made, a `.env`
could otherwise lead all keys to another daemon. The home folder is `modeld.discovery`'s.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from .errors import InvalidRequest

__all__ = ["Settings"]

_NO = ("0", "false", "no", "off")
_YES = ("", "1", "true", "yes", "on")


@dataclass(frozen=True, slots=True)
class Settings:
    """How this process reaches its daemon."""

    address: str | None = None
    """MODELD_ADDRESS: `unix:/path` or `host:port` of a daemon to use as it is."""
    autostart: bool = True
    """MODELD_AUTOSTART: whether a daemon is started when none runs."""
    session: str | None = field(default=None, repr=False)
    """MODELD_SESSION: name of a session to join."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Reads the variables; `InvalidRequest` names one that makes no sense."""
        return cls(
            address=_address(environ.get("MODELD_ADDRESS", "")),
            autostart=_switch("MODELD_AUTOSTART", environ.get("MODELD_AUTOSTART", "")),
            session=environ.get("MODELD_SESSION") or None,
        )


def _switch(name: str, value: str) -> bool:
    word = value.strip().lower()
    if word not in _NO + _YES:
        raise InvalidRequest(f"{name}={value!r} is neither 0 nor 1.")
    return word not in _NO


def _address(value: str) -> str | None:
    address = value.strip()
    if not address:
        return None
    if address.startswith("unix:"):
        path = address.removeprefix("unix:")
        # unix:///path and unix:/path mean the same; grpc takes unix://path for a host.
        path = path.removeprefix("//") if path.startswith("///") else path
        if path.startswith("/") and not path.startswith("//"):
            return f"unix:{path}"
    else:
        host, colon, port = address.rpartition(":")
        if colon and host and "/" not in host and port.isdecimal() and 0 < int(port) < 65536:
            return address
    raise InvalidRequest(
        f"MODELD_ADDRESS={value!r} is neither unix:/absolute/path nor host:port, such as "
        "unix:/run/user/1000/modeld.sock or localhost:7777."
    )
