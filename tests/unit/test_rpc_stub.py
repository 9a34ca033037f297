"""The blocking stub against grpc's own test channel: what exactly is asked, and what an error is."""

from __future__ import annotations

import threading
from typing import Any

import grpc
import grpc_testing
import pytest

from modeld.errors import DaemonUnavailable, RateLimited
from modeld.rpc import control
from modeld.rpc.control import FAILURE_TRAILER, failure_of
from modeld.rpc.endpoint import Endpoint
from modeld.v1 import daemon_service_pb2 as pb
from modeld.v1.error_pb2 import FAILURE_REASON_INVALID_REQUEST, FAILURE_REASON_RATE_LIMITED, Failure
from modeld.wire import failure_from_proto

SERVICE = pb.DESCRIPTOR.services_by_name["DaemonService"]
SHUTDOWN = SERVICE.methods_by_name["Shutdown"]
STATUS = SERVICE.methods_by_name["GetStatus"]


class Closing:
    """The test channel as a context manager, as a real one is."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    def __enter__(self) -> Any:
        return self._channel

    def __exit__(self, *_error: object) -> None:
        pass


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> Any:
    found = grpc_testing.channel([SERVICE], grpc_testing.strict_real_time())
    monkeypatch.setattr(control.grpc, "insecure_channel", lambda *_args, **_more: Closing(found))
    monkeypatch.setattr(control, "find", lambda: Endpoint("unix:/nowhere", "the-token"))
    return found


def outcome(function: Any) -> tuple[threading.Thread, list[Any]]:
    """Calls a blocking function in a thread."""
    said: list[Any] = []

    def run() -> None:
        try:
            said.append(function())
        except Exception as error:
            said.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, said


def test_shutdown_says_how_and_brings_the_token(channel):
    thread, said = outcome(lambda: control.shutdown(force=True, new_token=False))
    metadata, request, rpc = channel.take_unary_unary(SHUTDOWN)
    rpc.terminate(pb.ShutdownResponse(), (), grpc.StatusCode.OK, "")
    thread.join()
    assert said == [True]
    assert request == pb.ShutdownRequest(force=True)
    assert ("authorization", "Bearer the-token") in metadata


def test_a_failure_in_the_trailer_becomes_its_error(channel):
    thread, said = outcome(control.get_status)
    _, _, rpc = channel.take_unary_unary(STATUS)
    failure = Failure(reason=FAILURE_REASON_RATE_LIMITED, message="slow down", retry_after=2)
    trailer = ((FAILURE_TRAILER, failure.SerializeToString()),)
    rpc.terminate(None, trailer, grpc.StatusCode.RESOURCE_EXHAUSTED, "slow down")
    thread.join()
    assert isinstance(said[0], RateLimited)
    assert said[0].retry_after == 2


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED])
def test_a_daemon_that_does_not_answer_is_unavailable(channel, code):
    thread, said = outcome(control.get_status)
    _, _, rpc = channel.take_unary_unary(STATUS)
    rpc.terminate(None, (), code, "gone")
    thread.join()
    assert isinstance(said[0], DaemonUnavailable)


def test_a_message_that_is_too_large_is_an_invalid_request(channel):
    stub = channel.unary_unary("/modeld.v1.DaemonService/GetStatus")
    thread, said = outcome(lambda: stub(pb.GetStatusRequest()))
    _, _, rpc = channel.take_unary_unary(STATUS)
    rpc.terminate(None, (), grpc.StatusCode.RESOURCE_EXHAUSTED, "larger than max")
    thread.join()
    failure = failure_of(said[0])
    assert failure.reason == FAILURE_REASON_INVALID_REQUEST
    assert "larger" in str(failure_from_proto(failure))
