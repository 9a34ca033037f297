"""Tokens of Google Cloud credentials, by google-auth.

Everything here blocks: the adapter calls it in a thread, and imports it there, since only
connections without an API key need it. https://google.aip.dev/auth/4110 says where credentials
are looked for; here it is the caller's session, not this process, whose variables count.
"""

from __future__ import annotations

import importlib
import json
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import google.auth
import google.auth.compute_engine
import google.auth.exceptions
import google.auth.identity_pool
import google.auth.transport
import google.oauth2.credentials
import google.oauth2.service_account

from modeld.errors import (
    AuthenticationError,
    ModeldError,
    PrerequisiteError,
    ProviderUnavailable,
)

from ..http.credentials import Cutter, credentials_in
from ..http.proxy import choose_proxy, proxy_url

__all__ = ["Tokens"]

_SECONDS = 30.0
_PROOFS = ("assertion", "client_secret", "refresh_token", "subject_token")


class Tokens:
    """The token of one principal, fetched when there is none that lasts. Safe to share by threads.

    Args:
        provider: Name of the provider, for errors.
        environment: Variables of the caller's session.
        file: Path of a credentials file; the usual places are looked through when None.
        scopes: OAuth scopes.
        tls: How servers are trusted.
        keys: Variables of the provider's API key, for errors.
    """

    def __init__(
        self,
        provider: str,
        environment: Mapping[str, str],
        file: str | None,
        scopes: tuple[str, ...],
        tls: ssl.SSLContext,
        keys: tuple[str, ...] = (),
    ) -> None:
        self._provider = provider
        self._keys = keys
        self._lock = threading.Lock()
        self._request = _Transport(environment, tls)
        try:
            self._credentials, self.project = _load(file, environment, scopes, self._request)
        except google.auth.exceptions.GoogleAuthError as error:
            raise self._failure(error) from None
        except (OSError, ValueError, TypeError) as error:
            message = f"The credentials of {provider} cannot be read: {error}"
            raise PrerequisiteError(message, provider=provider) from None

    def __repr__(self) -> str:
        return f"Tokens({self._provider!r}, project={self.project!r})"

    @property
    def fresh(self) -> str | None:
        """The token, if it lasts some minutes more. Does not block."""
        credentials = self._credentials
        return credentials.token if credentials.valid else None

    def fetch(self, spent: str | None = None) -> str:
        """A token that lasts, and is another than `spent`, which a server has refused."""
        with self._lock:
            token = self.fresh
            if token is not None and token != spent:
                return token
            try:
                self._credentials.refresh(self._request)
            except google.auth.exceptions.GoogleAuthError as error:
                raise self._failure(error) from None
            return str(self._credentials.token)

    def _failure(self, error: google.auth.exceptions.GoogleAuthError) -> ModeldError:
        text = str(error.args[0] if error.args else error)
        if isinstance(error, google.auth.exceptions.DefaultCredentialsError):
            names = " or ".join(("GOOGLE_APPLICATION_CREDENTIALS", *self._keys))
            message = (
                f"No credentials for {self._provider}: {text} Run 'gcloud auth application-default "
                f"login', or set {names}."
            )
            return PrerequisiteError(message, provider=self._provider)
        transport = isinstance(error, google.auth.exceptions.TransportError)
        if transport or getattr(error, "retryable", False):
            message = f"No token was to be had: {text}"
            return ProviderUnavailable(message, provider=self._provider, phase="connect")
        return AuthenticationError(f"No token was given: {text}", provider=self._provider)


def _load(
    file: str | None, environment: Mapping[str, str], scopes: tuple[str, ...], request: _Transport
) -> tuple[Any, str | None]:
    """Credentials and the project that they name."""
    path = file or environment.get("GOOGLE_APPLICATION_CREDENTIALS") or _login(environment)
    if not path:
        return _machine(scopes, request)
    info = json.loads(Path(path).expanduser().read_text("utf-8"))
    if not isinstance(info, dict):
        raise ValueError("it is no JSON object")
    _refuse_sources(info)
    kind = info.get("type")
    if kind == "service_account":
        account = google.oauth2.service_account.Credentials
        return account.from_service_account_info(info, scopes=scopes), info.get("project_id")
    if kind == "authorized_user":
        user = google.oauth2.credentials.Credentials
        return user.from_authorized_user_info(info, scopes=scopes), info.get("quota_project_id")
    if kind == "external_account":
        workload = google.auth.identity_pool.Credentials.from_info(info, scopes=scopes)
        return workload, _project_of(workload, environment, request)
    credentials, project = google.auth.load_credentials_from_dict(
        info, scopes=scopes, request=request
    )
    return credentials, project


