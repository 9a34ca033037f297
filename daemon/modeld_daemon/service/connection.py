"""One client's session as its frames see it: what each of them asks, and the calls that run.

It may outlive the stream that it began with: streams come and go, one at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import anyio
from google.protobuf.message import DecodeError

from modeld.errors import InternalError, InvalidRequest, ModeldError
from modeld.v1 import session_service_pb2 as pb
from modeld.v1.inference_service_pb2 import Call, CountTokensRequest, CountTokensResponse
from modeld.v1.model_service_pb2 import CloseModelRequest, OpenModelRequest
from modeld.wire import failure_to_proto
from modeld.wire.chunks import Parts
from modeld.wire.delivery import Delivery

from ..core.asked import LARGE_BYTES
from ..core.flights import Spawner, Ticket
from ..core.pipeline import Pipeline
from ..core.ports import NotLoaded, TokenCount
from ..core.sessions import Session, Sessions
from .admission import Admission
from .calls import call_from_proto, leased
from .models import open_model
from .outbox import CallFrames, Outbox
from .presence import Presence

__all__ = ["Connection", "Stream"]

log = logging.getLogger("modeld.session")


class Stream:
    """One stream of a session, as a claim to it: the newest one displaces those before."""

    def __init__(self) -> None:
        self.scope = anyio.CancelScope()


class Connection:
    """One client's session, and the streams that it comes by.

    Args:
        presence: The client's process.
        resumable: Whether the client can go on over another stream.
        tasks: Where counting and loading run; both outlive a stream.
    """

    def __init__(
        self, session: Session, presence: Presence, pipeline: Pipeline, sessions: Sessions,
        admission: Admission, tasks: Spawner, *, resumable: bool,
    ) -> None:  # fmt: skip
        self.session = session
        self.presence = presence
        self.delivery: Delivery[pb.ConnectResponse] | None = Delivery() if resumable else None
        self.outbox = Outbox(lambda: session.in_flight, self.delivery)
        self.stream: Stream | None = None
        """The stream that it comes by now, or will when the one before has let go."""
        self.serving = anyio.Lock()
        """Held by the stream that reads and writes."""
        self.over = False
        """Whether the session ends with its stream, or has ended."""
        self._closed = False
        self._pipeline = pipeline
        self._sessions = sessions
        self._admission = admission
        self._tasks = tasks
        self._tickets: dict[int, Ticket] = {}
        self._scopes: dict[int, anyio.CancelScope] = {}
        self.parts = Parts()
        """What has come of large frames."""
        self._handlers: dict[str | None, Callable[[pb.ClientFrame], None]] = {
            "generate": self._generate,
            "generate_stream": self._generate,
            "cancel": self._cancel,
            "environment": self._environment,
            "open_model": self._open_model,
            "close_model": self._close_model,
            "count_tokens": self._count_tokens,
            "chunk": self._chunk,
            "bye": self._bye,
        }

    def claim(self) -> Stream:
        """A new stream, which takes over from the one before."""
        former, self.stream = self.stream, Stream()
        if former is not None:
            former.scope.cancel()
        return self.stream

    @property
    def may_resume(self) -> bool:
        """Whether the session can go on over another stream."""
        delivery = self.delivery
        return not (self.over or delivery is None or delivery.given_up or delivery.stuck)

    @property
    def may_be_missed(self) -> bool:
        """Whether it is worth while to wait for the client, whose stream is gone."""
        return self.may_resume and self.presence.lives()

    def on_frame(self, frame: pb.ClientFrame) -> None:
        """Does what a frame asks. What is wrong with it fails its own call."""
        if self._closed:
            return
        kind = frame.WhichOneof("body")
        try:
            self._handlers.get(kind, self._unexpected)(frame)
        except NotLoaded as found:
            self._tasks.start_soon(self._after_loading, (frame, found))
        except Exception as error:  # noqa: BLE001  # the door of frames: each fails alone
            self._fail(frame.call_id, _typed(error, kind))

    async def _after_loading(self, late: tuple[pb.ClientFrame, NotLoaded]) -> None:
        """A frame that names a provider which must be loaded first; it may be cancelled till then."""
        frame, found = late
        scope = self._scopes[frame.call_id] = anyio.CancelScope()
        try:
            with scope:
                await found.load()
        except Exception as error:  # noqa: BLE001  # the door of frames: each fails alone
            self._fail(frame.call_id, _typed(error, frame.WhichOneof("body")))
            return
        finally:
            self._scopes.pop(frame.call_id, None)
        if not scope.cancelled_caught:
            self.on_frame(frame)

    def _unexpected(self, frame: pb.ClientFrame) -> None:
        kind = frame.WhichOneof("body")
        raise InvalidRequest(f"unexpected frame: {kind or 'empty or unknown'}")

    def _fail(self, call_id: int, error: ModeldError) -> None:
        self.outbox.frame(pb.ServerFrame(call_id=call_id, failed=failure_to_proto(error)))

    def _bye(self, frame: pb.ClientFrame) -> None:
        self.over = True

    def _chunk(self, frame: pb.ClientFrame) -> None:
        data = self.parts.add(frame.call_id, frame.chunk)
        if data is None:
            return
        whole = pb.ClientFrame.FromString(data)
        whole.call_id = frame.call_id
        if whole.HasField("chunk"):
            raise InvalidRequest("a large frame consists of parts, and these of bytes")
        self.on_frame(whole)

    def _environment(self, frame: pb.ClientFrame) -> None:
        self.session.update_environment(dict(frame.environment.set), frame.environment.unset)

    def _open_model(self, frame: pb.ClientFrame) -> None:
        self._admission.check()
        request = OpenModelRequest.FromString(frame.open_model)
        opened = open_model(self._sessions, self.session, request)
        self.outbox.frame(pb.ServerFrame(call_id=frame.call_id, opened=opened))

    def _close_model(self, frame: pb.ClientFrame) -> None:
        handle = CloseModelRequest.FromString(frame.close_model).handle
        self._sessions.close_model(self.session, handle)

    def _generate(self, frame: pb.ClientFrame) -> None:
        self._admission.check()
        deltas = frame.HasField("generate_stream")
        if frame.call_id in self._tickets or frame.call_id in self._scopes or frame.call_id == 0:
            raise InvalidRequest("each call needs a number of its own, from 1")
        proto = Call.FromString(frame.generate_stream if deltas else frame.generate)
        call = call_from_proto(proto, self.session, frame.timeout_ms)
        frames = CallFrames(frame.call_id, self.outbox, self._ended, deltas=deltas)
        with leased(self._sessions, self.session, proto) as lease:
            if call.size > LARGE_BYTES:
                coming = self._pipeline.submit_large(call, lease, frames.pending, stream=deltas)
                scope = self._scopes[frame.call_id] = anyio.CancelScope()
                self._tasks.start_soon(self._after_naming, (frame.call_id, coming, scope, frames))
                return
            ticket = self._pipeline.submit(call, lease, frames.pending, stream=deltas)
        self._begun(frame.call_id, ticket, frames)

    async def _after_naming(
        self, begun: tuple[int, Awaitable[Ticket], anyio.CancelScope, CallFrames]
    ) -> None:
        call_id, coming, scope, frames = begun
        try:
            with scope:
                self._begun(call_id, await coming, frames)
        except Exception as error:  # noqa: BLE001  # the door of frames: each fails alone
            self._fail(call_id, _typed(error, "generate"))
        finally:
            self._scopes.pop(call_id, None)

    def _begun(self, call_id: int, ticket: Ticket, frames: CallFrames) -> None:
        if not frames.pending.ended:
            self.session.in_flight += 1
            self._tickets[call_id] = ticket

    def _ended(self, call_id: int) -> None:
        if self._tickets.pop(call_id, None) is not None:
            self.session.in_flight -= 1

    def _cancel(self, frame: pb.ClientFrame) -> None:
        self.parts.drop(frame.call_id)
        count = self._scopes.get(frame.call_id)
        if count is not None:
            count.cancel()
        ticket = self._tickets.get(frame.call_id)
        if ticket is not None:
            self._ended(frame.call_id)
            if frame.cancel.even_if_lasting:
                ticket.flight.cancel("cancelled by its caller")
            ticket.leave("cancelled by its caller")

    def _count_tokens(self, frame: pb.ClientFrame) -> None:
        self._admission.check()
        if frame.call_id in self._tickets or frame.call_id in self._scopes or frame.call_id == 0:
            raise InvalidRequest("each call needs a number of its own, from 1")
        # All but the counting itself happens now: a frame that follows may cancel the call, close
        # its model or change a variable.
        proto = CountTokensRequest.FromString(frame.count_tokens).call
        call = call_from_proto(proto, self.session, frame.timeout_ms)
        with leased(self._sessions, self.session, proto) as lease:
            counting = self._pipeline.count_tokens(call, lease)
        scope = self._scopes[frame.call_id] = anyio.CancelScope()
        self._tasks.start_soon(self._count, (frame.call_id, counting, scope))

    async def _count(self, begun: tuple[int, Awaitable[TokenCount], anyio.CancelScope]) -> None:
        call_id, counting, scope = begun
        try:
            with scope:
                count = await counting
                counted = CountTokensResponse(tokens=count.tokens, estimated=count.estimated)
                self.outbox.frame(pb.ServerFrame(call_id=call_id, counted=counted))
        except Exception as error:  # noqa: BLE001  # the door of frames: each fails alone
            self._fail(call_id, _typed(error, "count_tokens"))
        finally:
            self._scopes.pop(call_id, None)

    def end(self) -> None:
        """The client is gone: its calls end, but for lasting ones; its leases are given back."""
        if self._closed:
            return
        self.over = self._closed = True
        self.parts = Parts()
        for scope in self._scopes.values():
            scope.cancel()
        tickets, self._tickets = self._tickets, {}
        for ticket in tickets.values():
            ticket.leave("the client is gone")
        self._pipeline.lanes.forget_session(self.session.id)
        self._sessions.close(self.session)


def _typed(error: Exception, kind: str | None) -> ModeldError:
    if isinstance(error, ModeldError):
        return error
    if isinstance(error, DecodeError):
        return InvalidRequest(f"the payload of {kind} cannot be decoded")
    log.error("defect in a frame", exc_info=error)
    return InternalError(f"{type(error).__name__}: {error}")
