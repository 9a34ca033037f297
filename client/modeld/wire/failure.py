"""Failures and the exceptions that they become."""

from __future__ import annotations

from modeld.v1 import error_pb2 as pb

from ..errors import ERROR_BY_REASON, InternalError, ModeldError
from . import enums
from .model_call import fill_model_call, model_call_from_proto
from .naming import build


def failure_to_proto(error: ModeldError) -> pb.Failure:
    """Why a call failed."""
    return build(pb.Failure(), fill_failure, error, "failure")


def fill_failure(out: pb.Failure, error: ModeldError) -> None:
    """Write an error into an empty message; a reason that the wire lacks is internal."""
    out.reason = enums.FAILURE_REASON.get(error.reason, pb.FAILURE_REASON_INTERNAL)
    # Text of third parties may hold halves of surrogate pairs. An error must always arrive.
    out.message = error.message.encode("utf-8", "replace").decode()
    if error.provider is not None:
        out.provider = error.provider
    if error.model is not None:
        out.model = error.model
    if error.status is not None:
        out.provider_status = error.status
    if error.request_id is not None:
        out.provider_request_id = error.request_id
    if error.retry_after is not None:
        out.retry_after = error.retry_after
    if error.attempts is not None:
        out.attempts = error.attempts
    if error.phase is not None:
        out.phase = error.phase
    if error.call is not None:
        fill_model_call(out.raw, error.call)


def failure_from_proto(proto: pb.Failure) -> ModeldError:
    """The exception to raise; a reason of a newer version becomes `InternalError`."""
    reason = enums.FAILURE_REASON_WORD.get(proto.reason, "internal")
    has = proto.HasField
    error = ERROR_BY_REASON.get(reason, InternalError)(
        proto.message,
        provider=proto.provider if has("provider") else None,
        model=proto.model if has("model") else None,
        status=proto.provider_status if has("provider_status") else None,
        request_id=proto.provider_request_id if has("provider_request_id") else None,
        retry_after=proto.retry_after if has("retry_after") else None,
        attempts=proto.attempts if has("attempts") else None,
        phase=proto.phase if has("phase") else None,
        reason=reason,
    )
    error.call = model_call_from_proto(proto.raw) if has("raw") else None
    return error
