"""What one stream sends: hello, then what was lost with the stream before, then frames that wait."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from queue import Empty, SimpleQueue
from typing import Literal, TypeAlias

from ..v1 import session_service_pb2 as pb
from ..wire.delivery import Delivery
from .forks import HOLD_SECONDS

__all__ = ["Messages", "Outbox", "Requests"]

JOINED_BYTES = 1024 * 1024
"""Size after which no more frames join a message."""

Requests: TypeAlias = Delivery[pb.ConnectRequest]
"""The messages that a client sends."""
Outbox: TypeAlias = "SimpleQueue[pb.ClientFrame | Literal[True] | None]"
"""Frames that wait. True is none, but asks for a message that says what was received; None ends the
stream. It is the link's: what one stream did not take, the next one does."""


class Messages(Iterator[pb.ConnectRequest]):
    """The request iterator: each message takes all frames that wait.

    grpc asks for the next message when the one before has gone, so between two questions one is
    on its way. `_way` is held meanwhile, and by whoever wants none to set out.

    Of two streams of one link only one takes frames: `end` waits for who does, and takes the rest
    in its place, since grpc may ask once more or never again. Every frame that was taken is in a
    message that is kept, and every other one is still in the outbox.
    """

    def __init__(self, outbox: Outbox, hello: pb.ConnectRequest) -> None:
        self._outbox = outbox
        self._first = deque([hello])
        self._may_go = self._goes = False
        self._beginning: SimpleQueue[bool] = SimpleQueue()
        self._delivery: Requests | None = None
        self._ended = False
        self._taking = threading.Lock()
        self._way = threading.Lock()
        self._sending = False
        self._holding = False

    def begin(self, delivery: Requests | None, again: Iterable[pb.ConnectRequest] = ()) -> None:
        """Welcome was heard: these messages go, which are counted already, and then all frames."""
        self._delivery = delivery
        self._first.extend(again)
        self._may_go = True
        self._beginning.put(True)

    def leave(self) -> None:
        """In place of `begin`: the session ends, and nothing else is sent."""
        self._first.append(pb.ConnectRequest(frames=[pb.ClientFrame(bye=pb.Bye())]))
        self._beginning.put(False)

    def end(self) -> None:
        """Nothing is sent any more. No frame is lost: what waits is kept in messages."""
        if not self._may_go:
            self._beginning.put(False)
            return
        self._outbox.put(None)
        with self._taking:
            self._first.clear()
            while not self._ended:
                self._next()

    def __next__(self) -> pb.ConnectRequest:
        if self._sending:
            self._sending = False
            self._way.release()
        with self._taking:
            message = None if self._ended and not self._first else self._next()
        if message is None:
            raise StopIteration
        self._way.acquire()
        self._sending = True
        return message

    def _next(self) -> pb.ConnectRequest | None:
        if not self._first and not self._goes:
            self._goes = self._beginning.get()
            self._ended = not self._goes
        if self._first:
            return self._first.popleft()
        return None if self._ended else self._waiting()

    def _waiting(self) -> pb.ConnectRequest | None:
        frame = self._outbox.get()
        frames: list[pb.ClientFrame] = []
        size = 0
        asked = False
        while frame is not None:
            if frame is True:
                asked = True
            else:
                frames.append(frame)
                size += frame.ByteSize()
            if size > JOINED_BYTES:
                break
            try:
                frame = self._outbox.get_nowait()
            except Empty:
                break
        else:
            self._ended = True
        if not frames and not asked:
            return None
        return self._counted(frames, size)

    def _counted(self, frames: list[pb.ClientFrame], size: int) -> pb.ConnectRequest:
        message = pb.ConnectRequest(frames=frames)
        delivery = self._delivery
        if delivery is not None:
            message.received = delivery.received
            if frames:
                delivery.keep(message, size)
                if delivery.asks():
                    message.acknowledge = True
        return message

    def hold(self) -> None:
        """Lets no message set out; waits for the one that is on its way, if grpc still sends."""
        self._holding = self._way.acquire(timeout=HOLD_SECONDS)

    def let_go(self) -> None:
        """Ends `hold`."""
        if self._holding:
            self._holding = False
            self._way.release()
