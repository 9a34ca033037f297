"""Questions to the daemon itself, each over a short connection of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

import grpc

from ..errors import DaemonUnavailable, InvalidRequest
from ..v1 import daemon_service_pb2, limit_service_pb2, model_service_pb2
from ..v1.daemon_service_pb2_grpc import DaemonServiceStub
from ..v1.error_pb2 import FAILURE_REASON_INVALID_REQUEST, Failure
from ..v1.limit_service_pb2_grpc import LimitServiceStub
from ..v1.model_service_pb2_grpc import ModelServiceStub
from ..wire import failure_from_proto
from .endpoint import Endpoint, find, find_or_start
from .link import OPTIONS

__all__ = [
    "FAILURE_TRAILER",
    "ask",
    "failure_of",
    "get_status",
    "list_limits",
    "list_models",
    "list_providers",
    "set_limits",
    "shutdown",
    "watch_limits",
]

FAILURE_TRAILER = "modeld-failure-bin"
SECONDS = 10.0
"""Longest wait for an answer."""
LIST_SECONDS = 90.0
"""The same where a provider's server is asked, and perhaps an SDK imported first."""

T = TypeVar("T")


def get_status() -> daemon_service_pb2.GetStatusResponse | None:
    """What the daemon is doing now; None when none runs."""
    endpoint = find()
    if endpoint is None:
        return None
    request = daemon_service_pb2.GetStatusRequest()
    answer: daemon_service_pb2.GetStatusResponse = ask(
        endpoint, lambda channel, options: DaemonServiceStub(channel).GetStatus(request, **options)
    )
    return answer


def shutdown(*, force: bool, new_token: bool) -> bool:
    """Asks the daemon to stop; False when none runs."""
    endpoint = find()
    if endpoint is None:
        return False
    request = daemon_service_pb2.ShutdownRequest(force=force, new_token=new_token)
    ask(endpoint, lambda channel, options: DaemonServiceStub(channel).Shutdown(request, **options))
    return True


def list_models(
    provider: str, values: Callable[[tuple[str, ...]], Mapping[str, str | None]] | None = None
) -> model_service_pb2.ListModelsResponse:
    """Models that can be named. With `values` of variables, those that the provider's server has."""
    endpoint = find_or_start()
    known: dict[str, str] = {}
    while True:
        request = model_service_pb2.ListModelsRequest(
            provider=provider, ask_server=values is not None, environment=known
        )
        answer = _list_models(endpoint, request)
        needed = set(answer.need_environment) - known.keys()
        if not needed or values is None:
            return answer
        known |= {name: value or "" for name, value in values(tuple(sorted(needed))).items()}


def _list_models(
    endpoint: Endpoint, request: model_service_pb2.ListModelsRequest
) -> model_service_pb2.ListModelsResponse:
    answer: model_service_pb2.ListModelsResponse = ask(
        endpoint,
        lambda channel, options: ModelServiceStub(channel).ListModels(request, **options),
        LIST_SECONDS if request.ask_server else SECONDS,
    )
    return answer


def list_providers() -> model_service_pb2.ListProvidersResponse:
    """Providers of the daemon."""
    request = model_service_pb2.ListProvidersRequest()
    answer: model_service_pb2.ListProvidersResponse = ask(
        find_or_start(),
        lambda channel, options: ModelServiceStub(channel).ListProviders(request, **options),
    )
    return answer


def list_limits() -> limit_service_pb2.ListLimitsResponse | None:
    """The lanes as they are now; None when no daemon runs."""
    endpoint = find()
    if endpoint is None:
        return None
    request = limit_service_pb2.ListLimitsRequest()
    answer: limit_service_pb2.ListLimitsResponse = ask(
        endpoint, lambda channel, options: LimitServiceStub(channel).ListLimits(request, **options)
    )
    return answer


def set_limits(lane: str, **limits: float | None) -> limit_service_pb2.SetLimitsResponse | None:
    """Sets limits by the names of `LaneSettings`; None when no daemon runs."""
    try:
        settings = limit_service_pb2.LaneSettings(**limits)  # type: ignore[arg-type]
        request = limit_service_pb2.SetLimitsRequest(lane=lane, settings=settings)
    except (TypeError, ValueError) as error:
        raise InvalidRequest(
            f"the name of a lane is text and its limits are numbers: {error}"
        ) from None
    endpoint = find()
    if endpoint is None:
        return None
    answer: limit_service_pb2.SetLimitsResponse = ask(
        endpoint, lambda channel, options: LimitServiceStub(channel).SetLimits(request, **options)
    )
    return answer


def watch_limits(interval: float | None) -> Iterator[limit_service_pb2.WatchLimitsResponse]:
    """What changes in the lanes, until the iterator is closed; nothing when no daemon runs."""
    try:
        request = limit_service_pb2.WatchLimitsRequest(interval_seconds=interval)
    except TypeError:
        raise InvalidRequest(f"interval must be a number, not {interval!r:.80}") from None
    endpoint = find()
    if endpoint is None:
        return
    metadata = (("authorization", f"Bearer {endpoint.token}"),)
    with grpc.insecure_channel(endpoint.target, options=OPTIONS) as channel:
        stream = LimitServiceStub(channel).WatchLimits(request, metadata=metadata)
        try:
            yield from stream
        except grpc.RpcError as error:
            if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
                raise DaemonUnavailable(f"the daemon at {endpoint.target} is gone") from None
            raise failure_from_proto(failure_of(error)) from None


def ask(
    endpoint: Endpoint,
    call: Callable[[grpc.Channel, dict[str, object]], T],
    seconds: float = SECONDS,
) -> T:
    """The answer of one call over a short connection; its failure as the error of the house."""
    metadata = (("authorization", f"Bearer {endpoint.token}"),)
    with grpc.insecure_channel(endpoint.target, options=OPTIONS) as channel:
        try:
            return call(channel, {"metadata": metadata, "timeout": seconds})
        except grpc.RpcError as error:
            status = error.code()
            if status is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise DaemonUnavailable(
                    f"the daemon at {endpoint.target} has not answered within {seconds:g} s"
                ) from None
            raise failure_from_proto(failure_of(error)) from None


def failure_of(error: grpc.RpcError) -> Failure:
    """The typed failure in an RPC error's trailer, or one made of its status."""
    trailers: Iterable[tuple[str, bytes]] = error.trailing_metadata() or ()  # type: ignore[assignment]
    for name, value in trailers:
        if name == FAILURE_TRAILER:
            return Failure.FromString(value)
    code, details = error.code(), error.details()
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return Failure(reason=FAILURE_REASON_INVALID_REQUEST, message=details)
    raise DaemonUnavailable(f"{code.name}: {details}") from None
