"""The standard health service of gRPC, for the server as a whole and for each service."""

from __future__ import annotations

from collections.abc import Iterable

import grpc
from grpc_health.v1 import health_pb2
from grpc_health.v1._async import HealthServicer
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server

__all__ = ["Health"]


class Health:
    """Says whether calls are taken."""

    name: str = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name

    def __init__(self, services: Iterable[str], server: grpc.aio.Server) -> None:
        self._services = ("", *services)
        self._servicer = HealthServicer()
        add_HealthServicer_to_server(self._servicer, server)

    async def serving(self) -> None:
        """Calls are taken."""
        await self._set(health_pb2.HealthCheckResponse.SERVING)

    async def not_serving(self) -> None:
        """No new calls are taken."""
        await self._set(health_pb2.HealthCheckResponse.NOT_SERVING)

    async def _set(self, status: int) -> None:
        for service in self._services:
            await self._servicer.set(service, status)
