"""Server-sent events, read from bytes as they come.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
The stream may be cut anywhere, also between CR and LF or inside a UTF-8 character: the parser
works on bytes and splits at line ends alone.
"""

from __future__ import annotations

from typing import TypeAlias

__all__ = ["Event", "EventParser"]

Event: TypeAlias = tuple[bytes, bytes]
"""Name (empty when the server gives none) and data."""

_BOM = b"\xef\xbb\xbf"


class EventParser:
    """Turns pieces of a stream into events."""

    __slots__ = ("_after_cr", "_data", "_name", "_start", "_tail")

    def __init__(self) -> None:
        self._tail: list[bytes] = []
        self._data: list[bytes] = []
        self._name = b""
        self._after_cr = False
        self._start = True

    def feed(self, piece: bytes) -> list[Event]:
        """The events that this piece completes."""
        if self._after_cr and piece:
            self._after_cr = False
            if piece[0] == 10:  # the LF of a CRLF whose CR ended the last piece
                piece = piece[1:]
        if not piece or (b"\n" not in piece and b"\r" not in piece):
            if piece:
                self._tail.append(piece)
            return []
        if self._tail:
            self._tail.append(piece)
            piece = b"".join(self._tail)
            self._tail.clear()
        if self._start:
            self._start = False
            piece = piece.removeprefix(_BOM)
        lines = piece.splitlines()
        if piece[-1] == 13:
            self._after_cr = True
        elif piece[-1] != 10:
            self._tail.append(lines.pop())
        return self._events(lines)

    def finish(self) -> list[Event]:
        """The last event of a server that forgot the blank line after it."""
        rest = b"".join(self._tail)
        self._tail.clear()
        return self._events([rest, b""])

    def _events(self, lines: list[bytes]) -> list[Event]:
        events: list[Event] = []
        for line in lines:
            if line[:5] == b"data:":
                self._data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif not line:
                if self._data:
                    data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
                    events.append((self._name, data))
                    self._data.clear()
                self._name = b""
            else:
                self._other_field(line)
        return events

    def _other_field(self, line: bytes) -> None:
        """Comments (an empty name), `id` and `retry` are for reconnecting, which nobody does."""
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            self._name = value
        elif name == b"data":
            self._data.append(value)
