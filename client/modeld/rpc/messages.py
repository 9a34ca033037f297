"""What one stream sends: hello, then what was lost with the stream before, then frames that wait."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from queue import Empty, SimpleQueue
from typing import Literal, TypeAlias, TypeGuard

from ..v1 import session_service_pb2 as pb
from ..wire.delivery import Delivery
from .forks import HOLD_SECONDS
from .upload import Upload

__all__ = ["Messages", "Outbox", "Requests"]

JOINED_BYTES = 1024 * 1024
"""Size after which no more frames join a message."""

Requests: TypeAlias = Delivery[pb.ConnectRequest]
"""The messages that a client sends."""
Waiting: TypeAlias = pb.ClientFrame | Literal[True] | None


class Outbox:
    """Frames that wait. It is the link's: what one stream did not take, the next one does.

    Any thread may put, also a garbage collector's that interrupts one which is doing so; whoever
    makes the next message takes. Large requests go one after the other, a part in each message, and
    small frames overtake them. Only what gives a model back waits for the requests before it, which
    may need its handle; and variables do, with all that follows them, since each call goes by those
    of its moment.
    """

    def __init__(self) -> None:
        self._queue: SimpleQueue[Waiting | Upload] = SimpleQueue()
        self._slow: deque[Upload | pb.ClientFrame] = deque()
        self._held = 0
        """Changes of variables that wait."""

    def put(self, item: Waiting | Upload) -> None:
        """Takes a frame. True is none, but asks for a message that says what was received; None
        ends the stream.
        """
        self._queue.put(item)

    def get(self, *, wait: bool) -> Waiting:
        """What goes next; `Empty` when nothing waits. Of large requests see `part`."""
        while True:
            item = self._queue.get(block=wait and not self._slow)
            if isinstance(item, Upload) or (self._slow and self._waits(item)):
                self._slow.append(item)
            else:
                return item

    def _waits(self, item: Waiting) -> TypeGuard[pb.ClientFrame]:
        if not isinstance(item, pb.ClientFrame) or item.HasField("bye"):
            return False
        self._held += item.HasField("environment")
        return self._held > 0 or item.HasField("close_model")

    def part(self) -> pb.ClientFrame | None:
        """The next part of a large request, or what has waited for one."""
        while self._slow:
            first = self._slow[0]
            frame = first.take() if isinstance(first, Upload) else first
            if isinstance(first, pb.ClientFrame):
                self._held -= first.HasField("environment")
            if not isinstance(first, Upload) or first.ended:
                self._slow.popleft()
            if frame is not None:
                return frame
        return None


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
        self._ended = self._ending = False
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
        """Nothing is sent any more. No frame is lost: what waits is kept in messages, and the rest
        of large requests in the outbox.
        """
        if not self._may_go:
            self._beginning.put(False)
            return
        self._ending = True
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
        frames: list[pb.ClientFrame] = []
        size = 0
        asked = False
        while not (frames or asked or self._ended):
            with contextlib.suppress(Empty):
                while size <= JOINED_BYTES:
                    item = self._outbox.get(wait=not frames and not asked)
                    if item is None:
                        self._ended = True
                        break
                    if item is True:
                        asked = True
                    else:
                        frames.append(item)
                        size += item.ByteSize()
            part = None if self._ended or self._ending else self._outbox.part()
            if part is not None:
                frames.append(part)
                size += part.ByteSize()
        return self._counted(frames, size) if frames or asked else None

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
