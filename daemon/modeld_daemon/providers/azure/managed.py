"""The identity that Azure gives to a machine or an app: the tokens of its local endpoint.

azure-identity takes the endpoint, and the proof that its caller may ask, from this process's
variables; here they are those of the caller's session. The two protocols are small:
https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from azure.core.credentials import AccessTokenInfo
from azure.core.exceptions import (
    ClientAuthenticationError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.rest import HttpRequest
from azure.identity import CredentialUnavailableError

from .transport import SessionTransport

__all__ = ["ManagedIdentity"]

_MACHINES = "http://169.254.169.254"
_PATH = "/metadata/identity/oauth2/token"
_CONNECT_SECONDS = 1.0
"""Patience with the machine's endpoint: it is on the same host, and elsewhere nobody answers."""
_READ_SECONDS = 30.0
_BUSY = (404, 410, 429)
"""Statuses of a machine's endpoint that is about to come back."""


class ManagedIdentity:
    """Tokens of a managed identity.

    Args:
        environment: Variables of the caller's session. AZURE_CLIENT_ID chooses among identities.
        transport: How the endpoint is reached; it needs no proxy.
    """

    def __init__(self, environment: Mapping[str, str], transport: SessionTransport) -> None:
        self._transport = transport
        endpoint, proof = environment.get("IDENTITY_ENDPOINT"), environment.get("IDENTITY_HEADER")
        self._of_app = bool(endpoint and proof)
        self._query = {"api-version": "2019-08-01" if self._of_app else "2018-02-01"}
        if environment.get("AZURE_CLIENT_ID"):
            self._query["client_id"] = environment["AZURE_CLIENT_ID"]
        if self._of_app:
            self._url, self._headers = str(endpoint), {"X-IDENTITY-HEADER": str(proof)}
        else:
            host = environment.get("AZURE_POD_IDENTITY_AUTHORITY_HOST") or _MACHINES
            self._url, self._headers = host.rstrip("/") + _PATH, {"Metadata": "true"}

    def get_token_info(self, *scopes: str) -> AccessTokenInfo:
        """A token for the resource of the scope.

        Raises `CredentialUnavailableError` where there is no such identity.
        """
        resource = scopes[0].removesuffix("/.default")
        query = {**self._query, "resource": resource}
        request = HttpRequest("GET", self._url, params=query, headers=self._headers)
        try:
            answer = self._transport.send_directly(
                request, connection_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS
            )
        except (ServiceRequestError, ServiceResponseError) as error:
            if self._of_app:
                raise
            message = "This machine has no managed identity."
            raise CredentialUnavailableError(message) from error
        return _read(answer, of_app=self._of_app)


def _read(answer: Any, *, of_app: bool) -> AccessTokenInfo:
    status: int = answer.status_code
    try:
        body = answer.json()
        if status == 200:
            end = int(body["expires_on"]) if "expires_on" in body else None
            end = end or int(time.time()) + int(body["expires_in"])
            return AccessTokenInfo(str(body["access_token"]), end)
        told = body.get("error_description") or body.get("message") or body.get("error")
    except (ValueError, KeyError, TypeError, AttributeError):
        told = None
    told = f"The endpoint of managed identities answered {status}: {told or 'nothing readable'}"
    if status >= 500 or status in _BUSY:
        raise ServiceResponseError(told)
    if status == 400 and not of_app:
        raise CredentialUnavailableError(told)  # no identity is assigned to the machine
    raise ClientAuthenticationError(told)
