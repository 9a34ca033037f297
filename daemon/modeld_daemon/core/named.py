"""Named sessions: they outlive processes and the daemon, say which model a call gets, and count.

All of them are in memory once they were asked for; changes are in the store before they are told.
What was used is counted in memory and handed to the store every `FLUSH_SECONDS`, so that a call
pays for an addition: a daemon that is killed takes what was used since then with it.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

import anyio

from modeld.errors import InvalidRequest, PrerequisiteError, SessionNotFound, redact
from modeld.types import (
    GenerateConfig,
    JsonValue,
    ModelConfig,
    ModelOutput,
    ModelUsage,
    NamedSession,
    SessionSettings,
    SessionUsage,
)

from .ports import NotLoaded
from .resolve import ModelSpec, split_name

__all__ = ["Choice", "Named", "NamedSessions", "NamedStore", "Used"]

FLUSH_SECONDS = 0.5
"""How often what was used is handed to the store."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
SECRET = re.compile(
    r"(?i)api[-_]?key|(^|[-_])token$|secret|passw|credential|authorization|cookie"
    r"|^aws_(access|session)"
)
"""Names of arguments and headers that are credentials."""
OF_ALL = ("max_connections", "adaptive_connections", "max_retries", "timeout", "cache")
"""Fields of a session's config that hold for models of roles too."""


@dataclass(frozen=True, slots=True)
class Used:
    """What was used of one model under one role."""

    session: str
    model: str
    role: str
    """Empty for calls without one."""
    used: SessionUsage


class NamedStore(Protocol):
    """Where named sessions are kept. All methods raise `InternalError` when the disk does not do."""

    async def load(self) -> tuple[list[NamedSession], list[Used]]:
        """All sessions, without what was used, and all that was used."""

    async def put(self, session: NamedSession) -> None:
        """Keeps the settings of a session; returns when they would outlive the daemon's death."""

    async def delete(self, name: str) -> None:
        """Forgets a session, and what was used in it."""

    def add(self, used: list[Used]) -> None:
        """Adds to what was used; returns at once."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The model that a call gets in a named session."""

    spec: ModelSpec
    """Its name is empty when the choice is the caller's."""
    role: str | None = None
    """None when the model only stands in for that of a role."""
    others: tuple[ModelSpec, ...] = ()
    """Further models of the role."""
    bound: bool = False
    """Whether the session binds the role."""


@dataclass(eq=False, slots=True)
class Named:
    """One named session, as those who joined it hold it."""

    name: str
    settings: SessionSettings
    created: float
    changed: float
    used: dict[tuple[str, str], SessionUsage] = field(default_factory=dict)
    """By model and role."""
    fresh: dict[tuple[str, str], SessionUsage] = field(default_factory=dict)
    """What the store has not got yet."""
    deleted: bool = False
    wake: Callable[[], None] = lambda: None
    """Called when there is something for the store."""

    def choose(self, role: str | None, model: ModelSpec | None, *, required: bool) -> Choice:
        """The model of a call: that of the role, the one that is named, or the session's own.

        Raises:
            PrerequisiteError: The role is required and not bound.
        """
        bound = self.settings.roles.get(role) if role is not None else None
        if bound:
            own = GenerateConfig() if model is None else model.config
            first, *others = (self._of_role(one, own) for one in bound)
            return Choice(first, role, tuple(others), bound=True)
        if role is not None and required:
            raise PrerequisiteError(f"Model role '{role}' is required and was not specified.")
        if model is not None and model.name:
            return Choice(model, role)
        return Choice(self._default(GenerateConfig() if model is None else model.config))

    def _default(self, over: GenerateConfig) -> ModelSpec:
        config = self.settings.config
        model = self.settings.model
        if model is None:
            return ModelSpec("", config=config.merge(over))
        config = config.merge(model.config).merge(over)
        return ModelSpec(model.model, model.base_url, None, model.args, config)

    def _of_role(self, model: ModelConfig, under: GenerateConfig) -> ModelSpec:
        if not model.model:
            return self._default(under.merge(model.config))
        said = {name: getattr(self.settings.config, name) for name in OF_ALL}
        every = GenerateConfig(**said)
        config = every.merge(under).merge(model.config)
        return ModelSpec(model.model, model.base_url, None, model.args, config)

    def count(self, model: str, role: str | None, output: ModelOutput) -> None:
        """Adds one answer of a provider."""
        if self.deleted:
            return
        one = SessionUsage(1, output.usage or ModelUsage())
        key = (model, role or "")
        for sums in (self.used, self.fresh):
            known = sums.get(key)
            sums[key] = one if known is None else known + one
        self.wake()

    def seen(self) -> NamedSession:
        """The session as it is now."""
        return NamedSession(
            self.name, self.settings, self.created, self.changed,
            _sums((model, used) for (model, _), used in self.used.items()),
            _sums((role, used) for (_, role), used in self.used.items() if role),
        )  # fmt: skip


def _sums(parts: Iterable[tuple[str, SessionUsage]]) -> dict[str, SessionUsage]:
    sums: dict[str, SessionUsage] = {}
    for name, used in parts:
        sums[name] = sums.get(name, SessionUsage()) + used
    return dict(sorted(sums.items()))


