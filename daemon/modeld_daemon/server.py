"""The gRPC server: its options, its services, its end."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import grpc

from modeld.v1 import (
    cache_service_pb2,
    daemon_service_pb2,
    inference_service_pb2,
    limit_service_pb2,
    model_service_pb2,
    named_session_service_pb2,
    session_service_pb2,
)
from modeld.v1.cache_service_pb2_grpc import add_CacheServiceServicer_to_server
from modeld.v1.daemon_service_pb2_grpc import add_DaemonServiceServicer_to_server
from modeld.v1.inference_service_pb2_grpc import add_InferenceServiceServicer_to_server
from modeld.v1.limit_service_pb2_grpc import add_LimitServiceServicer_to_server
from modeld.v1.model_service_pb2_grpc import add_ModelServiceServicer_to_server
from modeld.v1.named_session_service_pb2_grpc import add_NamedSessionServiceServicer_to_server
from modeld.v1.session_service_pb2_grpc import add_SessionServiceServicer_to_server

from .core.flights import Spawner
from .core.kept import CacheBoard
from .core.pipeline import Pipeline
from .core.ports import Catalog
from .core.sessions import Sessions
from .service.admission import Admission
from .service.cache import CacheServicer
from .service.daemon import DaemonServicer, Identity, StopRequest
from .service.health import Health
from .service.inference import InferenceServicer
from .service.interceptor import DoorInterceptor
from .service.limits import LimitServicer
from .service.models import ModelServicer
from .service.named import NamedSessionServicer
from .service.reflection import Reflection
from .service.session import SessionServicer

__all__ = ["Server"]

MESSAGE_BYTES = 64 * 1024 * 1024
PENDING = 100_000

OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_send_message_length", MESSAGE_BYTES),
    # With the defaults a burst of more than about 1,000 calls at once is answered CANCELLED.
    ("grpc.server.max_pending_requests", PENDING),
    ("grpc.server.max_pending_requests_hard_limit", PENDING),
    ("grpc.max_concurrent_streams", PENDING),
    ("grpc.so_reuseport", 0),
    # A local client that is alive but silent for hours is no reason to drop its session.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
)
SERVICES = {
    "InferenceService": inference_service_pb2,
    "ModelService": model_service_pb2,
    "SessionService": session_service_pb2,
    "NamedSessionService": named_session_service_pb2,
    "CacheService": cache_service_pb2,
    "LimitService": limit_service_pb2,
    "DaemonService": daemon_service_pb2,
}


class Server:
    """Serves the contract on a unix socket, to callers that know the token."""

    def __init__(
        self,
        pipeline: Pipeline,
        sessions: Sessions,
        catalog: Catalog,
        *,
        cache: CacheBoard,
        token: str,
        identity: Identity,
        stop: StopRequest,
        tasks: Spawner,
    ) -> None:
        self._pipeline = pipeline
        self._admission = Admission()
        self._server = grpc.aio.server(interceptors=[DoorInterceptor(token)], options=list(OPTIONS))
        self._sessions = SessionServicer(pipeline, sessions, self._admission, tasks)
        inference = InferenceServicer(pipeline, sessions, self._admission)
        models = ModelServicer(sessions, catalog, self._admission)
        daemon = DaemonServicer(pipeline, sessions, catalog, self._admission, identity, stop)
        limits = LimitServicer(pipeline.lanes)
        add_SessionServiceServicer_to_server(self._sessions, self._server)
        named = NamedSessionServicer(sessions.named)
        add_NamedSessionServiceServicer_to_server(named, self._server)
        add_InferenceServiceServicer_to_server(inference, self._server)
        add_ModelServiceServicer_to_server(models, self._server)
        add_LimitServiceServicer_to_server(limits, self._server)
        add_CacheServiceServicer_to_server(CacheServicer(cache), self._server)
        add_DaemonServiceServicer_to_server(daemon, self._server)
        names = [m.DESCRIPTOR.services_by_name[n].full_name for n, m in SERVICES.items()]
        self._health = Health(names, self._server)
        self._server.add_generic_rpc_handlers((Reflection([*names, Health.name]),))

    async def start(self, socket_path: str) -> None:
        """Listens. The socket is the owner's alone from its first moment."""
        mask = os.umask(0o177)
        try:
            self._server.add_insecure_port(f"unix:{socket_path}")
            await self._server.start()
        finally:
            os.umask(mask)
        Path(socket_path).chmod(0o600)  # noqa: ASYNC240  # before anybody is served
        await self._health.serving()

    async def drain(self, grace: float | None) -> None:
        """Takes no new calls and waits for the running ones, at most `grace` seconds."""
        self._admission.draining = True
        self._sessions.say_goodbye("the daemon is stopping")
        await self._health.not_serving()
        with anyio.move_on_after(grace):
            await self._pipeline.flights.drained()
            await self._sessions.settled()

    async def stop(self) -> None:
        """Cancels what still runs and closes every connection."""
        self._pipeline.flights.cancel_all("the daemon was stopped")
        with anyio.move_on_after(2, shield=True):
            await self._pipeline.flights.drained()
            await anyio.sleep(0.02)  # lets the last frames leave
        await self._server.stop(grace=0.2)

    def in_flight(self) -> int:
        """Calls that run or wait."""
        return self._pipeline.flights.statistics().in_flight
