"""Microsoft Entra ID where there is no key: tokens of the caller's session. Imports no SDK.

https://learn.microsoft.com/azure/ai-foundry/openai/how-to/managed-identity
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from modeld.errors import PrerequisiteError

from ...core.ports import Connection, Row
from ..http.dial import tls_context

if TYPE_CHECKING:
    from .credentials import Tokens

__all__ = ["ENTRA_CREDENTIALS", "ENTRA_VARIABLES", "Entra", "check_entra", "find_entra"]

ENTRA_VARIABLES = (
    *("AZUREAI_AUDIENCE", "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"),
    *("AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_CLIENT_CERTIFICATE_PASSWORD"),
    *("AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST", "AZURE_REGIONAL_AUTHORITY_NAME"),
    *("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_POD_IDENTITY_AUTHORITY_HOST"),
)
"""What the chain of credentials reads of a session."""
ENTRA_CREDENTIALS = (
    *("AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_FEDERATED_TOKEN_FILE"),
)
"""Those of them that show that there are credentials."""

_SCOPE = "https://cognitiveservices.azure.com/.default"


def check_entra(row: Row, connection: Connection) -> None:
    """Raises where the row takes tokens, there is no key, and azure-identity is missing."""
    if connection.api_key is not None or not row.quirks.get("entra"):
        return
    with suppress(ModuleNotFoundError):  # there may be no package azure at all
        if importlib.util.find_spec("azure.identity") is not None:
            return
    keys = " or ".join(row.key_variables)
    raise PrerequisiteError(
        f"No API key for {row.name}: set {keys}. Without one, Microsoft Entra ID is asked, which "
        "requires the optional package azure-identity. Install with: pip install 'modeld[azure]'",
        provider=row.name,
    )


def find_entra(row: Row, connection: Connection) -> Entra | None:
    """The tokens of a connection; None where a key is sent, or the row takes no tokens."""
    if connection.api_key is not None or not row.quirks.get("entra"):
        return None
    return Entra(row, connection.environment)


class Entra:
    """A `Signing` with bearer tokens. They are fetched in a thread, by one caller for all.

    Args:
        row: The provider's row.
        environment: Variables of the caller's session.
    """

    def __init__(self, row: Row, environment: Mapping[str, str]) -> None:
        self._row = row
        self._environment = environment
        self._lock = asyncio.Lock()
        self._tokens: Tokens | None = None

    async def headers(self, method: str, url: str, body: bytes) -> Mapping[str, str]:  # noqa: ARG002
        """The header with a token that lasts."""
        return {"authorization": f"Bearer {await self._token(None)}"}

    async def renewed(self, refused: Mapping[str, str]) -> Mapping[str, str] | None:
        """The header with another token: the one that a server has refused may be revoked."""
        spent = refused["authorization"].removeprefix("Bearer ")
        token = await self._token(spent)
        return None if token == spent else {"authorization": f"Bearer {token}"}

    async def _token(self, spent: str | None) -> str:
        if token := self._lasting(spent):
            return token
        async with self._lock:
            if token := self._lasting(spent):  # another caller has fetched it
                return token
            return await asyncio.to_thread(self._fetch, spent)

    def _lasting(self, spent: str | None) -> str | None:
        token = self._tokens.fresh if self._tokens is not None else None
        return None if token == spent else token

    def _fetch(self, spent: str | None) -> str:
        """In a thread: azure-identity takes a good part of a second to import."""
        if self._tokens is None:
            module = importlib.import_module(".credentials", __package__)
            environment = self._environment
            self._tokens = module.Tokens(
                self._row.name,
                self._row.key_variables,
                environment,
                environment.get("AZUREAI_AUDIENCE") or _SCOPE,
                tls_context(environment),
            )
        return self._tokens.fetch(spent)
