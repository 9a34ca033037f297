"""How Amazon writes streams and errors.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html and
…/API_runtime_InvokeModelWithResponseStream.html; errors: …/CommonErrors.html
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from tests.fakes.aws_frames import frame

from .column import FailureName
from .wire import Failure, Framing

__all__ = ["CHUNKS", "FAILURES", "FRAMES", "HEADERS", "TROUBLE"]

_KIND = "application/vnd.amazon.eventstream"
HEADERS = {"x-amzn-requestid": "request-1"}


def _frame(payload: bytes, kind: str, name: str) -> bytes:
    type = {"event": ":event-type", "exception": ":exception-type"}[kind]
    headers = {type: name, ":content-type": "application/json", ":message-type": kind}
    return frame(payload, **headers)


def _named(events: list[Any]) -> list[bytes]:
    """Events are objects of one member, which is their name."""
    return [_written(name, value) for event in events for name, value in event.items()]


def _written(name: str, value: Any) -> bytes:
    kind = "exception" if name.endswith("Exception") else "event"
    return _frame(json.dumps(value).encode(), kind, name)


def _chunks(events: list[Any]) -> list[bytes]:
    """Events of the model's own API in chunks of Amazon's, or exceptions."""
    written = []
    for event in events:
        if "type" in event:
            data = base64.b64encode(json.dumps(event).encode()).decode()
            written.append(_written("chunk", {"bytes": data, "p": "abc"}))
        else:
            written += _named([event])
    return written


FRAMES = Framing(_KIND, _named, _frame(b"{oops", "event", "contentBlockDelta"))
CHUNKS = Framing(_KIND, _chunks, _frame(b"{oops", "event", "chunk"))


def _failure(status: int, type: str, message: str, **headers: str) -> Failure:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Failure(status, {"message": message}, {**names, "x-amzn-errortype": type, **HEADERS})


TROUBLE = {"internalServerException": {"message": "The service has trouble."}}
FAILURES: Mapping[FailureName, Failure] = {
    "unauthorized": _failure(
        403, "UnrecognizedClientException", "The security token included in the request is invalid."
    ),
    "forbidden": _failure(
        403, "AccessDeniedException", "You don't have access to the model with that model ID."
    ),
    "no_model": _failure(400, "ValidationException", "The provided model identifier is invalid."),
    "bad_request": _failure(
        400, "ValidationException", "A conversation must start with a user message."
    ),
    "rate_limit": _failure(
        429, "ThrottlingException", "Too many requests, please wait.", retry_after="7"
    ),
    "server": _failure(500, "InternalServerException", "The service has trouble."),
    "overloaded": _failure(503, "ServiceUnavailableException", "Bedrock is unable to process."),
    "quota": _failure(
        400, "ServiceQuotaExceededException", "Your request exceeds the quota of your account."
    ),
}
