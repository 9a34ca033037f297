"""Sessions: what a client process is to the daemon, and the models it holds.

A session has an environment, sent by the client and never stored or shown. A lease is one holder's
claim on a model. It resolves again whenever the session's environment has changed, so that a key
set in a shell counts from that shell's next call on, and for nobody else.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from modeld.errors import ModelNotFound
from modeld.types import GenerateConfig

from .call import UNSAID, Call
from .clients import Client, Clients
from .named import Choice, Named, NamedSessions
from .resolve import ModelSpec, Resolution, Resolver

__all__ = ["Lease", "Session", "SessionStatistics", "Sessions"]

ACCEPTED = re.compile(
    r"[A-Za-z0-9_]*(_API_KEY|_API_TOKEN|_AUTH_TOKEN|_ACCESS_TOKEN|_BASE_URL|_ENDPOINT(_URL)?)"
    r"|CLOUD_ML_REGION|(AWS|AZURE|AZUREAI|GOOGLE|VERTEX|GCLOUD|CLOUDFLARE|CLOUDSDK|OPENAI|ANTHROPIC|BEDROCK"
    r"|GEMINI|MISTRAL|OLLAMA|HF|HUGGINGFACE|VLLM|SGLANG|XAI|GROK)_?[A-Za-z0-9_]*"
    r"|(HTTPS?|ALL|NO)_PROXY|(https?|all|no)_proxy|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE"
    r"|IDENTITY_HEADER"
)
"""Names that a session may hold; anything else a client sends is dropped."""


class Lease:
    """One holder's claim on a model.

    Args:
        named: The named session in which its calls are counted.
        choice: What made it this model, when the named session was asked for one.
    """

    def __init__(
        self,
        session: Session,
        spec: ModelSpec,
        owner: Sessions,
        named: Named | None = None,
        choice: Choice | None = None,
    ) -> None:
        self.handle = secrets.token_hex(8)
        self.spec = spec
        self._named = named
        self._choice = choice
        self._session = session
        self._owner = owner
        self._plain = spec.config == GenerateConfig()
        self._version = -1
        self._resolution: Resolution | None = None
        self._client: Client | None = None

    def configured(self, config: GenerateConfig) -> GenerateConfig:
        """What a call says, over what the model says."""
        if config is UNSAID:
            return self.spec.config
        return config if self._plain else self.spec.config.merge(config)

    def join(self, call: Call) -> None:
        """The call is one of the lease's named session, in the role that was chosen there."""
        if self._named is not None:
            call.count = self._named.count
        if self._choice is not None:
            call.role = self._choice.role

    def resolve(self) -> tuple[Resolution, Client]:
        """Where calls go now. Raises `PrerequisiteError` and the like when they cannot go."""
        if (
            self._version != self._session.version
            or self._resolution is None
            or self._client is None
        ):
            self._renew()
        assert self._resolution is not None  # _renew() set both or raised
        assert self._client is not None
        return self._resolution, self._client

    def _renew(self) -> None:
        resolver, clients = self._owner.resolver, self._owner.clients
        resolution = resolver.resolve(self.spec, self._session.environment)
        self._version = self._session.version
        if self._resolution is not None and self._resolution.key == resolution.key:
            return
        key = resolution.key if resolution.row.shared else self.handle
        route = resolution.route
        client = clients.acquire(key, resolution.row, resolution.connection, route.account)
        self.give_back(close=False)
        self._resolution, self._client = resolution, client

    def give_back(self, *, close: bool) -> None:
        """Releases the client; `resolve` would take it again."""
        client, self._client, self._resolution = self._client, None, None
        if client is not None:
            self._owner.clients.release(client, close=close)


@dataclass(slots=True)
class Session:
    """A client process, or one stateless call."""

    id: str
    client_name: str = ""
    client_version: str = ""
    pid: int = 0
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    known: set[str] = field(default_factory=set)
    """Variables whose value, or lack of one, the client has told."""
    version: int = 0
    """Rises when the environment changes."""
    leases: dict[str, Lease] = field(default_factory=dict, repr=False)
    in_flight: int = 0

    def update_environment(self, values: Mapping[str, str], unset: Iterable[str]) -> None:
        """Takes new values. Names that belong to no provider are dropped."""
        for name, value in values.items():
            if ACCEPTED.fullmatch(name):
                self.known.add(name)
                if self.environment.get(name) != value:
                    self.environment[name] = value
                    self.version += 1
        for name in unset:
            self.known.add(name)
            if self.environment.pop(name, None) is not None:
                self.version += 1

    def lease(self, handle: str) -> Lease:
        """The lease of that handle."""
        try:
            return self.leases[handle]
        except KeyError:
            raise ModelNotFound(
                "this model handle is not open in this session; open the model again"
            ) from None


@dataclass(frozen=True, slots=True)
class SessionStatistics:
    """A snapshot of one session."""

    client_name: str
    client_version: str
    pid: int
    in_flight: int
    leases: int


class Sessions:
    """All sessions of the daemon.

    Args:
        named: Those that have a name and last.
    """

    def __init__(self, resolver: Resolver, clients: Clients, named: NamedSessions) -> None:
        self.resolver = resolver
        self.clients = clients
        self.named = named
        self._sessions: dict[str, Session] = {}

    def open(self, client_name: str = "", client_version: str = "", pid: int = 0) -> Session:
        """A new session; it ends with `close`."""
        session = Session(secrets.token_urlsafe(24), client_name, client_version, pid)
        self._sessions[session.id] = session
        return session

    def find(self, id: str) -> Session:
        """The session of that id."""
        try:
            return self._sessions[id]
        except KeyError:
            raise ModelNotFound("there is no such session; connect again") from None

    def close(self, session: Session) -> None:
        """Ends a session: its environment is forgotten, its clients stay warm for a while."""
        self._sessions.pop(session.id, None)
        for lease in session.leases.values():
            lease.give_back(close=False)
        session.leases.clear()
        session.environment.clear()

    def missing(self, session: Session, spec: ModelSpec) -> list[str]:
        """Variables that the session must tell before the model can be opened."""
        row = self.resolver.row(spec)
        return [name for name in self.resolver.variables(row) if name not in session.known]

    def open_model(
        self,
        session: Session,
        spec: ModelSpec,
        named: Named | None = None,
        choice: Choice | None = None,
    ) -> Lease:
        """Checks the model and leases it to the session."""
        lease = Lease(session, spec, self, named, choice)
        lease.resolve()
        session.leases[lease.handle] = lease
        return lease

    def close_model(self, session: Session, handle: str) -> None:
        """Gives one lease back; other holders are not touched."""
        lease = session.leases.pop(handle, None)
        if lease is not None:
            lease.give_back(close=True)

    def borrow(
        self,
        session: Session | None,
        spec: ModelSpec,
        named: Named | None = None,
        choice: Choice | None = None,
    ) -> Lease:
        """A lease for one stateless call; give it back after the call is submitted."""
        lease = Lease(session or Session(id=""), spec, self, named, choice)
        lease.resolve()
        return lease

    def statistics(self) -> list[SessionStatistics]:
        """A snapshot of each session."""
        return [
            SessionStatistics(s.client_name, s.client_version, s.pid, s.in_flight, len(s.leases))
            for s in self._sessions.values()
        ]
