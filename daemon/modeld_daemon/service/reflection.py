"""Server reflection, in its v1 name and the older v1alpha one, for tools such as buf curl."""

from __future__ import annotations

from collections.abc import Iterable

import grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha._async import ReflectionServicer
from grpc_reflection.v1alpha.reflection_pb2_grpc import add_ServerReflectionServicer_to_server

__all__ = ["add_reflection"]

SERVICES = ("grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection")


def add_reflection(services: Iterable[str], server: grpc.aio.Server) -> None:
    """Lets callers with the token ask for the descriptors of `services`.

    The messages of v1 and v1alpha are the same on the wire, so one servicer answers both names.
    """
    servicer = ReflectionServicer([*services, *SERVICES])
    add_ServerReflectionServicer_to_server(servicer, server)
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    generic = grpc.method_handlers_generic_handler(SERVICES[0], {"ServerReflectionInfo": handler})
    server.add_generic_rpc_handlers((generic,))
