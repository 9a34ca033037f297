"""All calls of this process: numbered, sent over the link, and sent again when it breaks.

- A call whose model is open on a live link is sent at once, from the caller's thread.
- Anything else (no link yet, a broken link, a model that is not open there) is left to one worker
  thread, which finds or starts the daemon, opens the model and sends the call. So nothing blocks
  an event loop, and a burst of first calls starts one daemon and opens one link.
- A link whose stream breaks goes on over another one, and nothing happens here. When the link
  itself breaks (the daemon has died), what had no answer goes back to the worker. Earlier deltas are
  void then, and the caller is told (`Resent`). A call that broke its link too often is given up: it may be the
  reason.
- A daemon that is stopping finishes what it runs; new calls wait in the worker for the next one.
- After a fork the child forgets everything without closing it, and starts anew.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import threading
import time
from collections import deque
from typing import Any

from ..environment import Environment
from ..errors import DaemonUnavailable, InternalError, ModeldError
from ..v1 import session_service_pb2 as pb
from ..v1.error_pb2 import FAILURE_REASON_DRAINING
from ..v1.model_service_pb2 import CloseModelRequest
from ..wire import failure_from_proto
from .deadlines import Deadlines
from .endpoint import Endpoint, find_or_start
from .forks import connecting
from .link import Link, LinkBroken
from .mailbox import SyncMailbox
from .opening import Opening
from .pending import PendingCall, RemoteModel, Resent
from .threads import start_thread
from .upload import check_size

__all__ = ["Hub"]

MOST_RESENDS = 5
OPEN = "open"
"""Kind of a call that sends nothing: it ends as soon as its model is open."""
SUCCESSOR_SECONDS = 120.0
"""Longest wait for a daemon that is stopping to make room for the next one."""


class Hub:
    """The client side of the session stream."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.deadlines = Deadlines()
        # Reentrant: the garbage collector may close a model in a thread that holds the lock.
        self._lock = threading.RLock()
        self._link: Link | None = None
        self._links: set[Link] = set()
        self._calls: dict[int, PendingCall] = {}
        self._ids = itertools.count(1)
        self._waiting: deque[PendingCall] = deque()
        self._works = False
        self._closed = False
        self._opening = Opening(self._lock, self._send_environment, self._ask, self._give_back)

    def submit(self, call: PendingCall) -> None:
        """Sends a call, now or as soon as that is possible; returns at once."""
        check_size(len(call.payload))
        with self._lock:
            call.id = next(self._ids)
            if not self._send(call):
                self._hand_to_worker(call)
                return
        link = call.link
        if link is not None and len(self._calls) == 1:
            link.pump()
        elif link is not None:  # where there are others, more may come in this turn of the loop
            call.mailbox.soon(link.pump)

    def _send(self, call: PendingCall) -> bool:
        """With the lock held: sends a call if the link is there and its model is open on it; it goes
        with the link's next `pump`.
        """
        if call.abandoned:  # since it was handed to the worker
            return True
        link = self._link
        if link is None or not link.alive or link.draining:
            return False
        handle = "" if call.model is None else call.model.handle_on(link)
        if handle is None:
            return False
        if call.kind == OPEN:
            call.mailbox.put(None)
            return True
        if call.model is not None:
            self._send_environment(link, call.model.environment)
        call.link = link
        self._calls[call.id] = call
        link.send_call(call, handle)
        if call.abandoned:  # meanwhile: its cancelling may have gone before it, or not at all
            self._calls.pop(call.id, None)
            link.send(pb.ClientFrame(call_id=call.id, cancel=pb.CancelCall()))
        return True

    def _send_environment(self, link: Link, names: tuple[str, ...]) -> None:
        """With the lock held: tells the daemon which of these variables have changed."""
        if not names:
            return
        sent = link.environment_sent
        values = self.environment.values(names)
        seen, version = link.environment_seen.get(names, (None, 0))
        if seen is values and version == link.environment_version:
            return
        changed = {n: v for n, v in values.items() if n not in sent or sent[n] != v}
        if not changed:
            link.environment_seen[names] = values, link.environment_version
            return
        update = pb.Environment(
            set={name: value for name, value in changed.items() if value is not None},
            unset=[name for name, value in changed.items() if value is None],
        )
        # Sent before it is noted: Ctrl-C between the two costs a second update, never a wrong key.
        link.send(pb.ClientFrame(call_id=0, environment=update))
        sent.update(changed)
        link.environment_version += 1
        link.environment_seen[names] = values, link.environment_version

    def forget(self, call: PendingCall) -> None:
        """Nobody waits for the call any more: if it has not ended, the daemon ends it.

        Without the lock, each step being one of the interpreter's: the garbage collector may run
        this anywhere. Who sends a call looks whether it was abandoned, before and after.
        """
        call.abandoned = True
        known = self._calls.pop(call.id, None) is not None
        if self._waiting:
            with contextlib.suppress(ValueError):
                self._waiting.remove(call)
        if known and call.link is not None and call.link.alive:
            call.link.send(pb.ClientFrame(call_id=call.id, cancel=pb.CancelCall()))
            call.link.pump()

    # In the thread that reads

    def on_frame(self, link: Link, frame: pb.ServerFrame) -> None:
        """Brings what a frame says to whoever waits for it."""
        kind = frame.WhichOneof("body")
        if kind == "goodbye":
            link.draining = True
            return
        call = self._calls.get(frame.call_id)
        if call is None or call.link is not link:
            return
        if kind == "event":
            event = frame.event
            if event.HasField("finished"):
                self._calls.pop(call.id, None)
                if call.model is not None:
                    call.model.answered += 1
            call.mailbox.put(event)
        elif kind == "failed":
            self._calls.pop(call.id, None)
            if not self._goes_elsewhere(call, link, frame.failed.reason):
                call.mailbox.put(failure_from_proto(frame.failed))
        elif kind == "chunk":
            call.chunks.append(frame.chunk.data)
            if frame.chunk.last:
                whole = pb.ServerFrame.FromString(b"".join(call.chunks))
                call.chunks.clear()
                self.on_frame(link, whole)
        elif kind is not None:
            self._calls.pop(call.id, None)
            call.mailbox.put(getattr(frame, kind))

    def _goes_elsewhere(self, call: PendingCall, link: Link, reason: int) -> bool:
        if reason != FAILURE_REASON_DRAINING:
            return False
        link.draining = True
        if call.kind == "open_model":
            return False  # a request of the worker itself, which will connect elsewhere
        with self._lock:
            if not call.abandoned:  # by another thread, since it was taken out
                self._hand_to_worker(call)
        return True

    def on_broken(self, link: Link, reason: str) -> None:
        """The link is gone: what had no answer is sent again over the next one."""
        with self._lock:
            self._links.discard(link)
            if self._link is link:
                self._link = None
            # A copy, since other threads take calls out: the reader of another link, for one.
            lost = [call for call in list(self._calls.values()) if call.link is link]
            for call in lost:
                if self._calls.pop(call.id, None) is not None:
                    self._resend(call, reason)

    def _resend(self, call: PendingCall, reason: str) -> None:
        """With the lock held: a call has lost its way; it is sent again, or given up."""
        call.chunks.clear()
        call.resends += 1
        if call.resends > MOST_RESENDS or self._closed:
            call.mailbox.put(_lost(call.resends, reason))
        else:
            call.mailbox.put(Resent(reason))
            self._hand_to_worker(call)

    # In the worker thread

    def _hand_to_worker(self, call: PendingCall) -> None:
        """With the lock held."""
        if not self._works:
            start_thread(self._work)  # may fail; the thread's first step waits for the lock
            self._works = True
        self._waiting.append(call)

    def _work(self) -> None:
        while True:
            with self._lock:
                while self._waiting and self._send_first():
                    pass
                link = self._link
                call = self._first()
                if call is None:
                    self._works = False
            if link is not None:
                link.pump()
            if call is None:
                return
            try:
                link = self._connected()
            except ModeldError as error:
                self._give_up(error)
                continue
            except Exception as defect:  # noqa: BLE001  # callers must not wait for a dead thread
                self._give_up(DaemonUnavailable(f"{type(defect).__name__}: {defect}"))
                continue
            if call.model is not None and call.model.handle_on(link) is None:
                self._open_for(call, call.model, link)

    def _first(self) -> PendingCall | None:
        """With the lock held: the first call that waits."""
        try:
            return self._waiting[0]
        except IndexError:
            return None

    def _send_first(self) -> bool:
        """With the lock held: sends the first call that waits, or tells it why it cannot be sent."""
        try:
            call = self._waiting.popleft()
        except IndexError:  # nobody waits for it any more
            return False
        try:
            if self._send(call):
                return True
        except ModeldError as error:  # such as a variable that is not text
            call.mailbox.put(error)
            return True
        self._waiting.appendleft(call)
        return False

    def _open_for(self, call: PendingCall, model: RemoteModel, link: Link) -> None:
        try:
            self._opening.open(link, model)
        except LinkBroken as broken:
            if link.draining:
                return  # the next round connects elsewhere
            call.resends += 1
            if call.resends > MOST_RESENDS:  # it may be the reason
                self._refuse(call, _lost(call.resends, str(broken)))
        except ModeldError as error:
            self._refuse(call, error)
        except Exception as defect:  # noqa: BLE001  # callers must not wait for a dead thread
            self._refuse(call, InternalError(f"{type(defect).__name__}: {defect}"))

    def _refuse(self, call: PendingCall, error: ModeldError) -> None:
        with self._lock, contextlib.suppress(ValueError):
            self._waiting.remove(call)
        call.mailbox.put(error)

    def _give_up(self, error: ModeldError) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, deque()
        for call in waiting:
            call.mailbox.put(copy.copy(error))

    def _connected(self) -> Link:
        """The live link; finds or starts the daemon if there is none."""
        with self._lock:
            link = self._link
            if link is not None and link.alive and not link.draining:
                return link
        deadline = time.monotonic() + SUCCESSOR_SECONDS
        failures = 0
        while True:
            endpoint = find_or_start()
            try:
                return self._connect(endpoint)
            except LinkBroken as broken:
                failures += 0 if broken.draining else 1
                if failures > MOST_RESENDS or time.monotonic() > deadline:
                    raise DaemonUnavailable(
                        f"cannot connect to the daemon at {endpoint.target}: {broken}"
                    ) from None
                time.sleep(0.02 if broken.draining else 0.01 * 2**failures)

    def _connect(self, endpoint: Endpoint) -> Link:
        with connecting:
            link = Link(endpoint.target, endpoint.token, self.on_frame, self.on_broken)
            link.open()
        with self._lock:
            self._link = link
            self._links.add(link)
        return link

    def _ask(self, link: Link, kind: str, payload: bytes) -> Any:
        """One request on one link, for the worker alone."""
        mailbox = SyncMailbox()
        call = PendingCall(kind, payload, None, mailbox)
        with self._lock:
            if not link.alive:
                raise LinkBroken("the link broke")
            call.id = next(self._ids)
            call.link = link
            call.resends = MOST_RESENDS  # never sent again: the handle is for this link alone
            self._calls[call.id] = call
            link.send_call(call, "")
        link.pump()
        answer = mailbox.get()
        if isinstance(answer, DaemonUnavailable):
            raise LinkBroken(answer.message)
        if isinstance(answer, ModeldError):
            raise answer
        return answer

    # For models

    def open_model(self, model: RemoteModel) -> None:
        """Opens a model and waits for it; raises what is wrong with it."""
        mailbox = SyncMailbox()
        call = PendingCall(OPEN, b"", model, mailbox)
        with self._lock:
            call.id = next(self._ids)
            self._hand_to_worker(call)
        answer = mailbox.get()
        if isinstance(answer, Exception):
            raise answer

    def close_model(self, model: RemoteModel) -> None:
        """Gives the model's lease back; a later call opens it again."""
        link = self._give_back(model)
        if link is not None:
            link.pump()

    def _give_back(self, model: RemoteModel) -> Link | None:
        with self._lock:
            link, model.link = model.link, None
            if link is not None and link.alive:
                body = CloseModelRequest(handle=model.handle).SerializeToString()
                link.send(pb.ClientFrame(call_id=next(self._ids), close_model=body))
            return link

    def before_fork(self) -> None:
        """Hides the channels from grpc, whose handler in the child would wait for locks that a
        thread of the parent may hold at the moment of the fork.
        """
        for link in list(self._links):
            link.hide_from_fork()

    def after_fork_in_parent(self) -> None:
        """Shows the channels again."""
        for link in list(self._links):
            link.show_to_fork()

    def after_fork_in_child(self) -> None:
        """Keeps everything of the parent for ever: closing it would wait for the same locks."""
        for link in list(self._links):
            link.keep_for_ever()

    def close(self) -> None:
        """Ends every session of this process."""
        with self._lock:
            self._closed = True
            links, self._links, self._link = self._links, set(), None
        for link in links:
            link.close()


def _lost(times: int, reason: str) -> DaemonUnavailable:
    return DaemonUnavailable(
        f"the connection to the daemon was lost {times} times during this call ({reason})"
    )
