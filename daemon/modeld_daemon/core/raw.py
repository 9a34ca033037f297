"""What goes to a provider and comes back, word for word, for a caller who asks for it.

It is put into logs: credentials are cut out by whoever knows them (the HTTP client), media here.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence

from modeld.types import JsonObject, JsonValue

__all__ = ["Raw"]

MOST_BYTES = 16 * 1024 * 1024
"""Of an answer that are kept."""
_MEDIA = re.compile(r"(data:[\w.+/-]+;base64,)?[A-Za-z0-9+/_=-]{2048,}")
_REMOVED = "<base64 data removed>"
_OK, _ERRORS = 200, 400


class Raw:
    """The exchange that is under way, or was the last."""

    __slots__ = ("_began", "_pieces", "_request", "_seconds", "_size", "_status", "_type")

    def __init__(self) -> None:
        self._request: bytes | None = None

    def asked(self, body: bytes) -> None:
        """A request goes out; what was there of an earlier one is forgotten."""
        self._request = body
        self._began = time.monotonic()
        self._seconds = 0.0
        self._status, self._type = 0, ""
        self._pieces: list[bytes] = []
        self._size = 0

    def answered(self, status: int, media_type: str) -> None:
        """The head of the answer is here, or that of a later one to the same request."""
        self._status, self._type = status, media_type
        self._pieces, self._size = [], 0
        self._seconds = time.monotonic() - self._began

    def came(self, piece: bytes) -> None:
        """More of the answer's body."""
        self._seconds = time.monotonic() - self._began
        self._size += len(piece)
        if self._size <= MOST_BYTES:
            self._pieces.append(piece)

    def asked_engine(self, requests: Sequence[JsonObject]) -> None:
        """As `asked`, of an engine in a process of its own."""
        self.asked(json.dumps({"requests": requests}).encode())

    def engine_answered(self, results: Sequence[JsonObject]) -> None:
        """The whole answer of an engine."""
        self.answered(_OK, "application/json")
        self.came(json.dumps({"results": results}).encode())

    def call(self) -> JsonObject | None:
        """The exchange as a `ModelCall` has it; None when nothing was asked of a server."""
        if self._request is None:
            return None
        call: JsonObject = {"request": _object(_json(self._request)), "time": self._seconds}
        if self._status:
            call["response"] = self._response()
        if self._status >= _ERRORS:
            call["error"] = True
        return call

    def _response(self) -> JsonObject:
        if self._size > MOST_BYTES:
            return {"omitted": f"{self._size} bytes of {self._type}"}
        body = b"".join(self._pieces)
        if "amazon.eventstream" in self._type:  # frames that are no text
            return {"omitted": f"{self._size} bytes of {self._type}"}
        if "event-stream" in self._type:
            said = (line[5:].strip() for line in body.splitlines() if line.startswith(b"data:"))
            return {"events": [_json(data) for data in said]}
        return _object(_json(body))


def _object(value: JsonValue) -> JsonObject:
    if isinstance(value, dict):
        return value
    return {"text": value} if isinstance(value, str) else {"value": value}


def _json(text: bytes) -> JsonValue:
    try:
        return _without_media(json.loads(text, parse_constant=str))
    except (ValueError, RecursionError):
        return text.decode("utf-8", "replace")


def _without_media(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return _REMOVED if _MEDIA.fullmatch(value) else value
    if isinstance(value, list):
        return [_without_media(item) for item in value]
    if isinstance(value, dict):
        return {name: _without_media(item) for name, item in value.items()}
    return value
