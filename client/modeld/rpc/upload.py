"""Requests that are too large for one message: each goes up the session's stream in parts.

A frame of many megabytes would hold up every other call of the process. `modeld.rpc.messages` puts
one part into a message beside all small frames that wait. Parts are counted and kept like any
message, so a stream that breaks in the middle of a request costs one part, and no call.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ..errors import InvalidRequest
from ..v1 import session_service_pb2 as pb
from ..wire.chunks import CHUNK_BYTES, MOST_BYTES, chunks

__all__ = ["Sent", "Upload", "check_size", "is_large"]

_ROOM = 1024 * 1024
"""What a message may hold beside a request."""


class Sent(Protocol):
    """A call, as far as sending it goes."""

    id: int
    payload: bytes
    abandoned: bool

    def frame(self, handle: str) -> pb.ClientFrame:
        """The frame to send."""


def is_large(call: Sent) -> bool:
    """Whether a call is sent in parts."""
    return len(call.payload) > CHUNK_BYTES


def check_size(size: int) -> None:
    """Raises for a request that no message can hold."""
    if size > MOST_BYTES - _ROOM:
        raise InvalidRequest(f"the request has {size} bytes; at most {MOST_BYTES} can be sent")


class Upload:
    """A call that is sent in parts. Nothing of it is copied before its turn has come.

    Args:
        call: The call.
        handle: The handle of its model, or none.
    """

    __slots__ = ("_call", "_handle", "_parts", "ended")

    def __init__(self, call: Sent, handle: str) -> None:
        self._call = call
        self._handle = handle
        self._parts: Iterator[pb.Chunk] | None = None
        self.ended = False
        """Whether nothing more comes."""

    def take(self) -> pb.ClientFrame | None:
        """The next part, or what takes back those that were sent when nobody waits for the call
        any more; None when there is nothing to take back.
        """
        call = self._call
        if call.abandoned:  # its cancelling may have been sent: no part may follow that
            self.ended = True
            begun = self._parts is not None
            return pb.ClientFrame(call_id=call.id, cancel=pb.CancelCall()) if begun else None
        if self._parts is None:
            self._parts = chunks(call.frame(self._handle).SerializeToString())
        part = next(self._parts)
        self.ended = part.last
        return pb.ClientFrame(call_id=call.id, chunk=part)
