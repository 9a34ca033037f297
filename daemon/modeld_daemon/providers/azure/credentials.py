"""Tokens of Microsoft Entra ID, by azure-identity.

Everything here may block: it is called in a thread, and imported there. azure-identity's usual chain
looks into the variables of its own process, asks developers' programs for tokens and keeps them in
files; here it is the caller's session whose variables count, the daemon runs no commands for others,
and tokens stay in memory. So the chain is put together link by link, in the usual order: a client's
secret or certificate, the identity of a workload, that of the machine.
https://learn.microsoft.com/azure/developer/python/sdk/authentication/credential-chains
"""

from __future__ import annotations

import re
import ssl
import threading
import time
from collections.abc import Mapping
from typing import Any, Protocol

from azure.core.credentials import AccessTokenInfo
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.identity import (
    CertificateCredential,
    ClientSecretCredential,
    CredentialUnavailableError,
    WorkloadIdentityCredential,
)

from modeld.errors import (
    AuthenticationError,
    ModeldError,
    PrerequisiteError,
    ProviderUnavailable,
)

from ..http.credentials import Cutter
from .managed import ManagedIdentity
from .transport import SessionTransport

__all__ = ["Tokens"]

_PUBLIC = "login.microsoftonline.com"
_PROOF = re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*")
"""A JSON web token, such as the assertions by which a client proves itself."""
_MARGIN = 300
"""Seconds before its end from which on a token is renewed: azure-identity's own margin."""


class Credential(Protocol):
    """What gives tokens: azure-identity's credentials, and `ManagedIdentity`."""

    def get_token_info(self, *scopes: str) -> AccessTokenInfo:
        """A token that lasts."""


class Tokens:
    """The token of one principal, fetched when there is none that lasts. Safe to share by threads.

    Args:
        provider: Name of the provider, for errors.
        keys: Variables of its API key, for errors.
        environment: Variables of the caller's session.
        scope: What the token is for.
        tls: How servers are trusted.
    """

    def __init__(
        self,
        provider: str,
        keys: tuple[str, ...],
        environment: Mapping[str, str],
        scope: str,
        tls: ssl.SSLContext,
    ) -> None:
        self._provider = provider
        self._keys = keys
        self._scope = scope
        self._secrets = Cutter(_secrets(environment))
        self._lock = threading.Lock()
        self._held: AccessTokenInfo | None = None
        self._environment, self._tls = environment, tls
        self._credential = self._find_credential()

    def __repr__(self) -> str:
        return f"Tokens({self._provider!r}, {type(self._credential).__name__})"

    @property
    def fresh(self) -> str | None:
        """The token, if it lasts some minutes more. Does not block."""
        held = self._held
        return held.token if held is not None and held.expires_on - time.time() > _MARGIN else None

    def fetch(self, spent: str | None = None) -> str:
        """A token that lasts, and is no more `spent`, which a server has refused, if there is
        another.
        """
        with self._lock:
            token = self.fresh
            if token is None or token == spent:
                if token is not None:  # the credential remembers it too, and would give it again
                    self._credential = self._find_credential()
                try:
                    self._held = self._credential.get_token_info(self._scope)
                except (AzureError, ValueError, OSError) as error:
                    raise self._failure(error) from None
                token = self._held.token
            return token

    def _find_credential(self) -> Credential:
        try:
            return _find(self._environment, SessionTransport(self._environment, self._tls))
        except (AzureError, ValueError, OSError) as error:
            raise self._failure(error) from None

    def _failure(self, error: Exception) -> ModeldError:
        told = _PROOF.sub("***", self._secrets.cut_text(str(error)))
        if isinstance(error, CredentialUnavailableError):
            *others, last = self._keys
            keys = f"{', '.join(others)} or {last}" if others else last
            return PrerequisiteError(
                f"No API key and no credentials for {self._provider}: set {keys}; or AZURE_TENANT_ID "
                "and AZURE_CLIENT_ID with AZURE_CLIENT_SECRET, AZURE_CLIENT_CERTIFICATE_PATH or "
                f"AZURE_FEDERATED_TOKEN_FILE. {told} (A login of the program az is not used: the "
                "daemon runs no commands for others.)",
                provider=self._provider,
            )
        trouble = ServiceRequestError | ServiceResponseError
        if isinstance(error, trouble) or isinstance(error.__cause__, trouble):
            message = f"No token was to be had for {self._provider}: {told}"
            return ProviderUnavailable(message, provider=self._provider, phase="connect")
        if isinstance(error, ClientAuthenticationError):
            message = f"No token was given for {self._provider}: {told}"
            return AuthenticationError(message, provider=self._provider)
        message = f"The credentials of {self._provider} cannot be used: {told}"
        return PrerequisiteError(message, provider=self._provider)


def _find(environment: Mapping[str, str], transport: SessionTransport) -> Credential:
    """The first credential of the chain whose variables are there."""
    tenant, client = environment.get("AZURE_TENANT_ID"), environment.get("AZURE_CLIENT_ID")
    if not tenant or not client:
        return ManagedIdentity(environment, transport)
    host = environment.get("AZURE_AUTHORITY_HOST")
    said: dict[str, Any] = {
        "authority": host or _PUBLIC,  # else this process's variable counts
        # Whoever names an authority trusts it; Microsoft's list has only Microsoft's.
        "disable_instance_discovery": bool(host),
        "transport": transport,
        "retry_total": 0,  # there is one retry loop in the house
    }
    credential: Any
    if environment.get("AZURE_CLIENT_SECRET"):
        secret = environment["AZURE_CLIENT_SECRET"]
        credential = ClientSecretCredential(tenant, client, secret, **said)
    elif environment.get("AZURE_CLIENT_CERTIFICATE_PATH"):
        path = environment["AZURE_CLIENT_CERTIFICATE_PATH"]
        password = environment.get("AZURE_CLIENT_CERTIFICATE_PASSWORD")
        credential = CertificateCredential(tenant, client, path, password=password, **said)
    elif environment.get("AZURE_FEDERATED_TOKEN_FILE"):
        path = environment["AZURE_FEDERATED_TOKEN_FILE"]
        return WorkloadIdentityCredential(
            tenant_id=tenant, client_id=client, token_file_path=path, **said
        )
    else:
        return ManagedIdentity(environment, transport)
    # It took the region from this process's variable and has no argument for it.
    credential._regional_authority = environment.get("AZURE_REGIONAL_AUTHORITY_NAME")  # noqa: SLF001
    found: Credential = credential
    return found


def _secrets(environment: Mapping[str, str]) -> tuple[bytes, ...]:
    """What a refusal might quote."""
    names = ("AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PASSWORD", "IDENTITY_HEADER")
    return tuple(environment[name].encode() for name in names if environment.get(name))
