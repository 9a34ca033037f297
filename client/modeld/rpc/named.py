"""Questions to the daemon about its named sessions; it is started if need be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import grpc

from ..errors import InvalidRequest
from ..types import ModelConfig, NamedSession, SessionSettings
from ..v1 import named_session_service_pb2 as pb
from ..v1.named_session_service_pb2_grpc import NamedSessionServiceStub
from ..wire import (
    model_config_from_proto,
    model_config_to_proto,
    named_session_from_proto,
    session_settings_to_proto,
)
from .control import ask
from .endpoint import find_or_start

__all__ = [
    "ChosenModel",
    "create_session",
    "delete_session",
    "get_session",
    "list_sessions",
    "resolve_model",
    "update_session",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ChosenModel:
    """What a named session says to a call of `get_model`."""

    model: ModelConfig
    """Without a name it is the caller's own, with this config under it."""
    role: str | None
    """None when the model only stands in for that of a role."""
    bound: bool
    """Whether the session binds the role."""


def create_session(name: str, settings: SessionSettings) -> NamedSession:
    """Makes a session."""
    request = pb.CreateSessionRequest(
        name=_name(name), settings=session_settings_to_proto(settings)
    )
    answer: pb.CreateSessionResponse = _ask(lambda stub, how: stub.CreateSession(request, **how))
    return named_session_from_proto(answer.session)


def get_session(name: str) -> NamedSession:
    """The session of a name."""
    request = pb.GetSessionRequest(name=_name(name))
    answer: pb.GetSessionResponse = _ask(lambda stub, how: stub.GetSession(request, **how))
    return named_session_from_proto(answer.session)


def list_sessions() -> list[NamedSession]:
    """All sessions, by name."""
    request = pb.ListSessionsRequest()
    answer: pb.ListSessionsResponse = _ask(lambda stub, how: stub.ListSessions(request, **how))
    return [named_session_from_proto(session) for session in answer.sessions]


def update_session(
    name: str, settings: SessionSettings, since: float | None = None
) -> NamedSession | None:
    """Replaces the settings of a session; None when somebody has changed it after `since`."""
    request = pb.UpdateSessionRequest(
        name=_name(name), settings=session_settings_to_proto(settings), since=since
    )
    answer: pb.UpdateSessionResponse = _ask(lambda stub, how: stub.UpdateSession(request, **how))
    return None if answer.outdated else named_session_from_proto(answer.session)


def delete_session(name: str) -> None:
    """Deletes a session."""
    request = pb.DeleteSessionRequest(name=_name(name))
    _ask(lambda stub, how: stub.DeleteSession(request, **how))


def resolve_model(
    session: str, role: str | None, model: ModelConfig, *, required: bool
) -> ChosenModel:
    """Which model the session gives to a call that names this one, or none."""
    request = pb.ResolveModelRequest(
        session=_name(session),
        role=None if role is None else _name(role),
        role_required=required,
        model=model_config_to_proto(model),
    )
    answer: pb.ResolveModelResponse = _ask(lambda stub, how: stub.ResolveModel(request, **how))
    role = answer.role if answer.HasField("role") else None
    return ChosenModel(model_config_from_proto(answer.model), role, answer.bound)


def _name(name: str) -> str:
    try:
        name.encode()
    except (AttributeError, UnicodeEncodeError):
        raise InvalidRequest(f"a name must be text, not {name!a:.80}") from None
    return name


def _ask(call: Callable[[NamedSessionServiceStub, dict[str, object]], T]) -> T:
    def on_channel(channel: grpc.Channel, how: dict[str, object]) -> T:
        return call(NamedSessionServiceStub(channel), how)

    return ask(find_or_start(), on_channel)
