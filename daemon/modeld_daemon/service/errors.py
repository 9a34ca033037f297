"""One table from failure reasons to gRPC statuses, and the way an error leaves an RPC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

import grpc

from modeld.errors import ModeldError
from modeld.wire import failure_to_proto

__all__ = ["FAILURE_TRAILER", "STATUS_BY_REASON", "abort"]

FAILURE_TRAILER = "modeld-failure-bin"

STATUS_BY_REASON: Mapping[str, grpc.StatusCode] = {
    "invalid_request": grpc.StatusCode.INVALID_ARGUMENT,
    "prerequisite": grpc.StatusCode.FAILED_PRECONDITION,
    "not_found": grpc.StatusCode.NOT_FOUND,
    "authentication": grpc.StatusCode.PERMISSION_DENIED,
    "permission": grpc.StatusCode.PERMISSION_DENIED,
    "rate_limited": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "quota_exhausted": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "overloaded": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "provider_unavailable": grpc.StatusCode.UNAVAILABLE,
    "provider_error": grpc.StatusCode.UNKNOWN,
    "timeout": grpc.StatusCode.DEADLINE_EXCEEDED,
    "cancelled": grpc.StatusCode.CANCELLED,
    "conflict": grpc.StatusCode.ALREADY_EXISTS,
    "engine_died": grpc.StatusCode.ABORTED,
    "draining": grpc.StatusCode.UNAVAILABLE,
    "unauthenticated": grpc.StatusCode.UNAUTHENTICATED,
    "internal": grpc.StatusCode.INTERNAL,
    "refused": grpc.StatusCode.ABORTED,
    "unresolved_media": grpc.StatusCode.INVALID_ARGUMENT,
    "session_not_found": grpc.StatusCode.NOT_FOUND,
}
"""The statuses that error.proto documents."""


# Status and trailer travel in headers, and 8 KB of headers end a connection. Letters outside of
# ASCII are three times as long there.
STATUS_BYTES = 900
TRAILER_BYTES = {"message": 2000, "model": 400, "provider_request_id": 200, "provider": 100}


async def abort(context: grpc.aio.ServicerContext[object, object], error: ModeldError) -> NoReturn:
    """Ends the RPC with the error's status, its text, and the whole of it in the trailer."""
    failure = failure_to_proto(error)
    for name, size in TRAILER_BYTES.items():
        if len(text := getattr(failure, name)) * 4 > size:
            setattr(failure, name, _short(text, size))
    status = STATUS_BY_REASON.get(error.reason, grpc.StatusCode.INTERNAL)
    trailer = ((FAILURE_TRAILER, failure.SerializeToString()),)
    await context.abort(status, _short(str(error), STATUS_BYTES), trailer)


def _short(text: str, size: int) -> str:
    data = text.encode("utf-8", "replace")
    return data.decode() if len(data) <= size else f"{data[:size].decode('utf-8', 'ignore')}…"
