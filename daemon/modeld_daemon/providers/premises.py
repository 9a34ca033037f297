"""What the daemon gives to the engines and servers that dialects keep."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .servers.starting import Starting

__all__ = ["Premises"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Premises:
    """Folders, and what the user's settings allow."""

    data_folder: Path
    """modeld's folder of data, where pulled weights are."""
    starting: Starting = field(default_factory=Starting)
    """Which servers may be started, and how."""
    trusting: bool = False
    """Whether code that comes with a model's repository may run when a caller asks for it."""
