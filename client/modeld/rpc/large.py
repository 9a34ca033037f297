"""Requests that are too large for the session stream: each goes by an RPC of its own.

A frame of many megabytes would hold up every other call of the process. The answers take the same
way as those of frames, so that nobody behind can tell the difference.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import grpc

from ..errors import DaemonUnavailable, InvalidRequest
from ..v1 import session_service_pb2 as pb
from ..v1.error_pb2 import FAILURE_REASON_INVALID_REQUEST, FAILURE_REASON_NOT_FOUND, Failure
from ..v1.inference_service_pb2 import (
    Call,
    CountTokensRequest,
    GenerateRequest,
    GenerateStreamRequest,
    StreamEvent,
)
from ..v1.inference_service_pb2_grpc import InferenceServiceStub
from ..v1.model_service_pb2 import OpenModelRequest, OpenModelResponse
from ..v1.model_service_pb2_grpc import ModelServiceStub
from ..wire import failure_from_proto
from .link import MESSAGE_BYTES, Link
from .pending import PendingCall

__all__ = [
    "FAILURE_TRAILER",
    "LARGE_BYTES",
    "check_size",
    "failure_of",
    "open_large",
    "send_large",
]

FAILURE_TRAILER = "modeld-failure-bin"
OPEN_SECONDS = 60.0
LARGE_BYTES = 1024 * 1024
"""Requests over this size go by an RPC of their own, so that they do not hold up the others."""


OnFrame = Callable[[Link, pb.ServerFrame], None]
OnLost = Callable[[Link, PendingCall, str], None]


def check_size(size: int) -> None:
    """Raises for a request that no message can hold."""
    if size > MESSAGE_BYTES - LARGE_BYTES:
        raise InvalidRequest(f"the request has {size} bytes; at most {MESSAGE_BYTES} can be sent")


def send_large(
    on_frame: OnFrame, on_lost: OnLost, link: Link, call: PendingCall, handle: str
) -> None:
    """Sends a call by its own RPC, from a thread of its own."""
    threading.Thread(
        target=_run,
        args=(on_frame, on_lost, link, call, handle),
        name=f"modeld-large-{call.id}",
        daemon=True,
    ).start()


def _run(on_frame: OnFrame, on_lost: OnLost, link: Link, call: PendingCall, handle: str) -> None:
    try:
        for frame in _frames(link, call, handle):
            frame.call_id = call.id
            on_frame(link, frame)
    except grpc.FutureCancelledError:
        return
    except grpc.RpcError as error:
        try:
            failed = failure_of(error)
        except DaemonUnavailable as lost:  # not the daemon's answer, but the end of the connection
            on_lost(link, call, lost.message)
        else:
            if failed.reason == FAILURE_REASON_NOT_FOUND and _was_closed(call, link, handle):
                on_lost(link, call, failed.message)
            else:
                on_frame(link, pb.ServerFrame(call_id=call.id, failed=failed))
    except Exception as defect:  # noqa: BLE001  # such as a closed channel: somebody waits
        on_lost(link, call, f"{type(defect).__name__}: {defect}")


def open_large(link: Link, request: OpenModelRequest) -> OpenModelResponse:
    """Opens a model for the link's session by an RPC of its own; raises what the daemon says."""
    metadata = (*link.metadata, ("modeld-session", link.session))
    try:
        answer: OpenModelResponse = ModelServiceStub(link.channel).OpenModel(
            request, metadata=metadata, timeout=OPEN_SECONDS
        )
    except grpc.RpcError as error:
        raise failure_from_proto(failure_of(error)) from None
    return answer


def _was_closed(call: PendingCall, link: Link, handle: str) -> bool:
    """Whether the handle was given back since (a frame on the stream may overtake the RPC), or the
    session ended with its connection while the RPC went over a new one.
    """
    return not link.connected or (call.model is not None and call.model.handle_on(link) != handle)


def _frames(link: Link, call: PendingCall, handle: str) -> Iterator[pb.ServerFrame]:
    """The answer of the call's own RPC, as the session stream would bring it."""
    stub = InferenceServiceStub(link.channel)
    metadata = (*link.metadata, ("modeld-session", link.session))
    body = call.frame(handle)
    if call.kind == "count_tokens":
        counting = CountTokensRequest.FromString(body.count_tokens)
        rpc = _abortable(call, stub.CountTokens.future(counting, metadata=metadata))
        yield pb.ServerFrame(counted=rpc.result())
    elif call.kind == "generate":
        unary = GenerateRequest(call=Call.FromString(body.generate))
        rpc = _abortable(call, stub.Generate.future(unary, metadata=metadata))
        yield pb.ServerFrame(event=StreamEvent(seq=1, finished=rpc.result()))
    else:
        stream = GenerateStreamRequest(call=Call.FromString(body.generate_stream))
        for response in _abortable(call, stub.GenerateStream(stream, metadata=metadata)):
            yield pb.ServerFrame(event=response.event)


def _abortable(call: PendingCall, rpc: Any) -> Any:
    call.abort = rpc.cancel
    if call.abandoned:  # before there was something to abort
        rpc.cancel()
    return rpc


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
