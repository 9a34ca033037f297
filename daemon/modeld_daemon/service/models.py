"""ModelService: models that a session holds, and what there is to hold."""

from __future__ import annotations

from typing import Any

import anyio.to_thread
import grpc

from modeld.errors import InvalidRequest, PrerequisiteError, redact
from modeld.v1 import model_service_pb2 as pb
from modeld.v1.model_service_pb2_grpc import ModelServiceServicer

from ..core.listing import list_hosted
from ..core.named import Choice, Named
from ..core.ports import Catalog, ModelListing, Row
from ..core.sessions import Session, Sessions
from .admission import Admission
from .calls import chosen, spec_from_proto
from .metadata import named_of, session_of

__all__ = ["ModelServicer", "open_model"]

Context = grpc.aio.ServicerContext[Any, Any]


def open_model(
    sessions: Sessions, session: Session, request: pb.OpenModelRequest, named: Named | None = None
) -> pb.OpenModelResponse:
    """Opens a model for a session, or says which variables must be known first."""
    if request.HasField("session"):
        named = sessions.named.find(request.session)
    choice = _choice(request, named)
    spec = choice.spec
    missing = sessions.missing(session, spec)
    if missing:
        return pb.OpenModelResponse(need_environment=missing)
    by_name = not request.HasField("role") and bool(request.model.name)
    lease = sessions.open_model(session, spec, named, None if by_name else choice)
    resolution, _ = lease.resolve()
    base_url = resolution.connection.base_url
    return pb.OpenModelResponse(
        handle=lease.handle,
        environment=sessions.resolver.variables(resolution.row),
        provider=resolution.row.name,
        account=resolution.route.account.fingerprint,
        base_url=None if base_url is None else redact(base_url),
        stateful=not resolution.row.shared and "custom_outputs" in spec.args,
        model=spec.name,
    )


def _choice(request: pb.OpenModelRequest, named: Named | None) -> Choice:
    """The model that is opened, and the role that it plays."""
    spec = spec_from_proto(request.model)
    role = request.role if request.HasField("role") else None
    if named is not None:
        return chosen(named.choose(role, spec, required=request.role_required))
    if request.role_required:
        raise PrerequisiteError(f"Model role '{role or ''}' is required and was not specified.")
    return Choice(spec, role)


class ModelServicer(ModelServiceServicer):
    """Maps in, asks the sessions and the catalog, maps out."""

    def __init__(self, sessions: Sessions, catalog: Catalog, admission: Admission) -> None:
        self._sessions = sessions
        self._catalog = catalog
        self._admission = admission

    async def OpenModel(  # noqa: N802  # named by the contract
        self, request: pb.OpenModelRequest, context: Context
    ) -> pb.OpenModelResponse:
        """Leases a model to a session."""
        self._admission.check()
        named = await named_of(context, self._sessions)
        if request.HasField("session"):
            named = await self._sessions.named.get(request.session)
        await self._sessions.resolver.ready(_choice(request, named).spec)
        return open_model(self._sessions, self._session(context), request, named)

    async def CloseModel(  # noqa: N802
        self, request: pb.CloseModelRequest, context: Context
    ) -> pb.CloseModelResponse:
        """Gives a lease back."""
        self._sessions.close_model(self._session(context), request.handle)
        return pb.CloseModelResponse()

    def _session(self, context: Context) -> Session:
        session = session_of(context, self._sessions)
        if session is None:
            raise InvalidRequest("handles live in a session: name it in 'modeld-session'")
        return session

    async def ListModels(  # noqa: N802
        self, request: pb.ListModelsRequest, context: Context
    ) -> pb.ListModelsResponse:
        """Models that can be named."""
        if request.ask_server and request.provider:
            environment = dict(request.environment)
            listed = await list_hosted(self._sessions, request.provider, environment)
            if listed is not None:
                return _listed(listed.models, listed.need_environment)
        found = await anyio.to_thread.run_sync(self._catalog.models, request.provider)
        return _listed(found, [])

    async def ListProviders(  # noqa: N802
        self, request: pb.ListProvidersRequest, context: Context
    ) -> pb.ListProvidersResponse:
        """Providers of this daemon."""
        found = await anyio.to_thread.run_sync(self._describe_all)
        return pb.ListProvidersResponse(providers=found)

    def _describe_all(self) -> list[pb.ProviderDescription]:
        self._catalog.look()
        return [self._describe(row) for row in self._catalog.rows()]

    def _describe(self, row: Row) -> pb.ProviderDescription:
        key_configured, base_url = self._sessions.resolver.configuration(row)
        return pb.ProviderDescription(
            name=row.name,
            description=row.description,
            installed=self._catalog.installed(row),
            install_hint=self._catalog.install_hint(row),
            key_variables=row.key_variables,
            base_url_variables=row.base_url_variables,
            default_base_url=row.base_url or "",
            key_required=row.key_required,
            key_configured=key_configured,
            configured_base_url=None if base_url is None else redact(base_url),
            features=self._catalog.features(row),
            credential_variables=row.credential_variables,
            base_url_required=row.base_url_required or bool(row.quirks.get("own_address")),
        )


def _listed(models: list[ModelListing], needed: list[str]) -> pb.ListModelsResponse:
    described = [
        pb.ModelDescription(
            name=model.name,
            size_bytes=model.size_bytes,
            available=model.available,
            loaded=model.loaded,
            description=model.description,
        )
        for model in models
    ]
    return pb.ListModelsResponse(models=described, need_environment=needed)
