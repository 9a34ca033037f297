"""Nobody enters without the token; what everybody who enters may ask."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from modeld.environment import is_sendable
from modeld.errors import ERROR_BY_REASON, ModeldError
from modeld.v1 import error_pb2
from modeld.v1.error_pb2 import FailureReason
from modeld.v1.inference_service_pb2 import GenerateRequest
from modeld.wire import failure_from_proto, failure_to_proto
from modeld_daemon.core.resolve import PROXY_VARIABLES
from modeld_daemon.core.services import service_row
from modeld_daemon.core.sessions import ACCEPTED
from modeld_daemon.providers.catalog import ROWS
from modeld_daemon.service.errors import STATUS_BY_REASON
from tests.fakes.acting import until
from tests.fakes.raw_session import RawSession, bearer, open_channel
from tests.fakes.unary import Unary, failure

PROTO = Path(__file__).parents[2] / "proto" / "modeld" / "v1" / "error.proto"
WRONG = {
    "none": (),
    "wrong": (("authorization", "Bearer wrong"),),
    "empty": (("authorization", ""),),
    "no scheme": (("authorization", "{token}"),),
    "prefix": (("authorization", "Bearer {half}"),),
    "long": (("authorization", "Bearer " + "x" * 4000),),
    "elsewhere": (("token", "{token}"), ("authorization-bin", b"Bearer x")),
}
EVERY = {
    "/modeld.v1.InferenceService/Generate": "unary_unary",
    "/modeld.v1.InferenceService/GenerateStream": "unary_stream",
    "/modeld.v1.InferenceService/AttachStream": "unary_stream",
    "/modeld.v1.InferenceService/Cancel": "unary_unary",
    "/modeld.v1.InferenceService/CountTokens": "unary_unary",
    "/modeld.v1.ModelService/OpenModel": "unary_unary",
    "/modeld.v1.ModelService/CloseModel": "unary_unary",
    "/modeld.v1.ModelService/ListModels": "unary_unary",
    "/modeld.v1.ModelService/ListProviders": "unary_unary",
    "/modeld.v1.SessionService/Connect": "stream_stream",
    **{
        f"/modeld.v1.NamedSessionService/{name}": "unary_unary"
        for name in (
            "CreateSession",
            "GetSession",
            "ListSessions",
            "UpdateSession",
            "DeleteSession",
            "ResolveModel",
        )
    },
    "/modeld.v1.LimitService/ListLimits": "unary_unary",
    "/modeld.v1.LimitService/SetLimits": "unary_unary",
    "/modeld.v1.LimitService/WatchLimits": "unary_stream",
    "/modeld.v1.CacheService/GetCacheStatistics": "unary_unary",
    "/modeld.v1.CacheService/ListCache": "unary_unary",
    "/modeld.v1.CacheService/ClearCache": "unary_unary",
    "/modeld.v1.CacheService/PruneCache": "unary_unary",
    "/modeld.v1.DaemonService/GetStatus": "unary_unary",
    "/modeld.v1.DaemonService/Shutdown": "unary_unary",
    "/grpc.health.v1.Health/Check": "unary_unary",
    "/grpc.health.v1.Health/List": "unary_unary",
    "/grpc.health.v1.Health/Watch": "unary_stream",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": "stream_stream",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": "stream_stream",
}
if "List" not in health_pb2.DESCRIPTOR.services_by_name["Health"].methods_by_name:
    del EVERY["/grpc.health.v1.Health/List"]  # it came with a later grpcio-health-checking


def ask(channel: grpc.Channel, method: str, metadata: object) -> object:
    kind = EVERY[method]
    rpc = getattr(channel, kind)(method)
    asked = iter([b""]) if kind.startswith("stream") else b""
    answer = rpc(asked, metadata=metadata, timeout=5)
    return next(answer) if kind.endswith("stream") else answer


@pytest.mark.parametrize("token", WRONG)
def test_no_rpc_answers_without_the_token(house, token):
    half = house.token[: len(house.token) // 2]
    metadata = [
        (name, value if isinstance(value, bytes) else value.format(token=house.token, half=half))
        for name, value in WRONG[token]
    ]
    with open_channel(house) as channel:
        for method in EVERY:
            with pytest.raises(grpc.RpcError) as caught:
                ask(channel, method, metadata)
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED, method
            assert failure(caught.value).reason == error_pb2.FAILURE_REASON_UNAUTHENTICATED
            assert house.token not in str(caught.value)
    assert house.pipeline.flights.statistics().total == 0


def test_the_list_of_rpcs_is_complete(house):
    served = {
        f"/{service}/{name}"
        for service in reflected(house, "v1", list_services="").list_services_response.service
        for service, names in [(service.name, methods(house, service.name))]
        for name in names
    }
    assert served == set(EVERY)


def reflected(house, version: str, **question):
    name = f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo"
    with open_channel(house) as channel:
        rpc = channel.stream_stream(
            name,
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        asked = iter([reflection_pb2.ServerReflectionRequest(**question)])
        return next(rpc(asked, metadata=bearer(house), timeout=5))


def methods(house, service: str) -> list[str]:
    if service.startswith("grpc.reflection"):
        return ["ServerReflectionInfo"]
    answer = reflected(house, "v1", file_containing_symbol=service)
    for data in answer.file_descriptor_response.file_descriptor_proto:
        file = FileDescriptorProto.FromString(data)
        for found in file.service:
            if f"{file.package}.{found.name}" == service:
                return [method.name for method in found.method]
    raise AssertionError(service)


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_names_the_services(house, version):
    answer = reflected(house, version, list_services="")
    names = {service.name for service in answer.list_services_response.service}
    assert {"modeld.v1.InferenceService", "grpc.health.v1.Health"} <= names


def test_health_is_told_asked_and_watched(house):
    with open_channel(house) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest(service="modeld.v1.InferenceService")
        serving = health_pb2.HealthCheckResponse.SERVING
        assert health.Check(request, metadata=bearer(house), timeout=5).status == serving
        watched = health.Watch(request, metadata=bearer(house), timeout=5)
        assert next(watched).status == serving
        with Unary(house) as unary:
            house.begin_to_drain()
            until(lambda: unary("GetStatus").draining)
        assert next(watched).status == health_pb2.HealthCheckResponse.NOT_SERVING
        unknown = health_pb2.HealthCheckRequest(service="nobody")
        with pytest.raises(grpc.RpcError) as caught:
            health.Check(unknown, metadata=bearer(house), timeout=5)
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_session_without_the_token_is_refused(house):
    assert RawSession(house, token="wrong").status() is grpc.StatusCode.UNAUTHENTICATED
    assert house.ask(house.sessions.statistics) == []


def test_the_socket_is_the_owners_alone(house):
    assert stat.S_IMODE(os.stat(house.socket).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(house.home.path).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(house.home.token).st_mode) == 0o600


def documented() -> dict[str, str]:
    """Statuses by reason as the comments of the contract say."""
    found = re.findall(r"// \[([A-Z_]+)\][^=]*?FAILURE_REASON_([A-Z_]+) = \d+;", PROTO.read_text())
    return {reason.lower(): status for status, reason in found}


def words() -> set[str]:
    names = set(FailureReason.keys()) - {"FAILURE_REASON_UNSPECIFIED"}
    return {name.removeprefix("FAILURE_REASON_").lower() for name in names}


def test_statuses_are_those_of_the_contract():
    assert {reason: status.name for reason, status in STATUS_BY_REASON.items()} == documented()
    assert set(STATUS_BY_REASON) == words()


def test_every_reason_has_an_error_and_survives_the_wire():
    assert set(ERROR_BY_REASON) == words()
    for word, error in ERROR_BY_REASON.items():
        arrived = failure_from_proto(failure_to_proto(error("text", reason=word, status=7)))
        assert type(arrived) is error
        assert (arrived.reason, arrived.message, arrived.status) == (word, "text", 7)


@pytest.mark.parametrize("number", [0, 99])
def test_a_reason_of_another_version_is_an_internal_error(number):
    unknown = error_pb2.Failure(message="new")
    unknown.MergeFromString(b"\x08" + bytes((number,)))
    assert isinstance(failure_from_proto(unknown), ModeldError)
    assert failure_from_proto(unknown).reason == "internal"


def test_fields_of_a_newer_version_are_passed_over(house):
    request = GenerateRequest.FromString(b"\xfa\x3f\x03new")
    request.call.input = "echo x"
    request.call.model.name = "free/model"
    with open_channel(house) as channel:
        rpc = channel.unary_unary("/modeld.v1.InferenceService/Generate")
        assert b"x" in rpc(request.SerializeToString(), metadata=bearer(house), timeout=5)


def test_every_variable_of_the_catalog_may_be_sent_and_is_taken():
    rows = [service_row(row, "my-service/model")[0] for row in ROWS]
    named = {
        name
        for row in rows
        for name in (*row.key_variables, *row.base_url_variables, *row.other_variables)
    }
    assert {name for name in (*named, *PROXY_VARIABLES) if not is_sendable(name)} == set()
    assert {name for name in (*named, *PROXY_VARIABLES) if not ACCEPTED.fullmatch(name)} == set()
