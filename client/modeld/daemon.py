"""The daemon from outside: start it, stop it, ask it. What the command line does, for programs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from importlib import import_module
from typing import Any

from . import launch
from .discovery import Record, locate, make_token, read_token
from .environment import Environment
from .errors import DaemonUnavailable, redact
from .lanes import (
    LaneLimits,
    LimitChange,
    LimitsUpdate,
    RateLimit,
    limits,
    set_limits,
    watch_limits,
)
from .settings import Settings

__all__ = [
    "ClientStatus",
    "EngineStatus",
    "LaneLimits",
    "LimitChange",
    "LimitsUpdate",
    "ModelDescription",
    "ProviderDescription",
    "RateLimit",
    "SessionStatus",
    "Status",
    "limits",
    "list_models",
    "list_providers",
    "restart",
    "set_limits",
    "start",
    "status",
    "stop",
    "watch_limits",
]


@dataclass(frozen=True, slots=True)
class SessionStatus:
    """A connected client process."""

    client_name: str
    client_version: str
    pid: int
    in_flight: int
    leases: int


@dataclass(frozen=True, slots=True)
class ClientStatus:
    """An open client of a provider."""

    provider: str
    account: str
    base_url: str
    leases: int
    in_flight: int


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """A child process that runs local models."""

    name: str
    pid: int
    models: list[str]
    in_flight: int
    starts: int


@dataclass(frozen=True, slots=True)
class Status:
    """What a daemon is doing now, or that none runs."""

    running: bool
    home: str
    log_path: str
    pid: int | None = None
    version: str | None = None
    endpoint: str | None = None
    generation: str | None = None
    uptime_s: float | None = None
    in_flight: int = 0
    calls_total: int = 0
    calls_failed: int = 0
    rss_bytes: int | None = None
    idle_timeout_s: float | None = None
    """Seconds without a call after which the daemon leaves; 0 means never."""
    draining: bool = False
    sessions: list[SessionStatus] = field(default_factory=list)
    clients: list[ClientStatus] = field(default_factory=list)
    engines: list[EngineStatus] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """JSON shape."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """A model that can be named."""

    name: str
    size_bytes: int | None
    available: bool
    loaded: bool
    description: str

    def to_dict(self) -> dict[str, Any]:
        """JSON shape."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ProviderDescription:
    """A provider of the daemon."""

    name: str
    description: str
    installed: bool
    install_hint: str
    key_variables: list[str]
    base_url_variables: list[str]
    default_base_url: str
    key_required: bool = True
    key_variable: str | None = None
    """The variable in which a key was found."""
    key_from: str | None = None
    """Where a key was found: "environment", the path of a .env file, or "config"; never the key."""
    base_url: str = ""
    """Base URL in force here."""
    features: list[str] = field(default_factory=list)
    """What can be asked of it."""
    credential_variables: list[str] = field(default_factory=list)
    """Variables of credentials that do instead of a key, such as a cloud's."""
    credential_variable: str | None = None
    """The first of them that is set."""
    credential_from: str | None = None
    """Where it is set: "environment" or the path of a .env file."""
    base_url_required: bool = False
    """Whether there is no address until one is given."""

    def to_dict(self) -> dict[str, Any]:
        """JSON shape."""
        return asdict(self)


def start() -> Status:
    """Starts the daemon, or finds the one that runs."""
    if Settings.from_environment().address is None:
        launch.ensure(locate())  # whatever MODELD_AUTOSTART says: here it is asked for
    return status()


