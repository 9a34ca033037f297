"""Frames on their way to one client: taken from every call that has something, a turn each.

While a message is being written more becomes pending and is joined. A call's turn comes
round-robin, and what one turn takes is bounded, so a call with a huge answer does not hold up the
others: frames over 1 MB leave as chunks, one per turn.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import grpc

from modeld.v1 import session_service_pb2 as pb
from modeld.wire.chunks import chunks
from modeld.wire.delivery import Delivery

from .pending import Pending

__all__ = ["CallFrames", "Outbox"]

WHOLE_BYTES = 1024 * 1024
"""Largest frame that is sent whole."""
MESSAGE_BYTES = 256 * 1024
"""Size after which no more frames join a message."""

MOST_TURNS = 256
"""Calls whose frames join one message at most."""
CROWD = 32
"""Calls in flight from which on frames wait for company."""
JOIN_SECONDS = 0.001
"""How long they wait. A message costs both sides far more than the frames in it, and of a crowd
there are always others about to end: so a crowded client is written to a thousand times a second
at most, and a client with few calls at once."""

Context = grpc.aio.ServicerContext[Any, Any]


class Outbox:
    """Frames on their way to one client, over one stream after another.

    Args:
        crowd: How many calls the client has in flight.
        delivery: What the client has received, if it can resume.
    """

    def __init__(
        self, crowd: Callable[[], int], delivery: Delivery[pb.ConnectResponse] | None = None
    ) -> None:
        self._crowd = crowd
        self._delivery = delivery
        self._turns: deque[Callable[[list[pb.ServerFrame]], bool]] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._owes = False
        """Whether the client has asked what was received."""
        self._asks = False
        self._stopping = False

    @property
    def empty(self) -> bool:
        """Whether the client has everything, as far as is known."""
        return not self._turns and (self._delivery is None or not self._delivery.kept)

    def turn(self, take: Callable[[list[pb.ServerFrame]], bool]) -> None:
        """Asks for a turn. `take` appends frames and says whether it wants another turn."""
        self._turns.append(take)
        self._stir()

    def frame(self, frame: pb.ServerFrame) -> None:
        """Sends one frame."""

        def take(frames: list[pb.ServerFrame]) -> bool:
            frames.append(frame)
            return False

        self.turn(take)

    def ask(self) -> None:
        """Asks the client soon what it has received, if it can tell."""
        self._asks = self._delivery is not None
        self._stir()

    def acknowledge(self) -> None:
        """Says soon what was received."""
        self._owes = True
        self._stir()

    def stop(self) -> None:
        """Lets `run` return when the message has gone that is on its way."""
        self._stopping = True
        self._stir()

    def _stir(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def run(self, context: Context, first: Iterable[pb.ConnectResponse]) -> None:
        """Writes to one stream until `stop`: first these messages, which are counted already."""
        loop = asyncio.get_running_loop()
        self._stopping = False
        try:
            for early in first:
                if self._stopping:
                    return
                await context.write(early)
            while not self._stopping:
                if not (self._turns or self._owes or self._asks):
                    # A bare future: an event would cost a round of the loop more per message.
                    self._wake = loop.create_future()
                    await self._wake
                if self._crowd() >= CROWD:
                    await asyncio.sleep(JOIN_SECONDS)
                message = self._message()
                if message is not None:
                    await context.write(message)
        except grpc.aio.InternalError:  # the client is gone; the reader hears of it next
            return

    def _message(self) -> pb.ConnectResponse | None:
        """What waits, as one message, which is counted and kept: it may be lost on its way."""
        if self._stopping:
            return None
        frames: list[pb.ServerFrame] = []
        size = taken = 0
        for _ in range(min(len(self._turns), MOST_TURNS)):
            take = self._turns.popleft()
            if take(frames):
                self._turns.append(take)
            size += sum(frame.ByteSize() for frame in frames[taken:])
            taken = len(frames)
            if size > MESSAGE_BYTES:
                break
        bare, asks = self._owes or self._asks, self._asks
        self._owes = self._asks = False
        if not frames and not bare:
            return None
        message = pb.ConnectResponse(frames=frames)
        delivery = self._delivery
        if delivery is not None:
            message.received = delivery.received
            if frames:
                delivery.keep(message, size)
                asks |= delivery.asks()
            if asks:
                message.acknowledge = True
        return message


class CallFrames:
    """Frames of one call: its pending events, then chunks of what is too large for one frame."""

    __slots__ = ("_call_id", "_done", "_late", "_outbox", "pending")

    def __init__(
        self, call_id: int, outbox: Outbox, done: Callable[[int], None], *, deltas: bool
    ) -> None:
        self._call_id = call_id
        self._outbox = outbox
        self._done = done
        self._late: deque[pb.ServerFrame] | None = None  # an empty one takes 600 bytes
        self.pending = Pending(self._ask, deltas=deltas)

    def _ask(self) -> None:
        self._outbox.turn(self._take)

    def _take(self, frames: list[pb.ServerFrame]) -> bool:
        call_id = self._call_id
        if not self._late:
            for event in self.pending.take():
                self._add(pb.ServerFrame(call_id=call_id, event=event), frames)
            if self.pending.failure is not None:
                self._add(pb.ServerFrame(call_id=call_id, failed=self.pending.failure), frames)
            if self.pending.ended:
                self._done(call_id)
        if self._late:
            frames.append(self._late.popleft())
        return bool(self._late)

    def _add(self, frame: pb.ServerFrame, frames: list[pb.ServerFrame]) -> None:
        if frame.ByteSize() <= WHOLE_BYTES:
            # What follows the chunks of a large frame waits until they have left.
            (self._late or frames).append(frame)
            return
        self._late = self._late or deque()
        for chunk in chunks(frame.SerializeToString()):
            self._late.append(pb.ServerFrame(call_id=self._call_id, chunk=chunk))
