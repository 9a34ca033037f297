"""From a model's name and what a session knows to a route and a connection.

Precedence of keys and URLs: the caller's argument, the session's environment (the client has
already put its process environment over its `.env`), the daemon's configuration. A key from the
configuration goes only to the configured or default URL, never to one that a caller names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Protocol

from modeld.errors import InvalidRequest, ModelNotFound, PrerequisiteError
from modeld.types import GenerateConfig, JsonObject

from .accounts import Accounts
from .call import Account, Route
from .ports import Connection, NotLoaded, ProviderSource, Row
from .services import filled_url, service_row

__all__ = ["Configured", "ModelSpec", "Resolution", "Resolver", "split_name"]

PROXY_VARIABLES = (
    "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy",
    "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
"""Variables that every provider of the network depends on."""


SECRET = (
    *("_SECRET_ACCESS_KEY", "_SESSION_TOKEN", "_AUTHORIZATION_TOKEN", "_API_KEY", "_AUTH_TOKEN"),
    *("_CLIENT_SECRET", "_CERTIFICATE_PASSWORD", "IDENTITY_HEADER"),
)
"""Ends of the names of variables whose values must not be seen in a log."""
HOST = re.compile(r"[A-Za-z0-9][\w.-]*|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*")
RENEWED = ("_SESSION_TOKEN",)
"""Ends of the names of variables that change while whoever calls stays the same."""


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model as a caller names it. Its repr never shows a secret."""

    name: str
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    args: JsonObject = field(default_factory=dict, repr=False)
    config: GenerateConfig = field(default_factory=GenerateConfig)


class Configured(Protocol):
    """What the daemon's configuration says of a provider; secrets are read when asked for."""

    def api_key(self, provider: str) -> str | None:
        """The configured key, read now."""

    def base_url(self, provider: str) -> str | None:
        """The configured base URL."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """Where calls of a model go, and through which connection."""

    row: Row
    route: Route
    connection: Connection
    key: str
    """Names the connection: equal keys may share one client."""


def split_name(name: str) -> tuple[str, str]:
    """`provider/model` in two; `InvalidRequest` when there is no slash or a part is empty."""
    provider, slash, model = name.partition("/")
    if not slash or not provider or not model:
        raise InvalidRequest(
            f"Model name '{name[:200]}' should be in the format of <api_name>/<model_name>."
        )
    if any(ord(letter) < 0x20 or ord(letter) == 0x7F for letter in name) or len(name) > 4096:
        raise InvalidRequest("a model name must be short and have no control characters")
    return provider, model


class Resolver:
    """Resolves model specs against the rows of the daemon.

    Args:
        source: The rows.
        accounts: Names of keys.
        configured: The daemon's own settings.
        on_secret: Told every key that comes into use, so that it can be kept out of the log.
    """

    def __init__(
        self,
        source: ProviderSource,
        accounts: Accounts,
        configured: Configured,
        on_secret: Callable[[str], None] = lambda _secret: None,
    ) -> None:
        self._on_secret = on_secret
        self.source = source
        self.accounts = accounts
        self._configured = configured

    def row(self, spec: ModelSpec) -> Row:
        """The row of the model's provider."""
        return self._find(spec)[0]

    def _find(self, spec: ModelSpec) -> tuple[Row, str]:
        """The row and the model's name there. A provider's models may be had from others too, each
        of which is a row: `anthropic/bedrock`.
        """
        provider, model = split_name(spec.name)
        service, slash, rest = model.partition("/")
        if slash and rest:
            with suppress(ModelNotFound):
                return self.source.row(f"{provider}/{service}"), rest
        if not rest and self._is_row(whole := f"{provider}/{service}"):
            raise InvalidRequest(
                f"Model name '{spec.name[:200]}' should be in the format of {whole}/<model>."
            )
        try:
            return service_row(self.source.row(provider), model)
        except NotLoaded:
            raise
        except ModelNotFound:
            raise ModelNotFound(
                f"Model API {provider[:100]} of model '{spec.name[:200]}' not recognized. "
                f"{self.known(provider)}"
            ) from None

    def known(self, provider: str) -> str:
        """Words about the providers that there are, for whoever named another one."""
        names = [row.name for row in self.source.rows()]
        near = get_close_matches(provider.lower(), names, n=1)
        guess = f"Did you mean {near[0]}? " if near else ""
        return f"{guess}Known: {', '.join(names)}."

    def _is_row(self, name: str) -> bool:
        try:
            return self.source.row(name).name == name
        except ModelNotFound:
            return False

    async def ready(self, spec: ModelSpec) -> None:
        """Waits until the provider of the model is loaded, if there is something to load."""
        try:
            self.row(spec)
        except NotLoaded as found:
            await found.load()

    def variables(self, row: Row) -> list[str]:
        """Variables on which models of the row depend."""
        network = PROXY_VARIABLES if row.network else ()
        own = (*row.key_variables, *row.base_url_variables, *row.other_variables)
        return [*own, *network]

    def resolve(self, spec: ModelSpec, environment: Mapping[str, str]) -> Resolution:
        """The resolution in force. Raises what would make every call fail."""
        row, model = self._find(spec)
        api_key, base_url = self._credentials(row, spec, environment)
        if api_key is not None:
            self._on_secret(api_key)
        seen = {name: environment[name] for name in self.variables(row) if name in environment}
        connection = Connection(base_url, api_key, spec.args, seen)
        self.source.check(row, model, connection)
        for name, value in seen.items():
            if name.endswith(SECRET):
                self._on_secret(value)
        identity = api_key or _principal(row, seen, spec.args)
        account = Account(row.name, base_url, self.accounts.fingerprint(identity))
        key = self.accounts.digest(
            [row.name, base_url, api_key, dict(spec.args), dict(seen)]  # never stored, only hashed
        )
        return Resolution(row, Route(row.name, model, account), connection, key)

    def configuration(self, row: Row) -> tuple[bool, str | None]:
        """Whether the configuration has a key of the provider, and its base URL. It may block."""
        try:
            found = self._configured.api_key(row.name) is not None
        except PrerequisiteError:  # it says where a key is, but there is none
            found = False
        return found, self._configured.base_url(row.name)

    def _credentials(
        self, row: Row, spec: ModelSpec, environment: Mapping[str, str]
    ) -> tuple[str | None, str | None]:
        own_url = self._configured.base_url(row.name) or row.base_url
        given = spec.base_url or (_at_port(row, spec.args) if row.port_args else None)
        base_url = given or _first(environment, row.base_url_variables) or own_url
        if base_url is None and row.base_url_required:
            raise PrerequisiteError(_missing_url(row), provider=row.name)
        if base_url is not None and base_url == row.base_url:
            own_url = base_url = filled_url(row, base_url, environment)
        api_key = spec.api_key or _first(environment, row.key_variables)
        if api_key is None and row.key_variables:
            configured = self._configured.api_key(row.name)
            if configured is not None and base_url != own_url:
                raise PrerequisiteError(
                    f"The configured key of {row.name} is not sent to {base_url}. "
                    f"Give api_key= or set {row.key_variables[0]} for that address.",
                    provider=row.name,
                )
            api_key = configured
        if api_key is None and row.key_variables and row.key_required:
            raise PrerequisiteError(_missing_key(row), provider=row.name)
        return api_key, base_url


