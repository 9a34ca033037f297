"""Server reflection, in its v1 name and the older v1alpha one, for tools such as buf curl."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

import grpc

__all__ = ["Reflection"]

SERVICES = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")
METHODS = frozenset(f"/{service}/ServerReflectionInfo" for service in SERVICES)


class Reflection(grpc.GenericRpcHandler):
    """Answers callers with the token who ask for the descriptors of `services`.

    Few do. So what answers them is loaded for the first one and not at the start of the daemon.
    """

    def __init__(self, services: Iterable[str]) -> None:
        self._services = [*services, *SERVICES]
        self._handler: Any = None

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """The handler of reflection; None for any other method."""
        if handler_call_details.method not in METHODS:
            return None
        if self._handler is None:
            self._handler = _handler(self._services)
        return self._handler


def _handler(services: Iterable[str]) -> Any:
    """The messages of v1 and v1alpha are the same on the wire: one handler does for both names."""
    messages = import_module("grpc_reflection.v1alpha.reflection_pb2")
    servicer = import_module("grpc_reflection.v1alpha._async").ReflectionServicer(services)
    return grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=messages.ServerReflectionRequest.FromString,
        response_serializer=messages.ServerReflectionResponse.SerializeToString,
    )
