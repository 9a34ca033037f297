"""NamedSessionService: sessions that have a name and last."""

from __future__ import annotations

from typing import Any

import grpc

from modeld.errors import InvalidRequest
from modeld.types import ModelConfig, SessionSettings
from modeld.v1 import named_session_service_pb2 as pb
from modeld.v1.model_service_pb2 import ModelSpec as ModelSpecProto
from modeld.v1.named_session_service_pb2_grpc import NamedSessionServiceServicer
from modeld.wire import (
    model_config_to_proto,
    named_session_to_proto,
    session_settings_from_proto,
)

from ..core.named import NamedSessions
from ..core.resolve import ModelSpec
from .calls import spec_from_proto

__all__ = ["NamedSessionServicer"]

Context = grpc.aio.ServicerContext[Any, Any]


class NamedSessionServicer(NamedSessionServiceServicer):
    """Maps in, asks the named sessions, maps out."""

    def __init__(self, named: NamedSessions) -> None:
        self._named = named

    async def CreateSession(  # noqa: N802  # named by the contract
        self, request: pb.CreateSessionRequest, context: Context
    ) -> pb.CreateSessionResponse:
        """Makes a session."""
        made = await self._named.create(request.name, _settings(request.settings))
        return pb.CreateSessionResponse(session=named_session_to_proto(made))

    async def GetSession(  # noqa: N802
        self, request: pb.GetSessionRequest, context: Context
    ) -> pb.GetSessionResponse:
        """The session of a name."""
        named = await self._named.get(request.name)
        return pb.GetSessionResponse(session=named_session_to_proto(named.seen()))

    async def ListSessions(  # noqa: N802
        self, request: pb.ListSessionsRequest, context: Context
    ) -> pb.ListSessionsResponse:
        """All sessions."""
        found = await self._named.all()
        return pb.ListSessionsResponse(sessions=map(named_session_to_proto, found))

    async def UpdateSession(  # noqa: N802
        self, request: pb.UpdateSessionRequest, context: Context
    ) -> pb.UpdateSessionResponse:
        """Replaces the settings of a session."""
        since = request.since if request.HasField("since") else None
        changed = await self._named.update(request.name, _settings(request.settings), since)
        if changed is None:
            stays = (await self._named.get(request.name)).seen()
            return pb.UpdateSessionResponse(session=named_session_to_proto(stays), outdated=True)
        return pb.UpdateSessionResponse(session=named_session_to_proto(changed))

    async def DeleteSession(  # noqa: N802
        self, request: pb.DeleteSessionRequest, context: Context
    ) -> pb.DeleteSessionResponse:
        """Deletes a session."""
        await self._named.delete(request.name)
        return pb.DeleteSessionResponse()

    async def ResolveModel(  # noqa: N802
        self, request: pb.ResolveModelRequest, context: Context
    ) -> pb.ResolveModelResponse:
        """Which model a call gets."""
        named = await self._named.get(request.session)
        role = request.role if request.HasField("role") else None
        model = spec_from_proto(request.model) if request.HasField("model") else None
        choice = named.choose(role, model, required=request.role_required)
        return pb.ResolveModelResponse(
            model=_spec_to_proto(choice.spec),
            role=choice.role,
            others=map(_spec_to_proto, choice.others),
            bound=choice.bound,
        )


def _settings(proto: pb.SessionSettings) -> SessionSettings:
    models = [proto.model, *(model for role in proto.roles.values() for model in role.models)]
    if any(model.HasField("api_key") for model in models):
        raise InvalidRequest(
            "a session never holds a key: set the provider's variable where the session is joined"
        )
    return session_settings_from_proto(proto)


def _spec_to_proto(spec: ModelSpec) -> ModelSpecProto:
    """A model as it was chosen, without a key, which the caller knows."""
    return model_config_to_proto(ModelConfig(spec.name, spec.config, spec.base_url, spec.args))