def _project_of(workload: Any, environment: Mapping[str, str], request: _Transport) -> str | None:
    """The project of a workload of another house, asked for only where the session names none."""
    if environment.get("GOOGLE_CLOUD_PROJECT") or environment.get("GCLOUD_PROJECT"):
        return None
    try:
        project: str | None = workload.get_project_id(request=request)
    except google.auth.exceptions.TransportError:
        return None
    return project


def _login(environment: Mapping[str, str]) -> str | None:
    """The file that a login of gcloud leaves, in the folder that the session names or the usual one."""
    folder = environment.get("CLOUDSDK_CONFIG") or Path.home() / ".config" / "gcloud"
    found = Path(folder, "application_default_credentials.json")
    return str(found) if found.exists() else None


def _machine(scopes: tuple[str, ...], request: _Transport) -> tuple[Any, str | None]:
    """Credentials of the machine, on Google's own. `google.auth.default` would ask this process's
    variables first, and run gcloud.
    """
    metadata = importlib.import_module("google.auth.compute_engine._metadata")
    if not metadata.is_on_gce(request):
        raise google.auth.exceptions.DefaultCredentialsError("None were found.")
    return google.auth.compute_engine.Credentials(scopes=scopes), metadata.get_project_id(request)


def _refuse_sources(info: Mapping[str, Any]) -> None:
    """Raises where credentials come from a command or from this process's variables."""
    source = info.get("credential_source")
    if isinstance(source, dict) and ("executable" in source or "environment_id" in source):
        raise ValueError(
            "their source is a command or variables of AWS, and the daemon runs no commands for "
            "others and has no variables of its own: use a file or a URL as the source"
        )
    inner = info.get("source_credentials")
    if isinstance(inner, dict):
        _refuse_sources(inner)


class _Answer(google.auth.transport.Response):
    def __init__(self, status: int, headers: Mapping[str, str], data: bytes) -> None:
        self._status, self._headers, self._data = status, headers, data

    @property
    def status(self) -> int:
        return self._status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._headers

    @property
    def data(self) -> bytes:
        return self._data


class _Transport(google.auth.transport.Request):
    """What google-auth asks servers with; the proxies are those of the caller's session."""

    def __init__(self, environment: Mapping[str, str], tls: ssl.SSLContext) -> None:
        self._environment = environment
        self._tls = urllib.request.HTTPSHandler(context=tls)

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: object,
    ) -> _Answer:
        data = body.encode() if isinstance(body, str) else body
        request = urllib.request.Request(url, data, dict(headers or {}), method=method)  # noqa: S310
        opener = urllib.request.build_opener(self._proxy(url), self._tls)
        try:
            with opener.open(request, timeout=timeout or _SECONDS) as answer:
                return _Answer(answer.status, dict(answer.headers.items()), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                told = _cutter(headers or {}, data).cut(error.read())
                return _Answer(error.code, dict(error.headers.items()), told)
        except OSError as error:
            raise google.auth.exceptions.TransportError(str(error)) from error

    def _proxy(self, url: str) -> urllib.request.ProxyHandler:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        if choose_proxy(parts.scheme, parts.hostname or "", port, self._environment) is None:
            return urllib.request.ProxyHandler({})
        return urllib.request.ProxyHandler(
            {parts.scheme: proxy_url(parts.scheme, self._environment)}
        )


def _cutter(headers: Mapping[str, str], body: bytes | None) -> Cutter:
    """Cuts out of a refusal what the request proved itself with: google-auth quotes refusals."""
    form = parse_qsl((body or b"").decode("utf-8", "replace"))
    proofs = [(f"token-{name}", value) for name, value in form if name in _PROOFS]
    return Cutter(credentials_in([*headers.items(), *proofs]))
