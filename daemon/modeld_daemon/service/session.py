"""SessionService.Connect: all calls of a client process over one stream, or several in turn.

Reading and writing are two tasks of the RPC. The reader decodes frames and starts calls; it waits
for nothing but the next message. The writer takes what is pending from every call (`outbox`).

A stream that breaks does not end the session of a client that can resume (`modeld.wire.delivery`
has the counting). The session is kept for a while, and its calls go on:

- A client that lives connects again, names its session, and both sides send what was lost. Its new
  stream displaces the one before, which the daemon may not know to be broken: it is told to end,
  and the new one begins when it has let go, so that no message is read twice.
- A client that has died is found out by its process id within `LOOK_SECONDS`, and its session ends.
- A client that leaves says bye, and one whose stream ends by its own fault has none to come back to.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import anyio
import anyio.abc
import anyio.lowlevel
import grpc
from google.protobuf.message import DecodeError

import modeld
from modeld.v1 import session_service_pb2 as pb
from modeld.v1.session_service_pb2_grpc import SessionServiceServicer
from modeld.wire.chunks import CHUNKS
from modeld.wire.delivery import RESUME, Impossible

from ..core.flights import Spawner
from ..core.pipeline import Pipeline
from ..core.sessions import Sessions
from .admission import Admission
from .connection import Connection, Stream
from .presence import Presence

__all__ = ["CAPABILITIES", "PROTOCOL", "SessionServicer"]

log = logging.getLogger("modeld.session")

PROTOCOL = 1
CAPABILITIES: tuple[str, ...] = (RESUME, CHUNKS)
GRACE_SECONDS = 10.0
"""How long a session is kept whose stream broke while its client lives."""
LOOK_SECONDS = 0.05
"""How often the client's process is looked at meanwhile."""
ANSWER_SECONDS = 1.0
"""How long a daemon that leaves waits for clients to say that they have their answers."""
WRITE_SECONDS = 0.25
"""How long a message that is on its way may take when its stream is to end."""

Context = grpc.aio.ServicerContext[Any, Any]

Fault = tuple[grpc.StatusCode, str]
UNDECODABLE = "a message of the session cannot be decoded"


