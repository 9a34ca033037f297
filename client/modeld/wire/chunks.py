"""Large frames in parts: so that none of them holds up the frames of others, either way.

Who puts parts together bounds what waits for its end: `Parts` does for all calls of a session.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import InvalidRequest
from ..v1.session_service_pb2 import Chunk

__all__ = ["CHUNKS", "CHUNK_BYTES", "MOST_BYTES", "Parts", "chunks"]

CHUNKS = "chunks"
"""The capability of a daemon that takes parts."""
CHUNK_BYTES = 256 * 1024
MOST_BYTES = 64 * 1024 * 1024
"""Largest message, and most bytes of parts that wait in one session."""
MOST_CALLS = 1_000
"""Most calls of a session of which parts wait."""


def chunks(data: bytes) -> Iterator[Chunk]:
    """The bytes of a frame in parts, each made when it is asked for."""
    for start in range(0, len(data), CHUNK_BYTES):
        end = start + CHUNK_BYTES
        yield Chunk(data=data[start:end], last=end >= len(data))


class Parts:
    """Parts of frames that are not whole yet, by call.

    Args:
        most: Bytes of all that wait.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._waiting: dict[int, list[bytes] | None] = {}
        """None where the rest is to be passed over."""
        self.size = 0
        """Bytes that wait."""

    def add(self, call_id: int, chunk: Chunk) -> bytes | None:
        """The whole, when this was the last part.

        Raises:
            InvalidRequest: More would wait than may. What waited of the call is gone, and what
                follows of it is passed over.
        """
        parts = self._waiting.get(call_id, [])
        if parts is None:
            if chunk.last:
                del self._waiting[call_id]
            return None
        crowded = call_id not in self._waiting and len(self._waiting) >= MOST_CALLS
        if crowded or self.size + len(chunk.data) > self._most:
            self.drop(call_id)
            if not (chunk.last or crowded):
                self._waiting[call_id] = None
            raise InvalidRequest(
                f"parts of large frames may hold {self._most} bytes in a session; "
                "send less at once, or one frame after the other"
            )
        parts.append(chunk.data)
        self.size += len(chunk.data)
        if not chunk.last:
            self._waiting[call_id] = parts
            return None
        self._waiting[call_id] = parts
        self.drop(call_id)
        return b"".join(parts)

    def drop(self, call_id: int) -> None:
        """Forgets what waits of a call."""
        self.size -= sum(map(len, self._waiting.pop(call_id, None) or ()))
