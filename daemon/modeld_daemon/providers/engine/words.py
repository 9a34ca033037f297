"""What the daemon and an engine's process say to each other, and how a call of theirs ends.

    daemon → process   {"say": "call", "id", "op", "body"}   {"say": "cancel", "id"}
                       {"say": "ping"}
    process → daemon   {"say": "accepted", "id"}   {"say": "event", "id", "event"}
                       {"say": "done", "id", "result"}   {"say": "failed", "id", "failure"}
                       {"say": "pong", "progress": {id: count}}

This module and those that an engine's process loads need the standard library only: a process
should be there in a few hundredths of a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]

_MEMBERS: Mapping[str, Mapping[str, type]] = {
    "accepted": {"id": int},
    "event": {"id": int, "event": dict},
    "done": {"id": int, "result": dict},
    "failed": {"id": int, "failure": dict},
    "pong": {"progress": dict},
}
"""What a process says, and what must be in it."""


def makes_sense(message: JsonObject) -> bool:
    """Whether what a process says has what its kind must have."""
    members = _MEMBERS.get(str(message.get("say")))
    return members is not None and all(
        isinstance(message.get(name), kind) for name, kind in members.items()
    )


class CallFailed(Exception):
    """An engine says that a call failed; the engine itself goes on.

    Args:
        kind: "invalid" (the request), "memory", "cancelled", "engine" (what the engine answered)
            or "defect".
        message: What happened.
        detail: The engine's own error object.
    """

    def __init__(self, kind: str, message: str, detail: JsonObject | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.detail = detail or {}

    def to_dict(self) -> JsonObject:
        """JSON shape."""
        return {"kind": self.kind, "message": self.message, "detail": self.detail}

    @staticmethod
    def from_dict(data: JsonObject) -> CallFailed:
        """What `to_dict` wrote."""
        return CallFailed(
            str(data.get("kind", "defect")), str(data.get("message", "")), data.get("detail")
        )


@dataclass(frozen=True, slots=True)
class Death:
    """How an engine's process ended."""

    pid: int
    cause: str
    """Such as "was killed by SIGKILL" or "exited with code 1"."""
    last_line: str = ""
    """What it wrote to its error stream last."""
    hung: bool = False
    """Whether it was killed because it did nothing any more."""

    def __str__(self) -> str:
        said = f'; it said last: "{self.last_line}"' if self.last_line else ""
        return f"process {self.pid} {self.cause}{said}"


@dataclass(frozen=True, slots=True)
class Reply:
    """How a call ended: exactly one of the first three is there."""

    result: JsonObject | None = None
    failure: CallFailed | None = None
    death: Death | None = None
    accepted: bool = True
    """False if the process died before it had begun with the call."""
