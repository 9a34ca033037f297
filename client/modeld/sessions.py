"""Named sessions from outside: make them, look at them, change and delete them.

A named session outlives the processes that join it, and the daemon, until it is deleted. It says
which model is the default, which models play which roles and how the default model generates, and
it counts what is used. A process joins it with MODELD_SESSION=name; keys stay with the process.

All functions ask the daemon, and start it if need be. They raise `SessionNotFound` when there is no
such session, `InvalidRequest` when a name or a setting is wrong or holds a credential, and
`InternalError`, which names the database, when it cannot be used.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import types  # its names load when they are first used
from .settings import Settings

if TYPE_CHECKING:
    from .rpc.named import ChosenModel
    from .types import GenerateConfig, NamedSession, SessionSettings

__all__ = [
    "change_session",
    "create_session",
    "delete_session",
    "get_session",
    "joined_session",
    "list_sessions",
    "resolve_model",
    "update_session",
]


def joined_session() -> str | None:
    """The name of the session that this process has joined by MODELD_SESSION, if it has."""
    return Settings.from_environment().session


def create_session(name: str, settings: SessionSettings | None = None) -> NamedSession:
    """A new session. One of that name is not changed but an `InvalidRequest`."""
    made: NamedSession = _rpc().create_session(name, settings or types.SessionSettings())
    return made


def get_session(name: str) -> NamedSession:
    """The session of that name, with what was used in it by model and by role."""
    found: NamedSession = _rpc().get_session(name)
    return found


def list_sessions() -> list[NamedSession]:
    """All sessions, by name."""
    found: list[NamedSession] = _rpc().list_sessions()
    return found


def update_session(name: str, settings: SessionSettings) -> NamedSession:
    """Replaces what a session says; what was used stays. The next `get_model` follows it."""
    changed: NamedSession = _rpc().update_session(name, settings)  # in any case, so never None
    return changed


def change_session(name: str, change: Callable[[SessionSettings], SessionSettings]) -> NamedSession:
    """Changes what a session says to what the function makes of it. No other change gets lost: when
    one comes in between, the function is called again with its outcome.
    """
    while True:
        old = get_session(name)
        changed: NamedSession | None = _rpc().update_session(
            name, change(old.settings), old.changed
        )
        if changed is not None:
            return changed


def delete_session(name: str) -> None:
    """Deletes a session and what was counted. Processes that joined go on, but get no new model."""
    _rpc().delete_session(name)


def resolve_model(
    session: str,
    role: str | None = None,
    model: str | None = None,
    config: GenerateConfig | None = None,
    *,
    required: bool = False,
) -> ChosenModel:
    """Which model a session gives for a role, a named model or neither; the daemon decides.

    Raises:
        PrerequisiteError: The role is required, and the session does not bind it.
    """
    named = types.ModelConfig(model or "", config or types.GenerateConfig())
    chosen: ChosenModel = _rpc().resolve_model(session, role, named, required=required)
    return chosen


def _rpc() -> Any:
    """The rpc room, loaded when it is needed: it imports grpc."""
    return import_module("modeld.rpc.named")
