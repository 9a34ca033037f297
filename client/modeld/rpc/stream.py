"""One stream of a session, on a call of grpc without the threads that its stub adds.

The stub wakes three threads for each call of a model: the one that takes requests from an iterator,
and takes the news that one has gone; the one that polls the channel; and the one that iterates over
answers. Here a message is given to grpc by the thread that has something to send, and one that comes
is read by the thread that polls the channel, which grpc runs, and stops before a fork.

One message is on its way at a time, and frames that wait meanwhile go together in the next one: the
news that it has gone sends that. Nobody waits for a lock for longer than grpc takes to accept a
message.

Whoever holds a lock of the hub puts frames, and calls `pump` when it has let go: the garbage collector
may run anything in the middle of `pump`, also what needs such a lock.

The main thread never enters grpc: a signal's handler may raise there, and does so within grpc's own
code, which would then hold the lock of the channel for ever. `Link.pump` sees to that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined]  # what the stub itself is made of

from ..errors import PrerequisiteError
from ..v1 import session_service_pb2 as pb
from .messages import Messages

__all__ = ["Stream"]

CONNECT = "/modeld.v1.SessionService/Connect"
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_SENT = (cygrpc.OperationType.send_message, cygrpc.OperationType.send_close_from_client)
_RECEIVED = cygrpc.OperationType.receive_message
_ENDED = cygrpc.OperationType.receive_status_on_client


class Stream:
    """One stream.

    Args:
        channel: The link's; no other call of it runs.
        metadata: Sent before the first message.
        messages: What is sent; hello first.
        heard: Called for each message after the first one, one after the other.
        ended: Called once if it was begun, when nothing more comes; both are by the thread that polls
            the channel, which must not be kept.
    """

    def __init__(
        self,
        channel: grpc.Channel,
        metadata: tuple[tuple[str, str], ...],
        messages: Messages,
        heard: Callable[[pb.ConnectResponse], None],
        ended: Callable[[Stream], None],
    ) -> None:
        self.messages = messages
        self.active = True
        """Whether it has not ended."""
        self.code: grpc.StatusCode | None = None
        self.details = ""
        self.defect = ""
        """Why what came over it, or went, cannot be trusted."""
        self._heard: Callable[[pb.ConnectResponse], None] = heard
        self._on_end: Callable[[Stream], None] = ended
        self._begun = self._making = self._sending = self._held = False
        self._asks = False
        """Whether grpc must be asked for the next message."""
        self._over = threading.Event()
        self._first: SimpleQueue[pb.ConnectResponse | None] = SimpleQueue()
        # Reentrant: the garbage collector may close an abandoned call, and so send, in the middle.
        self._gate = threading.RLock()
        self._due = 2
        """What grpc has not told the end of."""
        self._call = self._opened(channel, metadata)
        with self._gate:
            self._operate(cygrpc.ReceiveMessageOperation(0))
        self.pump()

    def _opened(self, channel: grpc.Channel, metadata: tuple[tuple[str, str], ...]) -> Any:
        """The call, as grpc's stub makes it."""
        stub: Any = channel.stream_stream(CONNECT)
        if not hasattr(stub, "_managed_call"):
            raise PrerequisiteError(
                f"This version of modeld cannot use grpcio {grpc.__version__}: install an older one, "
                f"or a newer modeld."
            )
        start = (
            cygrpc.SendInitialMetadataOperation(metadata, 0),
            cygrpc.ReceiveStatusOnClientOperation(0),
        )
        return stub._managed_call(  # noqa: SLF001  # there is no other door
            cygrpc.PropagationConstants.GRPC_PROPAGATE_DEFAULTS,
            stub._method,  # noqa: SLF001
            None,
            None,
            metadata,
            None,
            (start, (cygrpc.ReceiveInitialMetadataOperation(0),)),
            self._on_event,
            stub._context,  # noqa: SLF001
            stub._registered_call_handle,  # noqa: SLF001
        )

    def first(self, seconds: float) -> pb.ConnectResponse | None:
        """The first message; None when the stream ends before it, or it does not come in time."""
        try:
            return self._first.get(timeout=seconds)
        except Empty:
            return None

    def begin(self) -> None:
        """Takes messages after the first one, and sends what waits. From now on the end is told."""
        with self._gate:
            self._begun = self._asks = True
            ended = not self.active
        if ended:
            self._on_end(self)
        self.pump()

    def leave(self) -> None:
        """In place of `begin`: says bye, and nothing that comes counts."""
        self.messages.leave()
        self._heard = self._on_end = _pass_over
        self.begin()

    def pump(self) -> None:
        """Asks and sends what waits, unless a message is on its way: its end does then."""
        messages = self.messages
        while messages.waits or self._asks:
            with self._gate:
                if self._making or self._sending or self._held or not self.active:
                    return
                self._making = True
                try:
                    if self._asks:
                        self._asks = False
                        self._operate(cygrpc.ReceiveMessageOperation(0))
                    self._send(messages)
                except Exception as defect:  # noqa: BLE001  # what was taken may be in no message
                    self.spoil(f"{type(defect).__name__}: {defect}")
                finally:
                    self._making = False

    def _send(self, messages: Messages) -> None:
        message = messages.take()
        operations = []
        if message is not None:
            operations.append(cygrpc.SendMessageOperation(message.SerializeToString(), 0))
        if messages.ended and not messages.waits:
            operations.append(cygrpc.SendCloseFromClientOperation(0))
        if operations:
            self._sending = True
            self._operate(*operations)

    def _operate(self, *operations: Any) -> None:
        """With the gate held. What is asked of a stream that has ended is not done."""
        if self._call.operate(operations, self._on_event):
            self._due += 1

    def _on_event(self, event: Any) -> bool:
        """Whether that was the last event: grpc's thread then lets go of the stream."""
        try:
            for operation in event.batch_operations:
                self._take(operation)
        except Exception as defect:  # noqa: BLE001  # a message that makes no sense ends the stream
            self.spoil(f"{type(defect).__name__}: {defect}")
        with self._gate:
            self._due -= 1
            return not self._due

    def _take(self, operation: Any) -> None:
        kind = operation.type()
        if kind == _RECEIVED:
            data = operation.message()
            if data is None or self.defect:
                return
            message = pb.ConnectResponse.FromString(data)
            if not self._begun:
                self._first.put(message)
                return
            self._heard(message)
            with self._gate:
                self._operate(cygrpc.ReceiveMessageOperation(0))
        elif kind in _SENT:
            self._sending = False
            self.pump()
        elif kind == _ENDED:
            self.code = _CODES.get(operation.code(), grpc.StatusCode.UNKNOWN)
            self.details = operation.details() or ""
            with self._gate:
                self.active, begun = False, self._begun
            self._over.set()
            self._first.put(None)
            if begun:
                self._on_end(self)

    def spoil(self, defect: str) -> None:
        """Ends the stream as one that cannot be trusted."""
        self.defect = self.defect or defect
        self.cancel()

    def cancel(self) -> None:
        """Ends the stream."""
        with self._gate:
            if self.active:
                self._call.cancel(cygrpc.StatusCode.cancelled, "Locally cancelled by application!")

    def wait(self, seconds: float) -> bool:
        """Waits for the end."""
        return self._over.wait(seconds)

    def hold(self) -> None:
        """Lets nothing set out, and returns when no thread gives anything to grpc."""
        with self._gate:
            self._held = True

    def let_go(self) -> None:
        """Ends `hold`; what waits goes with the next `pump`."""
        self._held = False


def _pass_over(_told: object) -> None:
    """Nobody wants it."""