def status() -> Status:
    """What the daemon is doing now; `running` is False when there is none. Starts nothing."""
    home = locate()
    answer = _control().get_status()
    if answer is None:
        return Status(running=False, home=home.path, log_path=home.log)
    settings = Settings.from_environment()
    record = Record.read(home.record) if settings.address is None else None
    return Status(
        running=True,
        home=home.path,
        log_path=home.log,
        pid=answer.pid,
        version=answer.version,
        endpoint=settings.address or (record.endpoint if record else None),
        generation=answer.generation,
        uptime_s=answer.uptime_seconds,
        in_flight=answer.in_flight,
        calls_total=answer.calls_total,
        calls_failed=answer.calls_failed,
        rss_bytes=answer.rss_bytes,
        idle_timeout_s=answer.idle_timeout_seconds,
        draining=answer.draining,
        sessions=[
            SessionStatus(s.client_name, s.client_version, s.pid, s.in_flight, s.leases)
            for s in answer.sessions
        ],
        clients=[
            ClientStatus(c.provider, c.account, c.base_url, c.leases, c.in_flight)
            for c in answer.clients
        ],
        engines=[
            EngineStatus(e.name, e.pid, list(e.models), e.in_flight, e.starts)
            for e in answer.engines
        ],
    )


def stop(*, force: bool = False, timeout: float | None = None) -> bool:
    """Stops the daemon and waits until it is gone; False when none ran.

    Args:
        force: Cancel running calls instead of waiting for them.
        timeout: Most seconds to wait; None waits as long as the daemon drains.

    Raises:
        DaemonUnavailable: It was still there after `timeout`.
    """
    return _stop(force=force, new_token=False, timeout=timeout)


def restart(*, force: bool = False, new_token: bool = False) -> Status:
    """Stops the daemon, if one runs, and starts another."""
    home = locate()
    token = read_token(home) if new_token else None
    _stop(force=force, new_token=new_token, timeout=None)
    if new_token and token is not None and read_token(home) == token:
        make_token(home, replace=True)  # the daemon was ended by a signal and did not do it
    return start()


def _stop(*, force: bool, new_token: bool, timeout: float | None) -> bool:
    home = locate()
    records = launch.running(home)
    try:
        asked = _control().shutdown(force=force, new_token=new_token)
    except DaemonUnavailable:  # it does not answer: a signal does
        asked = False
    if asked and not force:
        left = [record for record in records if not launch.wait_for_end(record, timeout)]
    else:
        left = launch.stop(home, force=force, timeout=timeout).running
    if left:
        raise DaemonUnavailable(
            f"the daemon (process {left[0].pid}) still finishes its calls; "
            "wait longer, or end them with 'modeld stop --force'"
        )
    return asked or bool(records)


def list_models(provider: str = "", *, ask: bool = False) -> list[ModelDescription]:
    """Models that can be named, of one provider or of all; starts the daemon if need be.

    Args:
        provider: Name of the provider; empty means all.
        ask: Ask the provider's server, with the key that is found here.

    Raises:
        InvalidRequest: The provider's API has no list.
    """
    values = Environment().values if ask and provider else None
    return [
        ModelDescription(
            m.name,
            m.size_bytes if m.HasField("size_bytes") else None,
            m.available,
            m.loaded,
            m.description,
        )
        for m in _control().list_models(provider, values).models
    ]


def list_providers() -> list[ProviderDescription]:
    """Providers of the daemon; starts it if need be."""
    environment = Environment()
    return [_described(p, environment) for p in _control().list_providers().providers]


def _described(found: Any, environment: Environment) -> ProviderDescription:
    variable = _first(environment, found.key_variables)
    key_from = environment.origin(variable) if variable else None
    credential = _first(environment, found.credential_variables)
    named = _first(environment, found.base_url_variables)
    base_url = (environment.get(named) if named else None) or found.configured_base_url
    return ProviderDescription(
        found.name,
        found.description,
        found.installed,
        found.install_hint,
        list(found.key_variables),
        list(found.base_url_variables),
        found.default_base_url,
        key_required=found.key_required,
        key_variable=variable,
        key_from=key_from or ("config" if found.key_configured else None),
        base_url=redact(base_url or found.default_base_url),
        features=list(found.features),
        credential_variables=list(found.credential_variables),
        credential_variable=credential,
        credential_from=environment.origin(credential) if credential else None,
        base_url_required=found.base_url_required,
    )


def _first(environment: Environment, names: Iterable[str]) -> str | None:
    return next((name for name in names if environment.get(name)), None)


def _control() -> Any:
    """The rpc room, loaded when it is needed: it imports grpc."""
    return import_module("modeld.rpc.control")
