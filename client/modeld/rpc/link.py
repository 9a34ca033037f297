"""One session with a daemon: its stream, or several in turn, its outbox and its reader thread.

grpc's blocking stub is used on purpose: it is bound to no event loop, and survives a fork (with
GRPC_ENABLE_FORK_SUPPORT, which the package sets before it imports grpc). Frames that wait while a message is being
written are sent together in the next one.

When the stream breaks, the reader thread opens another one to the same daemon and goes on with the
session: both sides send what was lost (`modeld.wire.delivery`), and nobody else notices. Frames wait
in the outbox meanwhile. Only if the daemon is gone, or does not know the session any more, is the
link broken. A stream that cannot be trusted (what came makes no sense, or the same message broke
several streams) is followed by one that only says bye, so that the daemon ends the calls, which are
about to be sent again one by one.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined]  # the list of what a fork touches

from .. import __version__
from ..errors import DaemonUnavailable
from ..launch import probe
from ..v1 import session_service_pb2 as pb
from ..wire.chunks import CHUNKS, MOST_BYTES
from ..wire.delivery import RESUME, Delivery, Impossible
from .forks import connecting, hold_messages_at_forks, live, made
from .messages import Messages, Outbox, Requests
from .upload import Sent, Upload, is_large

__all__ = [
    "PROTOCOL",
    "Link",
    "LinkBroken",
    "Unauthenticated",
]

PROTOCOL = 1
HANDSHAKE_SECONDS = 10.0
RESUME_SECONDS = 8.0
"""How long a daemon that is there is asked to go on; it keeps the session a little longer."""
BYE_SECONDS = 0.5
"""Longest wait for the daemon's answer to bye."""

OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MOST_BYTES),
    ("grpc.max_send_message_length", MOST_BYTES),
    # A failed connect leaves its back-off in the process-wide pool and would delay the next try.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
    ("grpc.enable_http_proxy", 0),
)
CONNECT = "/modeld.v1.SessionService/Connect"


class LinkBroken(Exception):
    """The stream could not be opened, or ended. `draining` says that the daemon is stopping, `final`
    that it has answered and will not answer otherwise.
    """

    def __init__(self, message: str, *, draining: bool = False, final: bool = False) -> None:
        super().__init__(message)
        self.draining = draining
        self.final = final or draining


class Unauthenticated(LinkBroken):
    """The daemon does not know the token."""