class SessionServicer(SessionServiceServicer):
    """Opens a session for each client process, and keeps it while the client is away."""

    def __init__(
        self, pipeline: Pipeline, sessions: Sessions, admission: Admission, tasks: Spawner
    ) -> None:
        self._pipeline = pipeline
        self._sessions = sessions
        self._admission = admission
        self._tasks = tasks
        self._connections: dict[str, Connection] = {}
        self._missed: dict[Connection, anyio.CancelScope] = {}
        """Those whose stream is gone, and what ends the waiting for another one."""

    def say_goodbye(self, reason: str) -> None:
        """Tells every client to send new calls elsewhere."""
        for connection in self._connections.values():
            frame = pb.ServerFrame(call_id=0, goodbye=pb.Goodbye(reason=reason))
            connection.outbox.frame(frame)

    async def settled(self) -> None:
        """Returns when all clients have their answers. One that is away is waited for as long as its
        session is kept; one that is there and says nothing, for a moment.
        """
        for connection in self._connections.values():
            connection.outbox.ask()
        patience = anyio.current_time() + ANSWER_SECONDS
        while any(  # noqa: ASYNC110  # a few rounds in the life of a daemon
            not connection.outbox.empty
            and (connection in self._missed or anyio.current_time() < patience)
            for connection in self._connections.values()
        ):
            await anyio.sleep(ANSWER_SECONDS / 100)

    async def Connect(self, requests: Any, context: Context) -> None:  # noqa: N802
        """Serves one client until its stream ends."""
        try:
            first = await context.read()
        except DecodeError:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, UNDECODABLE)
        frames = [] if first is grpc.aio.EOF else list(first.frames)
        hello = await self._greeted(frames, context)
        connection = self._resumable(hello)
        resumed = connection is not None
        if connection is None:
            if self._admission.draining:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "the daemon is stopping")
            connection = self._begin(hello, context)
        stream = connection.claim()
        self._miss_no_more(connection)
        fault: Fault | None = (grpc.StatusCode.ABORTED, "another stream goes on with this session")
        try:
            with stream.scope:
                async with connection.serving:
                    received = hello.resume.received if resumed else None
                    fault = await self._serve(connection, received, frames[1:], context)
        finally:
            self._leave(connection, stream)
        if fault is not None:  # outside, or a group would wrap it
            await context.abort(*fault)

    async def _greeted(self, frames: list[pb.ClientFrame], context: Context) -> pb.Hello:
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

    def _resumable(self, hello: pb.Hello) -> Connection | None:
        connection = self._connections.get(hello.resume.session)
        # A forked child knows the secret, and would take its parent's answers.
        if connection is None or connection.session.pid != hello.pid:
            return None
        if RESUME in hello.capabilities and connection.may_resume:
            return connection
        connection.claim()  # the client begins anew, and sends its calls again
        self._end(connection)
        return None

    def _begin(self, hello: pb.Hello, context: Context) -> Connection:
        session = self._sessions.open(hello.client_name, hello.client_version, hello.pid)
        connection = self._connections[session.id] = Connection(
            session, Presence.of(hello.pid, context.peer()), self._pipeline, self._sessions,
            self._admission, self._tasks, resumable=RESUME in hello.capabilities,
        )  # fmt: skip
        log.info("session of %s %s opened", hello.client_name, hello.pid)
        return connection

    async def _serve(
        self, connection: Connection, resumed: int | None, frames: list[pb.ClientFrame],
        context: Context,
    ) -> Fault | None:  # fmt: skip
        """Serves one stream; what the client did wrong, if that ended it. `resumed` is how many
        messages the client has received, if the session goes on.
        """
        delivery = connection.delivery
        missing: list[pb.ConnectResponse] = []
        if resumed is not None and delivery is not None:
            try:
                missing = delivery.missing(resumed)
            except Impossible as wrong:
                connection.over = True
                return grpc.StatusCode.OUT_OF_RANGE, str(wrong)
            log.info("session of %s resumed", connection.session.pid)
        welcome = pb.Welcome(
            session=connection.session.id,
            protocol=PROTOCOL,
            capabilities=CAPABILITIES,
            daemon_version=modeld.__version__,
            resumed=resumed is not None,
            received=0 if delivery is None else delivery.received,
        )
        first = pb.ConnectResponse(frames=[pb.ServerFrame(call_id=0, welcome=welcome)])
        outbox, writing = connection.outbox, anyio.CancelScope(shield=True)
        written = anyio.Event()

        async def write() -> None:
            with writing:
                await outbox.run(context, [first, *missing])
            written.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write)
            try:
                fault = await _read(connection, frames, context)
            finally:
                # A write that is cancelled is under way still, and grpc takes no status before it
                # has gone: the stream would never end.
                outbox.stop()
                with anyio.move_on_after(WRITE_SECONDS, shield=True):
                    await written.wait()
                writing.cancel()
        return fault

    def _leave(self, connection: Connection, stream: Stream) -> None:
        """The stream is gone; what becomes of its session."""
        if connection.stream is not stream:
            return  # another one goes on with it
        connection.stream = None
        if connection.may_be_missed:
            until = anyio.current_time() + GRACE_SECONDS
            scope = self._missed[connection] = anyio.CancelScope(deadline=until)
            self._tasks.start_soon(self._miss, (connection, scope))
        else:
            self._end(connection)

    async def _miss(self, missed: tuple[Connection, anyio.CancelScope]) -> None:
        """Keeps a session whose stream is gone, until its client comes back, dies or stays away."""
        connection, scope = missed
        try:
            with scope:
                while connection.may_be_missed:  # noqa: ASYNC110  # no event comes from a death
                    await anyio.sleep(LOOK_SECONDS)
        finally:
            if self._missed.get(connection) is scope:
                self._end(connection)

    def _miss_no_more(self, connection: Connection) -> None:
        scope = self._missed.pop(connection, None)
        if scope is not None:
            scope.cancel()

    def _end(self, connection: Connection) -> None:
        if self._connections.pop(connection.session.id, None) is None:
            return
        self._miss_no_more(connection)
        connection.end()
        log.info("session of %s %s closed", connection.session.client_name, connection.session.pid)


async def _read(
    connection: Connection, frames: list[pb.ClientFrame], context: Context
) -> Fault | None:
    """Takes frames until the client ends the stream; what it did wrong, if it was that."""
    delivery = connection.delivery
    await _take(connection, frames)
    while not connection.over:
        try:
            message = await context.read()
            if message is grpc.aio.EOF:
                break
            if delivery is not None:
                delivery.confirm(message.received)
                if message.frames:
                    delivery.received += 1
                if message.acknowledge:
                    connection.outbox.acknowledge()
        except DecodeError:
            connection.over = True
            return grpc.StatusCode.INVALID_ARGUMENT, UNDECODABLE
        except Impossible as wrong:
            connection.over = True
            return grpc.StatusCode.OUT_OF_RANGE, str(wrong)
        await _take(connection, message.frames)
    return None


async def _take(connection: Connection, frames: Sequence[pb.ClientFrame]) -> None:
    """Does what a message asks: all of it, as it counts as received, also when its stream ends."""
    rest = iter(frames)
    number = 0
    try:
        for frame in rest:
            connection.on_frame(frame)
            number += 1
            if number % 64 == 0:  # a burst of thousands must not stop the loop for long
                await anyio.lowlevel.checkpoint()
    finally:
        for frame in rest:
            connection.on_frame(frame)
