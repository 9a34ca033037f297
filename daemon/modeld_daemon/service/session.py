"""SessionService.Connect: all calls of a client process over one stream.

Reading and writing are two tasks of the RPC. The reader decodes frames and starts calls; it waits
for nothing but the next message. The writer takes what is pending from every call that has
something and puts it into one message; while that write is under way, more becomes pending and is
joined. A call's turn comes round-robin, and what one turn takes is bounded, so a call with a huge
answer does not hold up the others: frames over 1 MB leave as chunks, one per turn.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import anyio.abc
import anyio.lowlevel
import grpc
from google.protobuf.message import DecodeError

import modeld
from modeld.errors import InternalError, InvalidRequest, ModeldError
from modeld.v1 import session_service_pb2 as pb
from modeld.v1.inference_service_pb2 import Call, CountTokensRequest, CountTokensResponse
from modeld.v1.model_service_pb2 import CloseModelRequest, OpenModelRequest
from modeld.v1.session_service_pb2_grpc import SessionServiceServicer
from modeld.wire import failure_to_proto

from ..core.flights import Ticket
from ..core.pipeline import Pipeline
from ..core.ports import NotLoaded, TokenCount
from ..core.sessions import Session, Sessions
from .admission import Admission
from .calls import call_from_proto, leased
from .models import open_model
from .pending import Pending

__all__ = ["CAPABILITIES", "PROTOCOL", "SessionServicer"]

log = logging.getLogger("modeld.session")

PROTOCOL = 1
CAPABILITIES: tuple[str, ...] = ()
CHUNK_BYTES = 512 * 1024
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

UNDECODABLE = "a message of the session cannot be decoded"


class _Outbox:
    """Frames on their way to one client.

    Args:
        crowd: How many calls the client has in flight.
    """

    def __init__(self, crowd: Callable[[], int]) -> None:
        self._crowd = crowd
        self._turns: deque[Callable[[list[pb.ServerFrame]], bool]] = deque()
        self._wake: asyncio.Future[None] | None = None

    def turn(self, take: Callable[[list[pb.ServerFrame]], bool]) -> None:
        """Asks for a turn. `take` appends frames and says whether it wants another turn."""
        self._turns.append(take)
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def frame(self, frame: pb.ServerFrame) -> None:
        """Sends one frame."""

        def take(frames: list[pb.ServerFrame]) -> bool:
            frames.append(frame)
            return False

        self.turn(take)

    async def run(self, context: Context) -> None:
        """Writes, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            if not self._turns:
                # A bare future: an event would cost a round of the loop more for each message.
                self._wake = loop.create_future()
                await self._wake
            if self._crowd() >= CROWD:
                await asyncio.sleep(JOIN_SECONDS)
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
            try:
                await context.write(pb.ConnectResponse(frames=frames))
            except grpc.aio.InternalError:  # the client is gone; the reader hears of it next
                return


