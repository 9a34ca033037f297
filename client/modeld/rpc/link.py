"""One connection to a daemon: the session stream, its outbox and its reader thread.

grpc's blocking stub is used on purpose: it is bound to no event loop, and survives a fork (with
GRPC_ENABLE_FORK_SUPPORT, which the package sets before it imports grpc). Frames that wait while a message is being
written are sent together in the next one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from queue import Empty, SimpleQueue
from weakref import WeakSet

import grpc
from grpc._cython import cygrpc  # type: ignore[attr-defined]  # the list of what a fork touches

from .. import __version__
from ..errors import DaemonUnavailable
from ..v1 import session_service_pb2 as pb

__all__ = [
    "MESSAGE_BYTES",
    "PROTOCOL",
    "Link",
    "LinkBroken",
    "Unauthenticated",
    "connecting",
    "keep_all_for_ever",
]

PROTOCOL = 1
MESSAGE_BYTES = 64 * 1024 * 1024
JOINED_BYTES = 1024 * 1024
"""Size after which no more frames join a message."""
HANDSHAKE_SECONDS = 10.0
HOLD_SECONDS = 1.0
"""Longest time that a fork waits for a message on its way: a daemon that reads nothing must not
stop it."""

OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_send_message_length", MESSAGE_BYTES),
    # A failed connect leaves its back-off in the process-wide pool and would delay the next try.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
    ("grpc.enable_http_proxy", 0),
)
CONNECT = "/modeld.v1.SessionService/Connect"


class LinkBroken(Exception):
    """The stream could not be opened, or ended. `draining` says that the daemon is stopping."""

    def __init__(self, message: str, *, draining: bool = False) -> None:
        super().__init__(message)
        self.draining = draining


class Unauthenticated(LinkBroken):
    """The daemon does not know the token."""


class Link:
    """A live session with one daemon.

    Args:
        target: grpc target such as `unix:/path` or `host:port`.
        token: The daemon's token.
        on_frame: Called in the reader thread for each frame.
        on_broken: Called in the reader thread, once, when the stream has ended.
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
        _hold_messages_at_forks()  # now that grpc has registered handlers of its own
        self._outbox: SimpleQueue[pb.ClientFrame | None] = SimpleQueue()
        self._messages = _Messages(self._outbox)
        _open.add(self)
        _made.add(self)
        self.alive = False
        self.draining = False
        self.session = ""
        self.daemon_version = ""
        self.environment_sent: dict[str, str | None] = {}
        self.environment_seen: dict[tuple[str, ...], Mapping[str, str | None]] = {}
        """Values that were compared with what was sent, by their names."""
        self.environment_of: dict[str, tuple[str, ...]] = {}
        """Variables for which the daemon asked, by provider."""
        self.environment_version = 0
        """Updates sent."""
        self.environment_known = 0
        """Updates of which it is certain that the daemon has them."""
        self._closing = False
        self._reader = threading.Thread(target=self._read, name="modeld-reader", daemon=True)

    def open(self) -> None:
        """Connects and shakes hands. Raises `LinkBroken` or `Unauthenticated`."""
        self._outbox.put(pb.ClientFrame(call_id=0, hello=_hello()))
        connect = self.channel.stream_stream(
            CONNECT,
            request_serializer=pb.ConnectRequest.SerializeToString,
            response_deserializer=pb.ConnectResponse.FromString,
        )
        self._stream = connect(self._messages, metadata=self.metadata)
        timer = threading.Timer(HANDSHAKE_SECONDS, self._stream.cancel)
        timer.daemon = True
        timer.start()
        try:
            welcome = self._welcomed()
        except Exception:
            _open.discard(self)
            self._outbox.put(None)
            self.channel.close()
            raise
        finally:
            timer.cancel()
        self.session, self.daemon_version = welcome.session, welcome.daemon_version
        self.alive = True
        self._reader.start()

    def _welcomed(self) -> pb.Welcome:
        try:
            first = next(self._stream, None)
        except grpc.RpcError as error:
            raise _broken(error) from None
        if first is None or not first.frames or not first.frames[0].HasField("welcome"):
            raise LinkBroken("the daemon did not answer hello with welcome")
        return first.frames[0].welcome

    @property
    def connected(self) -> bool:
        """Whether the stream lives; known a little earlier than to the reader thread."""
        return self.alive and bool(self._stream.is_active())

    def send(self, frame: pb.ClientFrame) -> None:
        """Puts a frame on its way, in order; returns at once."""
        self._outbox.put(frame)

    def _read(self) -> None:
        reason = "the daemon closed the connection"
        try:
            for message in self._stream:
                for frame in message.frames:
                    self._on_frame(self, frame)
        except grpc.RpcError as error:
            reason = f"{error.code().name}: {error.details()}"
        except Exception as defect:  # noqa: BLE001  # a frame that makes no sense ends the link
            reason = f"{type(defect).__name__}: {defect}"
        finally:
            self.alive = False
            _open.discard(self)
            self._outbox.put(None)
            if not self._closing:
                self._on_broken(self, reason)
                self.channel.close()

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
        """Ends the session at once."""
        self._closing = True
        self.alive = False
        _open.discard(self)
        self._outbox.put(None)
        self._stream.cancel()
        self.channel.close()
        if threading.current_thread() is not self._reader:
            self._reader.join(0.5)


