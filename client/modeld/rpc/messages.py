"""What one stream sends: hello, then what was lost with the stream before, then frames that wait."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Literal, TypeAlias, TypeGuard

from ..v1 import session_service_pb2 as pb
from ..wire.delivery import Delivery
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
        self._queue: deque[Waiting | Upload] = deque()
        self._slow: deque[Upload | pb.ClientFrame] = deque()
        self._held = 0
        """Changes of variables that wait."""

    @property
    def waits(self) -> bool:
        """Whether there is something to take."""
        return bool(self._queue or self._slow)

    def put(self, item: Waiting | Upload) -> None:
        """Takes a frame. True is none, but asks for a message that says what was received; None
        ends the stream.
        """
        self._queue.append(item)

    def get(self) -> Waiting:
        """What goes next; `IndexError` when nothing waits. Of large requests see `part`."""
        while True:
            item = self._queue.popleft()
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


class Messages:
    """What one stream sends: each message takes all frames that wait.

    Of two streams of one link only one takes frames, and one thread at a time: the stream sees to
    that. Every frame that was taken is in a message that is kept, and every other one is still in
    the outbox.
    """

    def __init__(self, outbox: Outbox, hello: pb.ConnectRequest) -> None:
        self._outbox = outbox
        self._first = deque([hello])
        self._goes = False
        self._delivery: Requests | None = None
        self.ended = False
        """Whether nothing comes after what was taken."""

    @property
    def waits(self) -> bool:
        """Whether there is something to take."""
        return bool(self._first) or (self._goes and not self.ended and self._outbox.waits)

    def begin(self, delivery: Requests | None, again: Iterable[pb.ConnectRequest] = ()) -> None:
        """Welcome was heard: these messages go, which are counted already, and then all frames."""
        self._delivery = delivery
        self._first.extend(again)
        self._goes = True

    def leave(self) -> None:
        """In place of `begin`: the session ends, and nothing else is sent."""
        self._first.append(pb.ConnectRequest(frames=[pb.ClientFrame(bye=pb.Bye())]))
        self.ended = True

    def take(self) -> pb.ConnectRequest | None:
        """The next message; None when there is none now."""
        if self._first:
            return self._first.popleft()
        if not self._goes or self.ended:
            return None
        outbox = self._outbox
        frames: list[pb.ClientFrame] = []
        size = 0
        asked = False
        while size <= JOINED_BYTES:
            try:
                item = outbox.get()
            except IndexError:
                break
            if item is None:
                self.ended = True
                break
            if item is True:
                asked = True
            else:
                frames.append(item)
                size += item.ByteSize()
        part = None if self.ended else outbox.part()
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