class _CallFrames:
    """Frames of one call: its pending events, then chunks of what is too large for one frame."""

    __slots__ = ("_call_id", "_done", "_late", "_outbox", "pending")

    def __init__(
        self, call_id: int, outbox: _Outbox, done: Callable[[int], None], *, deltas: bool
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
        data = frame.SerializeToString()
        self._late = self._late or deque()
        for start in range(0, len(data), CHUNK_BYTES):
            part = data[start : start + CHUNK_BYTES]
            chunk = pb.Chunk(data=part, last=start + CHUNK_BYTES >= len(data))
            self._late.append(pb.ServerFrame(call_id=self._call_id, chunk=chunk))


class _Connection:
    """One client's stream."""

    def __init__(
        self, session: Session, pipeline: Pipeline, sessions: Sessions, admission: Admission,
        tasks: anyio.abc.TaskGroup,
    ) -> None:  # fmt: skip
        self.session = session
        self.outbox = _Outbox(lambda: session.in_flight)
        self._pipeline = pipeline
        self._sessions = sessions
        self._admission = admission
        self._tasks = tasks
        self._tickets: dict[int, Ticket] = {}
        self._counts: dict[int, anyio.CancelScope] = {}
        self._handlers: dict[str | None, Callable[[pb.ClientFrame], None]] = {
            "generate": self._generate,
            "generate_stream": self._generate,
            "cancel": self._cancel,
            "environment": self._environment,
            "open_model": self._open_model,
            "close_model": self._close_model,
            "count_tokens": self._count_tokens,
        }

    def on_frame(self, frame: pb.ClientFrame) -> None:
        """Does what a frame asks. What is wrong with it fails its own call."""
        kind = frame.WhichOneof("body")
        try:
            self._handlers.get(kind, self._unexpected)(frame)
        except NotLoaded as found:
            self._tasks.start_soon(self._after_loading, frame, found)
        except Exception as error:  # noqa: BLE001  # the door of frames: each fails alone
            self._fail(frame.call_id, _typed(error, kind))

    async def _after_loading(self, frame: pb.ClientFrame, found: NotLoaded) -> None:
        """A frame that names a provider which must be loaded first; it may be cancelled till then."""
        scope = self._counts[frame.call_id] = anyio.CancelScope()
        try:
            with scope:
                await found.load()
        except Exception as error:  # noqa: BLE001  # the door of frames: each fails alone
            self._fail(frame.call_id, _typed(error, frame.WhichOneof("body")))
            return
        finally:
            self._counts.pop(frame.call_id, None)
        if not scope.cancelled_caught:
            self.on_frame(frame)

    def _unexpected(self, frame: pb.ClientFrame) -> None:
        kind = frame.WhichOneof("body")
        raise InvalidRequest(f"unexpected frame: {kind or 'empty or unknown'}")

    def _fail(self, call_id: int, error: ModeldError) -> None:
        self.outbox.frame(pb.ServerFrame(call_id=call_id, failed=failure_to_proto(error)))

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
        if frame.call_id in self._tickets or frame.call_id in self._counts or frame.call_id == 0:
            raise InvalidRequest("each call needs a number of its own, from 1")
        proto = Call.FromString(frame.generate_stream if deltas else frame.generate)
        call = call_from_proto(proto, self.session, frame.timeout_ms)
        frames = _CallFrames(frame.call_id, self.outbox, self._ended, deltas=deltas)
        with leased(self._sessions, self.session, proto) as lease:
            ticket = self._pipeline.submit(call, lease, frames.pending, stream=deltas)
        if not frames.pending.ended:
            self.session.in_flight += 1
            self._tickets[frame.call_id] = ticket

    def _ended(self, call_id: int) -> None:
        if self._tickets.pop(call_id, None) is not None:
            self.session.in_flight -= 1

    def _cancel(self, frame: pb.ClientFrame) -> None:
        count = self._counts.get(frame.call_id)
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
        if frame.call_id in self._tickets or frame.call_id in self._counts or frame.call_id == 0:
            raise InvalidRequest("each call needs a number of its own, from 1")
        # All but the counting itself happens now: a frame that follows may cancel the call, close
        # its model or change a variable.
        proto = CountTokensRequest.FromString(frame.count_tokens).call
        call = call_from_proto(proto, self.session, frame.timeout_ms)
        with leased(self._sessions, self.session, proto) as lease:
            counting = self._pipeline.count_tokens(call, lease)
        scope = self._counts[frame.call_id] = anyio.CancelScope()
        self._tasks.start_soon(self._count, frame.call_id, counting, scope)

    async def _count(
        self, call_id: int, counting: Awaitable[TokenCount], scope: anyio.CancelScope
    ) -> None:
        try:
            with scope:
                count = await counting
                counted = CountTokensResponse(tokens=count.tokens, estimated=count.estimated)
                self.outbox.frame(pb.ServerFrame(call_id=call_id, counted=counted))
        except Exception as error:  # noqa: BLE001  # the door of frames: each fails alone
            self._fail(call_id, _typed(error, "count_tokens"))
        finally:
            self._counts.pop(call_id, None)

    def end(self) -> None:
        """The client is gone: its calls end, but for lasting ones; its leases are given back."""
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


class SessionServicer(SessionServiceServicer):
    """Opens a session for each client process."""

    def __init__(self, pipeline: Pipeline, sessions: Sessions, admission: Admission) -> None:
        self._pipeline = pipeline
        self._sessions = sessions
        self._admission = admission
        self._connections: set[_Connection] = set()

    def say_goodbye(self, reason: str) -> None:
        """Tells every client to send new calls elsewhere."""
        for connection in self._connections:
            frame = pb.ServerFrame(call_id=0, goodbye=pb.Goodbye(reason=reason))
            connection.outbox.frame(frame)

    async def Connect(self, requests: Any, context: Context) -> None:  # noqa: N802
        """Serves one client until its stream ends."""
        try:
            first = await context.read()
        except DecodeError:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, UNDECODABLE)
        frames = [] if first is grpc.aio.EOF else list(first.frames)
        hello = await self._greeted(frames, context)
        session = self._sessions.open(hello.client_name, hello.client_version, hello.pid)
        log.info("session of %s %s opened", hello.client_name, hello.pid)
        async with anyio.create_task_group() as tasks:
            connection = _Connection(
                session, self._pipeline, self._sessions, self._admission, tasks
            )
            self._connections.add(connection)
            try:
                welcome = pb.Welcome(
                    session=session.id,
                    protocol=PROTOCOL,
                    capabilities=CAPABILITIES,
                    daemon_version=modeld.__version__,
                )
                await context.write(
                    pb.ConnectResponse(frames=[pb.ServerFrame(call_id=0, welcome=welcome)])
                )
                tasks.start_soon(connection.outbox.run, context)
                understood = await self._read(connection, frames[1:], context)
            finally:
                self._connections.discard(connection)
                connection.end()
                tasks.cancel_scope.cancel()
                log.info("session of %s %s closed", hello.client_name, hello.pid)
        if not understood:  # outside, or the group would wrap it
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, UNDECODABLE)

    async def _greeted(self, frames: list[pb.ClientFrame], context: Context) -> pb.Hello:
        if self._admission.draining:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the daemon is stopping")
        if not frames or frames[0].WhichOneof("body") != "hello":
            await context.abort(
                grpc.StatusCode.INVALID_ARGUMENT, "the first frame of a session must be hello"
            )
        hello = frames[0].hello
        if not hello.protocol_min <= PROTOCOL <= hello.protocol_max:
            await context.abort(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"this daemon speaks protocol {PROTOCOL}, the client {hello.protocol_min} to "
                f"{hello.protocol_max}; run 'modeld restart' after an upgrade",
            )
        return hello

    async def _read(
        self, connection: _Connection, frames: list[pb.ClientFrame], context: Context
    ) -> bool:
        """Takes frames until the client ends the stream; False when it sent what is no message."""
        while True:
            for number, frame in enumerate(frames, 1):
                connection.on_frame(frame)
                if number % 64 == 0:  # a burst of thousands must not stop the loop for long
                    await anyio.lowlevel.checkpoint()
            try:
                message = await context.read()
            except DecodeError:
                return False
            if message is grpc.aio.EOF:
                return True
            frames = message.frames
