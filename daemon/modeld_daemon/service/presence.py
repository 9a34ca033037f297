"""Whether the process of a client still lives, as far as this machine can tell."""

from __future__ import annotations

from dataclasses import dataclass

from modeld.discovery import process_start

__all__ = ["Presence"]


@dataclass(frozen=True, slots=True)
class Presence:
    """A process, known by its number and by when it started: a number is given again."""

    pid: int
    start: str | None
    """None when there is no such process here: it runs elsewhere, or in a container."""

    @classmethod
    def of(cls, pid: int, peer: str) -> Presence:
        """The process of a peer of grpc's, such as `unix:`. Only one of this machine can be seen."""
        near = peer.startswith("unix:") and pid > 0
        return cls(pid, process_start(pid) if near else None)

    def lives(self) -> bool:
        """Whether it lives. A zombie has ended; so has, for all that is known, who is not seen."""
        return self.start is not None and process_start(self.pid) == self.start
