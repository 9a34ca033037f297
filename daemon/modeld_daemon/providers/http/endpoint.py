"""Where a request goes, and all of its head that does not change from call to call."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import urlsplit

from modeld.errors import InvalidRequest

from .credentials import credentials_in

__all__ = ["Endpoint", "Origin", "Renew", "parse_url"]

Renew: TypeAlias = Callable[[], Awaitable[Mapping[str, str] | None]]
"""Gives other headers in place of a proof that a server refuses; None where there are none."""

# The client writes these itself; a caller's own would break the framing.
_OWN = frozenset(
    [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "accept-encoding",
        "te",
        "upgrade",
        "keep-alive",
        "proxy-authorization",
        "expect",
        "trailer",
    ]
)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BAD_VALUE = re.compile(r"[\r\n\0\ud800-\udfff]")  # JSON may hold halves of letters
_HOST = re.compile(r"[A-Za-z0-9._:%-]+")
_TARGET = re.compile(r"[!-~]+")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: what a connection belongs to."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A prepared request: all but the body and its length."""

    origin: Origin
    target: bytes
    head: bytes = field(repr=False)  # holds credentials
    credentials: tuple[bytes, ...] = field(default=(), repr=False)
    """Those that the head holds: an answer that echoes them is told without."""
    renewed: Callable[[], Awaitable[Endpoint | None]] | None = field(
        default=None, repr=False, compare=False
    )
    """The same with a renewed proof, for a request that was refused; None where it cannot be."""

    @classmethod
    def make(
        cls,
        method: str,
        url: str,
        headers: Iterable[tuple[str, str]],
        renew: Renew | None = None,
    ) -> Endpoint:
        """Prepares requests to a URL; of headers that come twice the last one counts."""
        try:
            origin, target = parse_url(url)
            request_line = f"{method} {target} HTTP/1.1".encode("ascii")
        except (UnicodeError, ValueError) as error:
            raise InvalidRequest(f"{url!r} cannot be used as a URL: {error}") from None
        headers = list(headers)
        default_port = origin.port == _PORTS[origin.scheme]
        host = str(origin).rpartition(":")[0] if default_port else str(origin)
        lines = [request_line, b"host: " + host.encode()]
        lines += _header_lines(headers)
        lines.append(b"accept-encoding: gzip, deflate")

        async def renewed() -> Endpoint | None:
            more = await renew() if renew is not None else None
            return None if more is None else cls.make(method, url, [*headers, *more.items()])

        return cls(
            origin,
            target.encode(),
            b"\r\n".join(lines),
            credentials_in(headers),
            None if renew is None else renewed,
        )

    def bytes_for(self, body: bytes) -> bytes:
        """The head of a request with this body."""
        return b"%s\r\ncontent-length: %d\r\n\r\n" % (self.head, len(body))


def parse_url(url: str) -> tuple[Origin, str]:
    """Where a URL leads, and the target there. Raises `ValueError`, which says what is wrong."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("it must be http://host or https://host")
    host = parts.hostname
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not _HOST.fullmatch(host) or not _TARGET.fullmatch(target):
        raise ValueError("it has characters that must be escaped")
    return Origin(parts.scheme, host, parts.port or _PORTS[parts.scheme]), target


def _header_lines(headers: Iterable[tuple[str, str]]) -> list[bytes]:
    lines: dict[str, bytes] = {}
    for name, value in headers:
        key = name.lower()
        if key in _OWN:
            continue
        if not _NAME.fullmatch(name) or _BAD_VALUE.search(value):
            raise InvalidRequest(f"{name!r} is no valid HTTP header")
        lines[key] = f"{key}: {value}".encode()
    return list(lines.values())
