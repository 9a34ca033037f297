"""Where the daemon is, as the rpc room needs it."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..discovery import Home, locate, read_token
from ..errors import DaemonUnavailable
from ..launch import endpoint, serving
from ..settings import Settings

__all__ = ["Endpoint", "find", "find_or_start"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A daemon to connect to."""

    target: str
    """grpc target such as `unix:/path` or `host:port`."""
    token: str = field(repr=False)


def find_or_start() -> Endpoint:
    """The daemon of this user; started if none runs. The token is read afresh each time."""
    settings, home = Settings.from_environment(), locate()
    target = endpoint(settings, home)
    return Endpoint(target, _token(home))


def find() -> Endpoint | None:
    """The daemon that runs now, or None. Starts nothing."""
    settings, home = Settings.from_environment(), locate()
    if settings.address is not None:
        return Endpoint(settings.address, _token(home))
    record = serving(home)
    return None if record is None else Endpoint(record.endpoint, _token(home))


def _token(home: Home) -> str:
    token = read_token(home)
    if token is None:
        raise DaemonUnavailable(f"there is no token in {home.token}; run 'modeld restart'")
    return token
