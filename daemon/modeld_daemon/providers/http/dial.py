"""From an origin to a connection: DNS, TCP, the proxy's tunnel, TLS, and what can fail there."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from typing import Any, cast

from modeld.errors import ProviderUnavailable

from .connection import Connection
from .endpoint import Origin
from .proxy import Proxy

try:
    import truststore  # the certificate stores of macOS and Windows, as the SDKs use them
except ImportError:
    truststore = None  # type: ignore[assignment]

__all__ = ["dial", "tls_context"]

_EYEBALLS_DELAY = 0.25  # RFC 8305, section 8
_MAX_PROXY_ANSWER = 64 * 1024


def tls_context(environment: Mapping[str, str]) -> ssl.SSLContext:
    """The verifying context that the vendor SDKs make, for the caller's session.

    SSL_CERT_FILE and SSL_CERT_DIR win; then the system's store. Reads files: call it in a thread.
    """
    cafile, capath = environment.get("SSL_CERT_FILE"), environment.get("SSL_CERT_DIR")
    if cafile or capath:
        context = ssl.create_default_context(cafile=cafile or None, capath=capath or None)
    else:
        context = _system_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _system_context() -> ssl.SSLContext:
    if truststore is None:
        return ssl.create_default_context()
    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


async def dial(
    origin: Origin, proxy: Proxy | None, tls: ssl.SSLContext | None, seconds: float, provider: str
) -> Connection:
    """Connects; `ProviderUnavailable` names the address and what failed."""
    where = (
        f"{origin}" if proxy is None else f"{origin} through the proxy {proxy.host}:{proxy.port}"
    )
    try:
        async with asyncio.timeout(seconds):
            return await (_direct(origin, tls) if proxy is None else _proxied(origin, proxy, tls))
    except TimeoutError:
        problem = f"no connection to {where} within {seconds:g} s"
    except socket.gaierror as error:
        problem = f"cannot find the address of {where}: {error.strerror or error}"
    except ssl.SSLCertVerificationError as error:
        problem = f"the certificate of {where} is not trusted: {error.verify_message}"
    except ssl.SSLError as error:
        problem = f"TLS with {where} failed: {error.reason or error}"
    except OSError as error:
        problem = f"cannot connect to {where}: {error.strerror or error}"
    except UnicodeError:
        problem = f"{origin.host!r} is no host name"
    raise ProviderUnavailable(
        f"{problem[0].upper()}{problem[1:]}", provider=provider, phase="connect"
    )


async def _direct(origin: Origin, tls: ssl.SSLContext | None) -> Connection:
    loop = asyncio.get_running_loop()
    options: dict[str, Any] = {"ssl": tls}
    if tls is not None:
        options["server_hostname"] = origin.host
    # uvloop tries addresses one by one; for a single address the race only costs time.
    if isinstance(loop, asyncio.BaseEventLoop) and not _is_address(origin.host):
        options["happy_eyeballs_delay"] = _EYEBALLS_DELAY
    _, connection = await loop.create_connection(Connection, origin.host, origin.port, **options)
    return connection


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


async def _proxied(origin: Origin, proxy: Proxy, tls: ssl.SSLContext | None) -> Connection:
    if tls is None:  # plain requests name the whole URL and need no tunnel
        return await _direct(Origin("http", proxy.host, proxy.port), None)
    loop = asyncio.get_running_loop()
    transport, tunnel = await loop.create_connection(_Tunnel, proxy.host, proxy.port)
    try:
        await tunnel.open(origin, proxy)
        connection = Connection()
        secure = await loop.start_tls(transport, connection, tls, server_hostname=origin.host)
    except BaseException:
        transport.abort()
        raise
    if secure is None:
        raise ConnectionResetError("the proxy closed the tunnel")
    connection.connection_made(secure)
    return connection


class _Tunnel(asyncio.Protocol):
    """Asks a proxy for a tunnel (RFC 9110, section 9.3.6)."""

    def __init__(self) -> None:
        self._answer = b""
        self._done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    async def open(self, origin: Origin, proxy: Proxy) -> None:
        lines = [f"CONNECT {origin} HTTP/1.1".encode(), f"host: {origin}".encode()]
        if proxy.authorization:
            lines.append(b"proxy-authorization: " + proxy.authorization)
        self._transport.write(b"\r\n".join([*lines, b"", b""]))
        status_line = await self._done
        words = status_line.split(maxsplit=2)
        if len(words) < 2 or not words[1].startswith(b"2"):
            raise ConnectionRefusedError(f"the proxy answered {status_line.decode('latin-1')!r}")

    def data_received(self, data: bytes) -> None:
        self._answer += data
        complete = b"\r\n\r\n" in self._answer
        if (complete or len(self._answer) > _MAX_PROXY_ANSWER) and not self._done.done():
            self._done.set_result(self._answer.partition(b"\r\n")[0])

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        if not self._done.done():
            self._done.set_exception(ConnectionResetError("the proxy closed the connection"))
