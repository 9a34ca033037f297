"""How azure-identity reaches its servers: by the caller's session's proxies and certificates.

Its usual transport takes proxies and certificates from this process's environment.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
import requests.adapters
from azure.core.exceptions import ServiceResponseError
from azure.core.pipeline.transport import RequestsTransport

from ..http.proxy import choose_proxy, proxy_url

__all__ = ["SessionTransport"]


class SessionTransport(RequestsTransport):  # type: ignore[misc]  # loaded lazily, so Any
    """A transport of azure-core's.

    Args:
        environment: Variables of the caller's session.
        tls: How servers are trusted.
    """

    def __init__(self, environment: Mapping[str, str], tls: ssl.SSLContext) -> None:
        session = requests.Session()
        session.trust_env = False
        session.headers["connection"] = "close"  # a token is fetched once an hour
        session.mount("https://", _Adapter(tls))
        super().__init__(session=session, session_owner=True, use_env_settings=False)
        self._session_environment = environment

    def send(self, request: Any, *, proxies: Any = None, **options: Any) -> Any:  # noqa: ARG002
        """Sends a request through the proxy that its URL takes.

        Raises `ServiceResponseError` too where the server is in trouble: those who read its answers
        would take that for a refusal.
        """
        answer = super().send(request, proxies=self._proxies(request.url), **options)
        if answer.status_code >= 500 or answer.status_code == 429:
            host = urlsplit(request.url).netloc
            raise ServiceResponseError(f"{host} answered with status {answer.status_code}")
        return answer

    def send_directly(self, request: Any, **options: Any) -> Any:
        """Sends a request through no proxy."""
        return super().send(request, proxies={}, **options)

    def _proxies(self, url: str) -> dict[str, str]:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        chosen = choose_proxy(parts.scheme, parts.hostname or "", port, self._session_environment)
        if chosen is None:
            return {}
        return {parts.scheme: proxy_url(parts.scheme, self._session_environment)}


class _Adapter(requests.adapters.HTTPAdapter):
    """Trusts as the context says; requests would add a list of its own."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        super().__init__()

    def init_poolmanager(self, *places: Any, **options: Any) -> None:
        """With the context."""
        super().init_poolmanager(*places, ssl_context=self._tls, **options)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """With the context."""
        return super().proxy_manager_for(proxy, ssl_context=self._tls, **options)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """The context does."""

    def build_connection_pool_key_attributes(
        self, request: Any, verify: Any, cert: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The place of a request; how servers are trusted is the context's alone."""
        place, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return place, {}
