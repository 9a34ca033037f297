"""DaemonService: state and end of the daemon."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import grpc

import modeld
from modeld.errors import redact
from modeld.v1 import daemon_service_pb2 as pb
from modeld.v1.daemon_service_pb2_grpc import DaemonServiceServicer

from ..core.pipeline import Pipeline
from ..core.ports import Catalog
from ..core.sessions import Sessions
from .admission import Admission

__all__ = ["DaemonServicer", "Identity", "StopRequest"]

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True)
class Identity:
    """What does not change while a daemon lives."""

    generation: str
    idle_timeout: float
    """Seconds; 0 means never."""
    rss: Callable[[], int]
    """Resident bytes of this process, now."""


class StopRequest(Protocol):
    """Asks the composition root to stop; returns at once."""

    def __call__(self, *, force: bool, new_token: bool) -> None: ...


class DaemonServicer(DaemonServiceServicer):
    """Snapshots of the core, put into messages."""

    def __init__(
        self,
        pipeline: Pipeline,
        sessions: Sessions,
        catalog: Catalog,
        admission: Admission,
        identity: Identity,
        stop: StopRequest,
    ) -> None:
        self._pipeline = pipeline
        self._sessions = sessions
        self._catalog = catalog
        self._admission = admission
        self._identity = identity
        self._stop = stop
        self._started = time.monotonic()

    async def GetStatus(  # noqa: N802  # named by the contract
        self, request: pb.GetStatusRequest, context: Context
    ) -> pb.GetStatusResponse:
        """What the daemon is doing now."""
        flights = self._pipeline.flights.statistics()
        return pb.GetStatusResponse(
            version=modeld.__version__,
            pid=os.getpid(),
            generation=self._identity.generation,
            uptime_seconds=time.monotonic() - self._started,
            in_flight=flights.in_flight,
            calls_total=flights.total,
            calls_failed=flights.failed,
            sessions=[
                pb.SessionStatus(
                    client_name=s.client_name,
                    client_version=s.client_version,
                    pid=s.pid,
                    in_flight=s.in_flight,
                    leases=s.leases,
                )
                for s in self._sessions.statistics()
            ],
            clients=[
                pb.ClientStatus(
                    provider=c.provider,
                    account=c.account,
                    base_url=redact(c.base_url),
                    leases=c.leases,
                    in_flight=c.in_flight,
                )
                for c in self._pipeline.clients.statistics()
            ],
            engines=[
                pb.EngineStatus(
                    name=e.name, pid=e.pid, models=e.models, in_flight=e.in_flight, starts=e.starts
                )
                for e in self._catalog.engines()
            ],
            rss_bytes=self._identity.rss(),
            idle_timeout_seconds=self._identity.idle_timeout,
            draining=self._admission.draining,
        )

    async def Shutdown(  # noqa: N802
        self, request: pb.ShutdownRequest, context: Context
    ) -> pb.ShutdownResponse:
        """Begins to stop."""
        in_flight = self._pipeline.flights.statistics().in_flight
        self._stop(force=request.force, new_token=request.new_token)
        return pb.ShutdownResponse(in_flight=in_flight)
