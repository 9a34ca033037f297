"""What the daemon gives to the engines and servers that dialects keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..server_settings import ServerSettings

__all__ = ["Premises", "Starting"]


@dataclass(frozen=True, slots=True)
class Starting:
    """Where servers leave their logs, and who may be started."""

    log_folder: Path = Path("servers")
    """Made when it is needed, for its owner alone."""
    config: str = "config.toml"
    """Path of the settings, for messages that say what to write there."""
    settings: Mapping[str, ServerSettings] = field(default_factory=dict)
    """By provider; of those that are not in it none is started."""
    on_secret: Callable[[str], None] = lambda _secret: None
    """Told the key of each server, so that it is kept out of the daemon's log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Premises:
    """Folders, and what the user's settings allow."""

    data_folder: Path
    """modeld's folder of data, where pulled weights are."""
    starting: Starting = field(default_factory=Starting)
    """Which servers may be started, and how."""
    trusting: bool = False
    """Whether code that comes with a model's repository may run when a caller asks for it."""