class NamedSessions:
    """All named sessions of the daemon.

    Args:
        store: Where they are kept.
        now: Seconds since 1970.
    """

    def __init__(self, store: NamedStore, *, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._now = now
        self._sessions: dict[str, Named] | None = None
        self._changing = anyio.Lock()
        self._used = anyio.Event()

    async def ready(self) -> None:
        """Waits until the sessions are in memory. Raises `InternalError` when they cannot be read."""
        if self._sessions is not None:
            return
        async with self._changing:
            if self._sessions is not None:
                return
            sessions, used = await self._store.load()
            found = {s.name: self._named(s) for s in sessions}
            for one in used:
                if one.session in found:
                    found[one.session].used[one.model, one.role] = one.used
            self._sessions = found

    def _named(self, kept: NamedSession) -> Named:
        return Named(kept.name, kept.settings, kept.created, kept.changed, wake=self._wake)

    def _wake(self) -> None:
        self._used.set()

    def find(self, name: str) -> Named:
        """The session of that name.

        Raises:
            SessionNotFound: There is none.
            NotLoaded: `ready` must be awaited first.
        """
        if self._sessions is None:
            raise NotLoaded("the named sessions are not loaded", self.ready)
        named = self._sessions.get(name)
        if named is None:
            # Not every text is a name, and a made-up one should not fill a terminal.
            shown = name if NAME.fullmatch(name) else f"{name[:64]!a}"
            raise SessionNotFound(
                f"There is no session {shown}. Create it: 'modeld session create "
                f"{shown} --model PROVIDER/MODEL', or unset MODELD_SESSION."
            )
        return named

    async def all(self) -> list[NamedSession]:
        """All sessions, by name."""
        await self.ready()
        return [named.seen() for _, named in sorted((self._sessions or {}).items())]

    async def get(self, name: str) -> Named:
        """As `find`, after `ready`."""
        await self.ready()
        return self.find(name)

    async def create(self, name: str, settings: SessionSettings) -> NamedSession:
        """A new session; it is kept when this returns.

        Raises:
            InvalidRequest: The name is taken or none, or the settings are wrong or hold a credential.
        """
        await self.ready()
        if not NAME.fullmatch(name):
            raise InvalidRequest(
                f"{name[:64]!a} is no name for a session: letters, digits, dot, hyphen and "
                "underscore, at most 64, a letter or digit first"
            )
        _check(settings)
        sessions = self._sessions
        assert sessions is not None  # ready
        async with self._changing:
            if name in sessions:
                raise InvalidRequest(
                    f"There is a session {name} already. Change it with 'modeld session set "
                    f"{name}', or delete it first."
                )
            now = self._now()
            named = self._named(NamedSession(name, settings, now, now))
            await self._store.put(named.seen())
            sessions[name] = named
        return named.seen()

    async def update(
        self, name: str, settings: SessionSettings, since: float | None = None
    ) -> NamedSession | None:
        """Replaces the settings of a session; they are kept when this returns.

        None: it was changed after `since`, and stays as it is.
        """
        await self.ready()
        _check(settings)
        async with self._changing:
            named = self.find(name)
            if since is not None and named.changed != since:
                return None
            # Later than the last change, also by a clock that was set back.
            changed = max(self._now(), math.nextafter(named.changed, math.inf))
            await self._store.put(replace(named.seen(), settings=settings, changed=changed))
            named.settings, named.changed = settings, changed
        return named.seen()

    async def delete(self, name: str) -> None:
        """Forgets a session; those who joined it go on, and are counted no more."""
        await self.ready()
        async with self._changing:
            named = self.find(name)
            await self._store.delete(name)
            named.deleted = True
            named.fresh.clear()
            assert self._sessions is not None  # ready
            del self._sessions[name]

    def flush(self) -> None:
        """Hands to the store what it has not got yet."""
        parts: list[Used] = []
        for named in (self._sessions or {}).values():
            fresh, named.fresh = named.fresh, {}
            parts += [Used(named.name, model, role, used) for (model, role), used in fresh.items()]
        if parts:
            self._store.add(parts)

    async def keep_flushing(self) -> None:
        """Flushes a moment after something was used, until it is cancelled."""
        while True:
            await self._used.wait()
            await anyio.sleep(FLUSH_SECONDS)
            self._used = anyio.Event()
            self.flush()


def _check(settings: SessionSettings) -> None:
    models = [settings.model] if settings.model else []
    if settings.model is not None:
        split_name(settings.model.model)
    for role, bound in settings.roles.items():
        if not role or len(role) > 200:
            raise InvalidRequest("a role has a name of at most 200 characters")
        if not bound:
            raise InvalidRequest(f"role '{role}' has no model")
        for one in bound:
            if one.model:
                split_name(one.model)
        models += bound
    for config in (settings.config, *(model.config for model in models)):
        _no_secret(config.extra_headers or {})
        _no_secret(config.extra_body or {})
    for model in models:
        _no_secret(model.args)
        _no_secret({"base_url": model.base_url})


def _no_secret(value: JsonValue) -> None:
    if isinstance(value, dict):
        for name, item in value.items():
            looks_like_one = isinstance(item, str) and redact(item) != item
            if SECRET.search(str(name)) or looks_like_one:
                raise InvalidRequest(
                    f"'{str(name)[:100]}' {'holds' if looks_like_one else 'is'} a credential, which a session never holds: set the "
                    "provider's variable where the session is joined"
                )
            _no_secret(item)
    elif isinstance(value, list):
        for item in value:
            _no_secret(item if isinstance(item, (dict, list)) else {"a value of a list": item})
