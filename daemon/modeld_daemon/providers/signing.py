"""How a request says who asks, where a key in the prepared head does not: a token, or a signature."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

__all__ = ["Signing"]


class Signing(Protocol):
    """Gives each request its proof, as the principal of one caller's session."""

    async def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """Headers that prove it for this request; they are renewed in time.

        Raises `PrerequisiteError` where there are no credentials, `AuthenticationError` where they
        are refused, and `ProviderUnavailable` where whoever gives tokens is not reached.
        """
