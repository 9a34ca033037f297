"""The daemon's end of an engine's socket, on the running event loop.

Callbacks instead of tasks: whatever happens to an engine is one synchronous step, and nobody has
to own a reading task.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from .frames import BadFrame, FrameReader, encode
from .words import JsonObject

_CHUNK = 1 << 18


class Link:
    """Sends and receives messages without ever blocking.

    Args:
        sock: A connected stream socket; the link owns it.
        on_message: Called with each message.
        on_end: Called once with the reason when the other end is gone or makes no sense; not
            after `close`.
    """

    def __init__(
        self,
        sock: socket.socket,
        on_message: Callable[[JsonObject], None],
        on_end: Callable[[str], None],
    ) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._on_message = on_message
        self._on_end = on_end
        self._reader = FrameReader()
        self._unsent = bytearray()
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock, self._read)

    def send(self, message: JsonObject) -> None:
        """Sends a message, now or as soon as the other end reads."""
        if self._closed:
            return
        waiting = bool(self._unsent)
        self._unsent += encode(message)
        if not waiting:
            self._write()
            if self._unsent:
                self._loop.add_writer(self._sock, self._flush)

    def close(self) -> None:
        """Closes the socket; what is not sent is lost."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._sock)
        self._loop.remove_writer(self._sock)
        self._sock.close()

    def _write(self) -> None:
        try:
            sent = self._sock.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:
            # The reading side will see the end too, after what was still under way to us.
            self._unsent.clear()
            return
        del self._unsent[:sent]

    def _flush(self) -> None:
        self._write()
        if not self._unsent:
            self._loop.remove_writer(self._sock)

    def _read(self) -> None:
        try:
            data = self._sock.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end("closed its connection")
            return
        try:
            for message in self._reader.feed(data):
                self._on_message(message)
                if self._closed:
                    return
        except BadFrame as error:
            self._end(f"sent {error}")

    def _end(self, reason: str) -> None:
        self.close()
        self._on_end(reason)
