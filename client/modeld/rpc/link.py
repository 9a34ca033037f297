"""One session with a daemon: its stream, or several in turn, and its outbox.

grpc's blocking half is used on purpose: it is bound to no event loop, and survives a fork (with
GRPC_ENABLE_FORK_SUPPORT, which the package sets before it imports grpc). How messages go and come is
`modeld.rpc.stream`. Frames that wait while a message is being written are sent together in the next
one.

When the stream breaks, a thread opens another one to the same daemon and goes on with the session:
both sides send what was lost (`modeld.wire.delivery`), and nobody else notices. Frames wait in the
outbox meanwhile. Only if the daemon is gone, or does not know the session any more, is the link
broken. A stream that cannot be trusted (what came makes no sense, or the same message broke several
streams) is followed by one that only says bye, so that the daemon ends the calls, which are about to
be sent again one by one.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from queue import SimpleQueue

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
from .stream import Stream
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
        on_frame: Called for each frame, by the thread of grpc that polls the channel: it must not
            wait for anything.
        on_broken: Called in a thread of its own, once, when the session cannot go on.
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
        self._stream: Stream | None = None
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
        self._asked = False
        """Whether the main thread has a wish that nobody has heard yet."""
        self._wishes: SimpleQueue[bool] = SimpleQueue()
        """Of the main thread: that what waits shall go; False ends the thread that hears them."""

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
        sender = threading.Thread(target=self._send_for_main, name="modeld-sender", daemon=True)
        sender.start()
        self._begin()

    def _open_stream(self, hello: pb.Hello) -> pb.Welcome:
        """Opens a stream, which sends nothing yet; gives the answer to hello."""
        first = pb.ConnectRequest(frames=[pb.ClientFrame(call_id=0, hello=hello)])
        messages = Messages(self._outbox, first)
        self._stream = stream = Stream(
            self.channel, self.metadata, messages, self._on_message, self._on_end
        )
        live.add(self)
        try:
            return _welcomed(stream)
        except Exception:
            live.discard(self)
            stream.cancel()
            raise

    def _begin(self, again: Iterable[pb.ConnectRequest] = ()) -> None:
        """The session goes on over the stream that is open."""
        assert self._stream is not None
        self._stream.messages.begin(self._delivery, again)
        self._stream.begin()

    @property
    def connected(self) -> bool:
        """Whether the stream lives; known a little earlier than to who goes on with the session."""
        return self.alive and self._stream is not None and self._stream.active

    def send(self, frame: pb.ClientFrame) -> None:
        """Puts a frame where it goes from, in order, with the next `pump`."""
        self._outbox.put(frame)

    def send_call(self, call: Sent, handle: str) -> None:
        """The same for the frame of a call, which goes in parts if it is large."""
        large = self._takes_chunks and is_large(call)
        self._outbox.put(Upload(call, handle) if large else call.frame(handle))

    def pump(self) -> None:
        """Puts frames on their way, with no lock of the caller's held; returns at once. For the main
        thread, which never enters grpc, another one does.
        """
        if threading.get_ident() != threading.main_thread().ident:
            self._pump()
        elif not self._asked:  # two wishes at once may both go: that is only a spare look
            self._asked = True
            self._wishes.put(True)

    def _pump(self) -> None:
        if self._stream is not None:
            self._stream.pump()

    def _send_for_main(self) -> None:
        """In a thread of its own, which a signal does not interrupt."""
        while self._wishes.get():
            self._asked = False
            self._pump()

    def _on_message(self, message: pb.ConnectResponse) -> None:
        for frame in message.frames:
            self._on_frame(self, frame)
        delivery = self._delivery
        if delivery is not None:
            delivery.confirm(message.received)
            if message.frames:
                delivery.received += 1
            if message.acknowledge:
                self._outbox.put(True)
                self.pump()

    def _on_end(self, stream: Stream) -> None:
        """By the thread that polls the channel, which must not be kept."""
        if not self._closing:
            threading.Thread(
                target=self._go_on, args=(stream,), name="modeld-link", daemon=True
            ).start()

    def _go_on(self, stream: Stream) -> None:
        """The stream has ended: goes on with the session over another one, or ends it."""
        reason = stream.defect or f"{_name(stream)}: {stream.details}"
        # A message that is too large for this side would be so over any other stream.
        sound = not stream.defect and stream.code is not grpc.StatusCode.RESOURCE_EXHAUSTED
        if stream.code is grpc.StatusCode.OK and not stream.defect:
            reason = "the daemon closed the connection"
        resumed = False
        try:
            resumed = self._resume(sound=sound)
        except Exception as defect:  # noqa: BLE001  # callers must not wait for a dead thread
            reason = f"{type(defect).__name__}: {defect}"
        finally:
            if not resumed:
                self.alive = False
                live.discard(self)
                self._wishes.put(False)
                if not self._closing:
                    self._on_broken(self, reason)
                    self.channel.close()

    def _resume(self, *, sound: bool) -> bool:
        """Goes on with the session over another stream; False when that is not possible."""
        live.discard(self)
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
                    self._begin(again)
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
        assert self._stream is not None
        self._stream.leave()
        self._stream.wait(BYE_SECONDS)  # its end says that the daemon has heard it
        self._stream.cancel()

    def hold_messages(self) -> None:
        """Returns when no thread gives a message to grpc; the next one waits for `let_messages_go`."""
        if self._stream is not None:
            self._stream.hold()

    def let_messages_go(self) -> None:
        """Ends `hold_messages`."""
        if self._stream is not None:
            self._stream.let_go()
        self.pump()

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
        stream = self._stream
        if self._delivery is not None:
            self._outbox.put(pb.ClientFrame(bye=pb.Bye()))
        self._outbox.put(None)
        self.pump()
        if stream is not None:
            if self._delivery is not None:
                stream.wait(BYE_SECONDS)
            stream.cancel()
        self._wishes.put(False)
        self.channel.close()


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


def _welcomed(stream: Stream) -> pb.Welcome:
    first = stream.first(HANDSHAKE_SECONDS)
    if first is None and not stream.active:
        raise _broken(stream)
    if first is None:
        raise LinkBroken(f"the daemon did not answer hello within {HANDSHAKE_SECONDS:g} s")
    if not first.frames or not first.frames[0].HasField("welcome"):
        raise LinkBroken("the daemon did not answer hello with welcome")
    welcome: pb.Welcome = first.frames[0].welcome
    return welcome


def _name(stream: Stream) -> str:
    return "" if stream.code is None else stream.code.name


def _broken(stream: Stream) -> LinkBroken:
    code, details = stream.code, stream.details
    if stream.defect:
        return LinkBroken(stream.defect)
    if code is grpc.StatusCode.OK:
        return LinkBroken("the daemon did not answer hello with welcome")
    if code is grpc.StatusCode.UNAUTHENTICATED:
        return Unauthenticated(details, final=True)
    if code is grpc.StatusCode.FAILED_PRECONDITION:
        raise DaemonUnavailable(details)
    if code in (grpc.StatusCode.ABORTED, grpc.StatusCode.OUT_OF_RANGE):
        return LinkBroken(f"{_name(stream)}: {details}", final=True)
    draining = code is grpc.StatusCode.UNAVAILABLE and "stopping" in details
    return LinkBroken(f"{_name(stream)}: {details}", draining=draining)
