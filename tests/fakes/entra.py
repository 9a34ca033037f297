"""Microsoft Entra ID and a machine's endpoint of identities, as small servers of a test's own.

azure-identity wants TLS of whoever gives tokens, so the authority has a certificate made on the
spot, which the session trusts by SSL_CERT_FILE.
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tests.fakes.exact_server import Seen, serving
from tests.fakes.tls import Certificate, server_tls

__all__ = ["Authority", "authority", "headers_of", "http"]

Form = dict[str, str]


def http(status: int, body: Any, seen: Seen | None = None) -> bytes:
    """An answer; to a request that is given, it ends the connection as was asked for there."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(data)}"
    if seen is not None:
        assert headers_of(seen)["connection"] == "close"
        head += "\r\nconnection: close"
    return f"{head}\r\n\r\n".encode() + data


def headers_of(seen: Seen) -> dict[str, str]:
    lines = seen.head.decode().split("\r\n")[1:-2]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def gives(form: Form, number: int) -> tuple[int, Any]:
    """A token that says whose it is."""
    token = f"token-{form['client_id']}-{number}"
    return 200, {"token_type": "Bearer", "expires_in": 3599, "access_token": token}


@dataclass
class Authority:
    """What was asked for tokens, and how it is reached."""

    environment: dict[str, str]
    asked: list[Form] = field(default_factory=list)
    tenants: list[str] = field(default_factory=list)


@asynccontextmanager
async def authority(
    certificate: Certificate, answer: Callable[[Form, int], tuple[int, Any]] = gives
) -> AsyncIterator[Authority]:
    """An authority that answers each request for a token as the test says."""

    async def say(seen: Seen) -> None:
        method, path, _ = seen.head.decode().split(" ", 2)
        tenant = path.split("/")[1]
        root = f"https://localhost:{server.port}/{tenant}"
        if method == "GET":
            assert path.endswith("/v2.0/.well-known/openid-configuration"), path
            places = {
                "issuer": f"{root}/v2.0",
                "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
                "token_endpoint": f"{root}/oauth2/v2.0/token",
            }
            seen.writer.write(http(200, places, seen))
            return
        assert path.endswith("/oauth2/v2.0/token"), path
        form = dict(parse_qsl(seen.body.decode()))
        there.asked.append(form)
        there.tenants.append(tenant)
        seen.writer.write(http(*answer(form, len(there.asked)), seen))

    async with serving(say, ssl=server_tls(certificate)) as server:
        url = f"https://localhost:{server.port}"
        there = Authority({"AZURE_AUTHORITY_HOST": url, "SSL_CERT_FILE": certificate[0]})
        yield there
