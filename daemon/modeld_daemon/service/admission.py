"""Whether the daemon takes new calls."""

from __future__ import annotations

from modeld.errors import DaemonUnavailable

__all__ = ["Admission"]


class Admission:
    """Open until the daemon begins to stop."""

    def __init__(self) -> None:
        self.draining = False

    def check(self) -> None:
        """Raises when the daemon is stopping: the caller sends the call to its successor."""
        if self.draining:
            raise DaemonUnavailable("the daemon is stopping; connect again", reason="draining")