def _principal(row: Row, seen: Mapping[str, str], args: JsonObject) -> str | None:
    """Who calls where there is no key, such as with credentials of a cloud: what names them. A token
    that is renewed changes nothing of it.
    """
    named = {
        name: seen[name]
        for name in row.other_variables
        if name in seen and not name.endswith(RENEWED)
    }
    if row.key_required or not (named or (args and row.other_variables)):
        return None
    return json.dumps([named, args], sort_keys=True)


def _at_port(row: Row, args: JsonObject) -> str | None:
    """The base URL that model args `port` and `host` say; a host alone is none."""
    host, port = args.get("host"), args.get("port")
    if host is None and port is None:
        return None
    if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65536:
        raise InvalidRequest(
            f"Model arg 'port' must be a number from 1 to 65535, got {port!r}", provider=row.name
        )
    host = "localhost" if host is None else host
    if not isinstance(host, str) or not HOST.fullmatch(host):
        raise InvalidRequest(
            f"Model arg 'host' must be a name or an address, got {host!r}", provider=row.name
        )
    return f"http://[{host}]:{port}/v1" if ":" in host else f"http://{host}:{port}/v1"


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((environment[name] for name in names if environment.get(name)), None)


def _missing_url(row: Row) -> str:
    return (
        f"No base URL for {row.name}: set {' or '.join(row.base_url_variables)} "
        "in the shell or a .env file, or pass base_url=."
    )


def _missing_key(row: Row) -> str:
    *others, last = row.key_variables
    names = f"{', '.join(others)} or {last}" if others else last
    return (
        f"ERROR: Unable to initialise {row.name} client\n\n"
        f"No {names} defined in the environment. "
        f"Set it in the shell or a .env file, or pass api_key=."
    )
