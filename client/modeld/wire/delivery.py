"""Which messages of a session have arrived: the counting that lets a session outlive its stream.

Both sides do the same, as in XMPP's stream management (XEP-0198). Each message with frames has a
number, from 1, that is never written: both sides count. A sender keeps a message until the other
side says that it has received that many. It is said on every message that goes that way anyway,
and on one of its own only when the other side asks for it (`acknowledge`), which it does when what
it keeps has grown. After a break each side says how many it has received, and the other one sends
the rest again.

What is kept is bounded: a peer that never says what it has received loses the right to resume, not
its session. A message that breaks each stream it is sent over is sent a few times only.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

__all__ = ["RESUME", "Delivery", "Impossible"]

RESUME = "resume"
"""The capability."""
KEPT_BYTES = 64 * 1024 * 1024
KEPT_MESSAGES = 10_000
"""What is kept at most."""
ASK_BYTES = 256 * 1024
ASK_MESSAGES = 64
"""What is sent before the other side is asked what it has received."""
MOST_FRUITLESS = 3
"""Resumes in a row with the same message at the head of what is sent again."""

M = TypeVar("M")


class Impossible(Exception):
    """The other side says that it has received what was never sent."""


class Delivery(Generic[M]):
    """The messages of one session, both ways. One thread may send while another one receives."""

    __slots__ = (
        "_asked_bytes", "_asked_messages", "_fruitless", "_head", "_kept", "_lock", "confirmed",
        "given_up", "kept_bytes", "received", "sent", "sent_bytes",
    )  # fmt: skip

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[tuple[M, int]] = deque()
        self._asked_messages = self._asked_bytes = 0
        self._head = -1
        self._fruitless = 0
        self.sent = 0
        """Messages sent."""
        self.sent_bytes = 0
        self.confirmed = 0
        """Messages that the other side has received, as far as is known."""
        self.kept_bytes = 0
        self.received = 0
        """Messages received; raised by whoever receives them."""
        self.given_up = False
        """Whether too much had to be kept: the session cannot be resumed."""

    @property
    def kept(self) -> int:
        """Messages that are kept."""
        return len(self._kept)

    @property
    def stuck(self) -> bool:
        """Whether one message breaks each stream that it is sent over."""
        return self._fruitless > MOST_FRUITLESS

    def keep(self, message: M, size: int) -> None:
        """Counts a message of `size` bytes that is about to be sent, and keeps it."""
        with self._lock:
            self.sent += 1
            self.sent_bytes += size
            if self.given_up:
                return
            self._kept.append((message, size))
            self.kept_bytes += size
            if self.kept_bytes > KEPT_BYTES or len(self._kept) > KEPT_MESSAGES:
                self._give_up()

    def _give_up(self) -> None:
        self.given_up = True
        self._kept.clear()
        self.kept_bytes = 0

    def asks(self) -> bool:
        """Whether the message about to be sent should ask what has been received."""
        if (
            self.sent - self._asked_messages < ASK_MESSAGES
            and self.sent_bytes - self._asked_bytes < ASK_BYTES
        ):
            return False
        self._asked_messages, self._asked_bytes = self.sent, self.sent_bytes
        return True

    def confirm(self, received: int) -> None:
        """The other side has received so many. A lower number than before says nothing."""
        if received <= self.confirmed:
            return
        if received > self.sent:
            raise Impossible(f"{received} messages received, {self.sent} sent")
        with self._lock:
            for _ in range(min(received - self.confirmed, len(self._kept))):
                self.kept_bytes -= self._kept.popleft()[1]
            self.confirmed = received

    def missing(self, received: int) -> list[M]:
        """At a resume: what the other side, which has received so many, has not got."""
        if received < self.confirmed or self.given_up:
            raise Impossible(f"only {received} messages received, and others are gone")
        self.confirm(received)
        with self._lock:
            if not self._kept or self._head != self.confirmed:
                self._fruitless = 0
            else:
                self._fruitless += 1
            self._head = self.confirmed
            return [message for message, _ in self._kept]
