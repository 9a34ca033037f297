"""How a request says who asks, where a key in the prepared head does not: a token, or a signature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from .http.endpoint import Renew

__all__ = ["Proof", "Signing", "proof_of", "prove"]


class Signing(Protocol):
    """Gives each request its proof, as the principal of one caller's session."""

    async def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """Headers that prove it for this request; they are renewed in time.

        Raises `PrerequisiteError` where there are no credentials, `AuthenticationError` where they
        are refused, and `ProviderUnavailable` where whoever gives tokens is not reached.
        """

    async def renewed(self, refused: Mapping[str, str]) -> Mapping[str, str] | None:
        """Other headers than those that a server has refused; None where there are none.

        Raises as `headers` does.
        """


@dataclass(frozen=True, slots=True)
class Proof:
    """What is added to the prepared head of one request."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    renew: Renew | None = None
    """Gives other headers where a server refuses these; None where there are none."""


async def prove(
    signing: Signing | None,
    method: str,
    url: str,
    body: bytes = b"",
    own: Mapping[str, str] | None = None,
) -> Proof:
    """The proof of one request, nothing where there is no signing.

    Args:
        signing: Who gives it.
        method: The request's method.
        url: The request's URL.
        body: The request's body, which may be signed.
        own: The caller's own headers, which win.
    """
    if signing is None:
        return Proof()
    headers = await signing.headers(method, url, body)
    return proof_of(headers, partial(signing.renewed, headers), own)


def proof_of(headers: Mapping[str, str], renew: Renew, own: Mapping[str, str] | None) -> Proof:
    """These headers; what the caller's own headers say in their place is not renewed."""
    replaced = headers.keys() & {name.lower() for name in own or ()}
    return Proof(headers, None if replaced else renew)