class _Messages(Iterator[pb.ConnectRequest]):
    """The request iterator: each message takes all frames that wait.

    grpc asks for the next message when the one before has gone, so between two questions one is
    on its way. `_way` is held meanwhile, and by whoever wants none to set out.
    """

    def __init__(self, outbox: SimpleQueue[pb.ClientFrame | None]) -> None:
        self._outbox = outbox
        self._way = threading.Lock()
        self._sending = False
        self._holding = False

    def __next__(self) -> pb.ConnectRequest:
        if self._sending:
            self._sending = False
            self._way.release()
        frames = self._waiting()
        if not frames:
            raise StopIteration
        self._way.acquire()
        self._sending = True
        return pb.ConnectRequest(frames=frames)

    def _waiting(self) -> list[pb.ClientFrame]:
        frame = self._outbox.get()
        frames: list[pb.ClientFrame] = []
        size = 0
        while frame is not None:
            frames.append(frame)
            size += frame.ByteSize()
            if size > JOINED_BYTES:
                return frames
            try:
                frame = self._outbox.get_nowait()
            except Empty:
                return frames
        self._outbox.put(None)  # the end stays in the queue for the next round
        return frames

    def hold(self) -> None:
        """Lets no message set out; waits for the one that is on its way, if grpc still sends."""
        self._holding = self._way.acquire(timeout=HOLD_SECONDS)

    def let_go(self) -> None:
        """Ends `hold`."""
        if self._holding:
            self._holding = False
            self._way.release()


_made: WeakSet[Link] = WeakSet()
_open: WeakSet[Link] = WeakSet()
_held: list[Link] = []


def keep_all_for_ever() -> None:
    """At the end of the program: threads of grpc that hold a lock of a stream may be stopped any
    moment now, and whoever frees the stream would wait for that lock for ever.
    """
    for link in list(_made):
        link.keep_for_ever()


@cache
def _hold_messages_at_forks() -> None:
    """Grpc stops its threads before a fork. The one that sends holds the lock of its stream while
    it is stopped, if a message is on its way; the one that receives may need that lock before it
    can stop. Then grpc gives up after 5 s, and its state in the child is such that every call
    hangs. So no message is on its way when grpc's own handler runs.

    Handlers run last registered first: this is called when grpc's are.
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child
        )


class _Quiet:
    """Lets no thread connect while the program forks: grpc skips its handlers where another thread
    is inside it, and then its state in the child is such that every call hangs.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._held = False

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_error: object) -> None:
        self._lock.release()

    def hold(self) -> None:
        """Waits for who connects, and lets nobody begin."""
        self._held = self._lock.acquire(timeout=HOLD_SECONDS)

    def let_go(self) -> None:
        """Ends `hold`."""
        if self._held:
            self._held = False
            self._lock.release()

    def renew(self) -> None:
        """In a forked child: whoever held it is not here."""
        self.__init__()  # type: ignore[misc]


connecting = _Quiet()
"""Held by whoever makes a link."""


def _in_child() -> None:
    _held.clear()
    connecting.renew()


def _before_fork() -> None:
    connecting.hold()
    for link in list(_open):
        _held.append(link)
        link.hold_messages()


def _after_fork() -> None:
    for link in _held:
        link.let_messages_go()
    _held.clear()
    connecting.let_go()


def _hello() -> pb.Hello:
    return pb.Hello(
        client_name="modeld-python",
        client_version=__version__,
        pid=os.getpid(),
        protocol_min=PROTOCOL,
        protocol_max=PROTOCOL,
    )


def _broken(error: grpc.RpcError) -> LinkBroken:
    code, details = error.code(), error.details() or ""
    if code is grpc.StatusCode.UNAUTHENTICATED:
        return Unauthenticated(details)
    if code is grpc.StatusCode.FAILED_PRECONDITION:
        raise DaemonUnavailable(details) from None
    draining = code is grpc.StatusCode.UNAVAILABLE and "stopping" in details
    return LinkBroken(f"{code.name}: {details}", draining=draining)
