"""Compressed bodies, decoded as they come and never beyond a bound."""

from __future__ import annotations

import zlib

__all__ = ["Inflater", "TooLarge"]

_ANY_HEADER = 47  # zlib or gzip, told apart by their first bytes
_NO_HEADER = -15  # what some servers call deflate


class TooLarge(Exception):
    """The body is longer than the bound."""


class Inflater:
    """Decodes one body; `ValueError` where it cannot."""

    __slots__ = ("_decoder", "_encoding", "_fresh")

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding.strip().lower()
        self._decoder = zlib.decompressobj(_ANY_HEADER)
        self._fresh = True

    @property
    def complete(self) -> bool:
        """Whether the end of the compressed data was there (or nothing at all)."""
        return self._decoder.eof or self._fresh

    def feed(self, data: bytes, limit: int) -> bytes:
        """The decoded bytes of this piece."""
        if self._encoding not in ("gzip", "x-gzip", "deflate"):
            raise ValueError(f"its content-encoding {self._encoding!r} was not asked for")
        try:
            decoded = self._decode(data, limit)
        except zlib.error as error:
            raise ValueError(f"its {self._encoding} body is broken: {error}") from None
        if self._decoder.unconsumed_tail:
            raise TooLarge(f"its decoded body is longer than {limit} bytes")
        return decoded

    def _decode(self, data: bytes, limit: int) -> bytes:
        fresh, self._fresh = self._fresh, False
        try:
            return self._decoder.decompress(data, limit + 1)
        except zlib.error:
            if not fresh or self._encoding != "deflate":
                raise
            self._decoder = zlib.decompressobj(_NO_HEADER)
            return self._decoder.decompress(data, limit + 1)
