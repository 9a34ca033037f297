"""Statuses, error types and messages of Bedrock to errors, by table. Pure.

https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html
A request that is too long is a sad *result*: see `sad_result`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from modeld.errors import (
    AuthenticationError,
    InvalidRequest,
    ModeldError,
    ModelNotFound,
    PermissionDenied,
    ProviderError,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
)
from modeld.types import ModelOutput, StopDetails, StopReason

from ..http.jsontext import loads
from ..http.retry_after import retry_after

__all__ = ["WireError", "failure", "read_error", "sad_result"]

_BY_TYPE: Mapping[str, type[ModeldError]] = {
    "ThrottlingException": RateLimited,
    "Throttling": RateLimited,
    "ThrottledException": RateLimited,
    "RequestThrottled": RateLimited,
    "RequestThrottledException": RateLimited,
    "RequestLimitExceeded": RateLimited,
    "TooManyRequestsException": RateLimited,
    "ProvisionedThroughputExceededException": RateLimited,
    "ServiceQuotaExceededException": QuotaExhausted,
    "TransactionInProgressException": ProviderUnavailable,
    "RequestTimeout": ProviderUnavailable,
    "RequestTimeoutException": ProviderUnavailable,
    "ServiceUnavailable": ProviderUnavailable,
    "ServiceUnavailableException": ProviderUnavailable,
    "InternalServerException": ProviderUnavailable,
    "InternalFailure": ProviderUnavailable,
    "ModelErrorException": ProviderUnavailable,
    "ModelStreamErrorException": ProviderUnavailable,
    "ModelTimeoutException": ProviderUnavailable,
    "ModelNotReadyException": ProviderUnavailable,
    "ResourceNotFoundException": ModelNotFound,
    "ValidationException": InvalidRequest,
    "ConflictException": InvalidRequest,
    "AccessDeniedException": PermissionDenied,
    "OptInRequired": PermissionDenied,
    "NotAuthorized": PermissionDenied,
    "ExpiredTokenException": AuthenticationError,
    "ExpiredToken": AuthenticationError,
    "RequestExpired": AuthenticationError,
    "UnrecognizedClientException": AuthenticationError,
    "InvalidClientTokenId": AuthenticationError,
    "InvalidSignatureException": AuthenticationError,
    "IncompleteSignature": AuthenticationError,
    "IncompleteSignatureException": AuthenticationError,
    "MissingAuthenticationToken": AuthenticationError,
    "MissingAuthenticationTokenException": AuthenticationError,
}
_BY_STATUS: Mapping[int, type[ModeldError]] = {
    400: InvalidRequest,
    401: AuthenticationError,
    403: PermissionDenied,
    404: ModelNotFound,
    408: ProviderUnavailable,
    413: InvalidRequest,
    422: InvalidRequest,
    424: ProviderUnavailable,
    429: RateLimited,
}
_NO_MODEL = re.compile(
    r"model identifier is invalid|model .{0,80}(does not exist|not found)", re.IGNORECASE
)
_NO_KEY = re.compile(r"security token|signature|API key|bearer token", re.IGNORECASE)
_SAD_TEXTS: tuple[tuple[re.Pattern[str], StopReason], ...] = (
    (
        re.compile(
            r"(input|prompt|request|context|messages?)\b[\w ]{0,30}\btoo (long|large)"
            r"|Input Tokens Exceeded|exceeds? (the )?(maximum|max)( context)? length"
            r"|maximum context length|too many input tokens|exceeds? (the )?context",
            re.IGNORECASE,
        ),
        "model_length",
    ),
    (
        re.compile(r"blocked by (the )?content filter|violat\w+ .{0,60}polic", re.IGNORECASE),
        "content_filter",
    ),
)
_SAD_TYPES = ("ValidationException", "")
_SAD_STATUSES = (400, 413, 422)
_SHOWN = 500


@dataclass(frozen=True, slots=True)
class WireError:
    """What an error says."""

    message: str
    type: str = ""
    """Such as ThrottlingException."""
    structured: bool = field(default=True, kw_only=True)
    """False when the body was no JSON, so that whoever answered may not be the API at all."""


def read_error(body: bytes, headers: Mapping[str, str] | None = None) -> WireError:
    """The error of a body, and of the header that has its type."""
    kind = (headers or {}).get("x-amzn-errortype", "")
    try:
        value = loads(body)
    except ValueError:
        text = re.sub(r"<[^>]*>|\s+", " ", body[:4096].decode("utf-8", "replace"))
        return WireError(" ".join(text.split())[:_SHOWN], structured=bool(kind))
    if not isinstance(value, dict):
        return WireError(str(value)[:_SHOWN])
    inner = value.get("error")
    if isinstance(inner, dict):  # proxies and gateways
        value = inner
    kind = kind or str(value.get("__type") or value.get("code") or "")
    message = value.get("message") or value.get("Message") or value
    kind = kind.partition(":")[0].rpartition("#")[2]
    return WireError(str(message), kind[:1].upper() + kind[1:])  # in streams it begins small


def failure(
    error: WireError, status: int | None, headers: Mapping[str, str], provider: str, model: str
) -> ModeldError:
    """The error to raise. `status` is None for an error in a stream."""
    kind = _kind(error, status)
    message = error.message or error.type or "The provider gave no reason."
    if not error.structured:
        message = f"The answer is not the API's (wrong base URL?): {error.message}"
    if status in (301, 302, 303, 307, 308):
        message = f"The base URL is redirected to {headers.get('location', 'another place')}."
    wait = retry_after(headers)
    return kind(
        message,
        provider=provider,
        model=model,
        status=status,
        request_id=headers.get("x-amzn-requestid"),
        retry_after=wait if kind in (RateLimited, ProviderUnavailable) else None,
    )


def sad_result(error: WireError, status: int | None, model: str) -> ModelOutput | None:
    """The result of a request that was refused for its content or length, if it is one."""
    if status not in _SAD_STATUSES or error.type not in _SAD_TYPES or not error.structured:
        return None
    reason = next((r for text, r in _SAD_TEXTS if text.search(error.message)), None)
    if reason is None:
        return None
    details = StopDetails(type=error.type or None, explanation=error.message)
    return ModelOutput.from_content(
        model, error.message, reason, error=error.message, stop_details=details
    )


def _kind(error: WireError, status: int | None) -> type[ModeldError]:
    kind = _BY_TYPE.get(error.type)
    if kind is None and status is not None and status >= 500:
        return ProviderUnavailable
    if kind is None and status == 404 and not error.structured:
        return ProviderError
    if kind is None:
        kind = _BY_STATUS.get(status or 0, ProviderError)
    if kind is InvalidRequest and _NO_MODEL.search(error.message):
        return ModelNotFound
    if kind is PermissionDenied and not error.type and _NO_KEY.search(error.message):
        return AuthenticationError
    return kind