class Link:
    """A session with one daemon.

    Args:
        target: grpc target such as `unix:/path` or `host:port`.
        token: The daemon's token.
        on_frame: Called in the reader thread for each frame.
        on_broken: Called in the reader thread, once, when the session cannot go on.
    """

    def __init__(
        self,
        target: str,
        token: str,
        on_frame: Callable[[Link, pb.ServerFrame], None],
        on_broken: Callable[[Link, str], None],
    ) -> None:
        self.metadata = (("authorization", f"Bearer {token}"),)
        self.channel = grpc.insecure_channel(target, options=OPTIONS)
        self._on_frame = on_frame
        self._on_broken = on_broken
        self._target = target
        hold_messages_at_forks()  # now that grpc has registered handlers of its own
        self._outbox = Outbox()
        self._delivery: Requests | None = None
        """The counting of messages, if the daemon can resume."""
        self._takes_chunks = False
        self._stream: Any = None
        made.add(self)
        self.alive = False
        self.draining = False
        self.session = ""
        self.daemon_version = ""
        self.environment_sent: dict[str, str | None] = {}
        self.environment_seen: dict[
            tuple[str, ...], tuple[Mapping[str, str | None] | None, int]
        ] = {}
        """Values that were compared with what was sent, by their names, and at which update."""
        self.environment_version = 0
        """Updates sent."""
        self._closing = False
        self._reader = threading.Thread(target=self._live, name="modeld-reader", daemon=True)

    def open(self) -> None:
        """Connects and shakes hands. Raises `LinkBroken` or `Unauthenticated`."""
        try:
            welcome = self._open_stream(_hello())
        except Exception:
            self.channel.close()
            raise
        if RESUME in welcome.capabilities:
            self._delivery = Delivery()
        self._takes_chunks = CHUNKS in welcome.capabilities
        self.session, self.daemon_version = welcome.session, welcome.daemon_version
        self.alive = True
        self._messages.begin(self._delivery)
        self._reader.start()

    def _open_stream(self, hello: pb.Hello) -> pb.Welcome:
        """Opens a stream, which sends nothing yet; gives the answer to hello."""
        connect = self.channel.stream_stream(
            CONNECT,
            request_serializer=pb.ConnectRequest.SerializeToString,
            response_deserializer=pb.ConnectResponse.FromString,
        )
        first = pb.ConnectRequest(frames=[pb.ClientFrame(call_id=0, hello=hello)])
        self._messages = messages = Messages(self._outbox, first)
        live.add(self)
        self._stream = connect(messages, metadata=self.metadata)
        timer = threading.Timer(HANDSHAKE_SECONDS, self._stream.cancel)
        timer.daemon = True
        timer.start()
        try:
            return self._welcomed()
        except Exception:
            live.discard(self)
            messages.end()
            raise
        finally:
            timer.cancel()

    def _welcomed(self) -> pb.Welcome:
        try:
            first = next(self._stream, None)
        except grpc.RpcError as error:
            raise _broken(error) from None
        if first is None or not first.frames or not first.frames[0].HasField("welcome"):
            raise LinkBroken("the daemon did not answer hello with welcome")
        welcome: pb.Welcome = first.frames[0].welcome
        return welcome

    @property
    def connected(self) -> bool:
        """Whether the stream lives; known a little earlier than to the reader thread."""
        return self.alive and bool(self._stream.is_active())

    def send(self, frame: pb.ClientFrame) -> None:
        """Puts a frame on its way, in order; returns at once."""
        self._outbox.put(frame)

    def send_call(self, call: Sent, handle: str) -> None:
        """The same for the frame of a call, which goes in parts if it is large."""
        large = self._takes_chunks and is_large(call)
        self._outbox.put(Upload(call, handle) if large else call.frame(handle))

    def _live(self) -> None:
        """In the reader thread: stream after stream, until the session ends."""
        reason = ""
        try:
            while True:
                reason, sound = self._read()
                if self._closing or not self._resume(sound=sound):
                    return
        except Exception as defect:  # noqa: BLE001  # callers must not wait for a dead thread
            reason = f"{type(defect).__name__}: {defect}"
        finally:
            self.alive = False
            live.discard(self)
            self._outbox.put(None)
            if not self._closing:
                self._on_broken(self, reason)
                self.channel.close()

    def _read(self) -> tuple[str, bool]:
        """Takes frames until the stream ends; why it did, and whether all that came made sense."""
        delivery = self._delivery
        try:
            for message in self._stream:
                for frame in message.frames:
                    self._on_frame(self, frame)
                if delivery is not None:
                    delivery.confirm(message.received)
                    if message.frames:
                        delivery.received += 1
                    if message.acknowledge:
                        self._outbox.put(True)
        except grpc.RpcError as error:
            sound = error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED  # one was too large
            return f"{error.code().name}: {error.details()}", sound
        except Exception as defect:  # noqa: BLE001  # a frame that makes no sense ends the link
            return f"{type(defect).__name__}: {defect}", False
        return "the daemon closed the connection", True

    def _resume(self, *, sound: bool) -> bool:
        """Goes on with the session over another stream; False when that is not possible."""
        live.discard(self)
        self._stream.cancel()
        self._messages.end()
        delivery = self._delivery
        if delivery is None:
            return False
        welcome = self._reconnected(delivery)
        if welcome is None:
            return False
        if welcome.resumed and sound:
            try:
                again = delivery.missing(welcome.received)
            except Impossible:
                pass
            else:
                if not delivery.stuck:
                    self._messages.begin(delivery, again)
                    return True
        self._say_bye()
        return False

    def _reconnected(self, delivery: Requests) -> pb.Welcome | None:
        """The daemon's answer to another stream of this session; None when there is none."""
        deadline, pause = time.monotonic() + RESUME_SECONDS, 0.01
        while not self._closing:
            hello = _hello(pb.Resume(session=self.session, received=delivery.received))
            try:
                with connecting:
                    return self._open_stream(hello)
            except DaemonUnavailable:
                return None
            except LinkBroken as broken:
                if broken.final or time.monotonic() > deadline or not self._is_served():
                    return None
            time.sleep(pause)
            pause = min(pause * 2, 0.5)
        return None

    def _is_served(self) -> bool:
        """Whether the daemon may be there: a socket that nobody listens on says that it is not."""
        return not self._target.startswith("unix:") or probe(self._target)

    def _say_bye(self) -> None:
        self._messages.leave()
        timer = threading.Timer(BYE_SECONDS, self._stream.cancel)
        timer.daemon = True
        timer.start()
        with contextlib.suppress(grpc.RpcError):
            for _ in self._stream:  # its end says that the daemon has heard it
                pass
        timer.cancel()

    def hold_messages(self) -> None:
        """Returns when no message is on its way into grpc; the next one waits for `let_go`."""
        self._messages.hold()

    def let_messages_go(self) -> None:
        """Ends `hold_messages`."""
        self._messages.let_go()

    def hide_from_fork(self) -> None:
        """Takes the channel off grpc's list of what its handlers of forks touch."""
        cygrpc.fork_unregister_channel(self.channel)

    def show_to_fork(self) -> None:
        """Puts it back."""
        cygrpc.fork_register_channel(self.channel)

    def keep_for_ever(self) -> None:
        """Nothing of it is ever freed, not even at the end: in a forked child, and at the exit."""
        ctypes = import_module("ctypes")
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self))

    def close(self) -> None:
        """Ends the session at once: the daemon is told, and waited for a moment."""
        self._closing = True
        self.alive = False
        live.discard(self)
        if self._delivery is not None:
            self._outbox.put(pb.ClientFrame(bye=pb.Bye()))
        self._outbox.put(None)
        if self._delivery is not None and threading.current_thread() is not self._reader:
            self._reader.join(BYE_SECONDS)
        self._stream.cancel()
        self.channel.close()
        if threading.current_thread() is not self._reader:
            self._reader.join(BYE_SECONDS)


def _hello(resume: pb.Resume | None = None) -> pb.Hello:
    return pb.Hello(
        client_name="modeld-python",
        client_version=__version__,
        pid=os.getpid(),
        protocol_min=PROTOCOL,
        protocol_max=PROTOCOL,
        capabilities=[RESUME],
        resume=resume,
    )


def _broken(error: grpc.RpcError) -> LinkBroken:
    code, details = error.code(), error.details() or ""
    if code is grpc.StatusCode.UNAUTHENTICATED:
        return Unauthenticated(details, final=True)
    if code is grpc.StatusCode.FAILED_PRECONDITION:
        raise DaemonUnavailable(details) from None
    if code in (grpc.StatusCode.ABORTED, grpc.StatusCode.OUT_OF_RANGE):
        return LinkBroken(f"{code.name}: {details}", final=True)
    draining = code is grpc.StatusCode.UNAVAILABLE and "stopping" in details
    return LinkBroken(f"{code.name}: {details}", draining=draining)
