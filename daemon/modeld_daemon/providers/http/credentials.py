"""Keys and tokens of a request, and how they are cut out of its answer.

Some servers echo the key: in a message of an error, in a header, in a member that nobody reads.
What a request carries in its head is known here, so no dialect has to think of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["Cutter", "credentials_in"]

_NAMES = re.compile("auth|key|token|secret|password|cookie")
_SHORTEST = 12
"""Bytes. What stands for a key where none is needed ("EMPTY", "none", "ollama") is a word that
answers use; real keys are longer.
"""
_INSTEAD = b"***"


def credentials_in(headers: Iterable[tuple[str, str]]) -> tuple[bytes, ...]:
    """The credentials that headers hold, without their schemes; the longest first."""
    found = {
        value.strip().rpartition(" ")[2].encode("utf-8", "replace")
        for name, value in headers
        if _NAMES.search(name.lower())
    }
    return tuple(sorted((one for one in found if len(one) >= _SHORTEST), key=len, reverse=True))


class Cutter:
    """Cuts credentials out of one answer."""

    __slots__ = ("_credentials", "_held")

    def __init__(self, credentials: tuple[bytes, ...]) -> None:
        self._credentials = credentials
        self._held = b""

    def cut(self, data: bytes) -> bytes:
        """The bytes without credentials."""
        for credential in self._credentials:
            if credential in data:
                data = data.replace(credential, _INSTEAD)
        return data

    def cut_text(self, text: str) -> str:
        """The text without credentials."""
        return self.cut(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

    def cut_headers(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """The headers without credentials."""
        return [(self.cut(name), self.cut(value)) for name, value in headers]

    def feed(self, piece: bytes) -> bytes:
        """The bytes of a stream that are certain now: an end that may be the beginning of a
        credential waits for what follows it. Lines never wait, since no credential has their ends.
        """
        data = self.cut(self._held + piece)
        self._held = b""
        if data.endswith(b"\n"):
            return data
        size = max((_overlap(data, one) for one in self._credentials), default=0)
        if size:
            data, self._held = data[:-size], data[-size:]
        return data

    def finish(self) -> bytes:
        """What still waits when the stream has ended."""
        held, self._held = self._held, b""
        return held


def _overlap(data: bytes, credential: bytes) -> int:
    """The bytes at the end of the data with which the credential begins."""
    for size in range(min(len(data), len(credential) - 1), 0, -1):
        if data.endswith(credential[:size]):
            return size
    return 0
