"""Statuses and error bodies to errors, by table. Pure.

https://ai.google.dev/gemini-api/docs/troubleshooting, https://google.aip.dev/193
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
from modeld.types import JsonObject, JsonValue, ModelOutput, StopDetails, StopReason

from ..http.jsontext import loads
from ..http.retry_after import retry_after, wait_of

__all__ = ["WireError", "error_from", "failure", "read_error", "sad_result"]

# Reasons of `google.rpc.ErrorInfo` that say more than the status that they come with.
_BY_REASON: Mapping[str, type[ModeldError]] = {
    "API_KEY_INVALID": AuthenticationError,
    "API_KEY_EXPIRED": AuthenticationError,
    "ACCESS_TOKEN_EXPIRED": AuthenticationError,
    "ACCESS_TOKEN_TYPE_UNSUPPORTED": AuthenticationError,
    "CREDENTIALS_MISSING": AuthenticationError,
    "BILLING_DISABLED": QuotaExhausted,
}
# https://cloud.google.com/apis/design/errors#handling_errors
_BY_WORD: Mapping[str, type[ModeldError]] = {
    "INVALID_ARGUMENT": InvalidRequest,
    "FAILED_PRECONDITION": InvalidRequest,
    "OUT_OF_RANGE": InvalidRequest,
    "UNIMPLEMENTED": InvalidRequest,
    "UNAUTHENTICATED": AuthenticationError,
    "PERMISSION_DENIED": PermissionDenied,
    "NOT_FOUND": ModelNotFound,
    "RESOURCE_EXHAUSTED": RateLimited,
    "ABORTED": ProviderUnavailable,
    "CANCELLED": ProviderUnavailable,
    "DEADLINE_EXCEEDED": ProviderUnavailable,
    "INTERNAL": ProviderUnavailable,
    "UNAVAILABLE": ProviderUnavailable,
    "UNKNOWN": ProviderUnavailable,
}
_BY_STATUS: Mapping[int, type[ModeldError]] = {
    400: InvalidRequest,
    401: AuthenticationError,
    402: QuotaExhausted,
    403: PermissionDenied,
    408: ProviderUnavailable,
    409: ProviderUnavailable,
    413: InvalidRequest,
    422: InvalidRequest,
    429: RateLimited,
    499: ProviderUnavailable,
}
# "You exceeded your current quota" is said of limits by the minute too; a limit of nothing is none.
_QUOTA = re.compile(r"limit: 0\b|credits? (is|are) depleted|no (remaining )?credits", re.IGNORECASE)
_MODEL = re.compile(r"\bmodels?\b", re.IGNORECASE)
_KEY = re.compile(r"API key (not valid|expired)", re.IGNORECASE)

_SAD_TEXTS: tuple[tuple[re.Pattern[str], StopReason], ...] = (
    (
        re.compile(
            r"maximum number of tokens|size exceeds the limit|maximum context length"
            r"|(input|prompt|request)[\w ]* (is )?too (long|large)|payload size exceeds"
            r"|token count is \d+ but",  # "... but model only supports up to"
            re.IGNORECASE,
        ),
        "model_length",
    ),
    (
        re.compile(
            r"\b(prompt|input|content|image)\b.{0,60}\b(was|were|is|been) blocked"
            r"|violat\w+ .{0,60}\b(polic|guideline|safety)",
            re.IGNORECASE,
        ),
        "content_filter",
    ),
)
_SAD_STATUSES = (400, 413, 422)
_SHOWN = 500


@dataclass(frozen=True, slots=True)
class WireError:
    """What an error body says."""

    message: str
    code: int | None = None
    word: str = ""
    """`error.status`, such as RESOURCE_EXHAUSTED."""
    reason: str = ""
    """The reason of its `ErrorInfo`."""
    retry_after: float | None = None
    """Seconds of its `RetryInfo`."""
    structured: bool = field(default=True, kw_only=True)
    """False when the body was no JSON, so that whoever answered may not be the API at all."""


def read_error(body: bytes) -> WireError:
    """The error of a body: Google's shape, or any text."""
    try:
        return error_from(loads(body))
    except ValueError:
        text = re.sub(r"<[^>]*>|\s+", " ", body[:4096].decode("utf-8", "replace"))
        return WireError(" ".join(text.split())[:_SHOWN], structured=False)


def error_from(value: JsonValue) -> WireError:
    """The error in a JSON value; in streams it may be the only item of an array."""
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, dict) and "error" in value:
        value = value["error"]
    if not isinstance(value, dict):
        return WireError(str(value)[:_SHOWN])
    code, reason, wait = value.get("code"), "", None
    details = value.get("details")
    for detail in details if isinstance(details, list) else ():
        if not isinstance(detail, dict):
            continue
        reason = reason or str(detail.get("reason") or "")
        if str(detail.get("@type") or "").endswith("RetryInfo"):
            wait = _seconds(detail.get("retryDelay"))
    message = value.get("message") or value
    code = int(str(code)) if str(code).isdigit() else None
    return WireError(str(message), code, str(value.get("status") or ""), reason, wait)


def failure(
    error: WireError, status: int | None, headers: Mapping[str, str], provider: str, model: str
) -> ModeldError:
    """The error to raise. `status` is None for an error in a stream or in a good answer."""
    if status is None:
        status = error.code
    kind = _kind(error, status)
    message = error.message or "The provider gave no reason."
    if not error.structured:
        message = f"The answer is not the API's (wrong base URL?): {error.message}"
    if status in (301, 302, 303, 307, 308):
        message = f"The base URL is redirected to {headers.get('location', 'another place')}."
    wait = retry_after(headers)
    if wait is None:
        wait = error.retry_after
    return kind(
        message,
        provider=provider,
        model=model,
        status=status,
        request_id=headers.get("x-request-id") or headers.get("x-goog-request-id"),
        retry_after=wait if kind in (RateLimited, ProviderUnavailable) else None,
    )


def sad_result(error: WireError, status: int, model: str) -> ModelOutput | None:
    """The result of a request that was refused for its content or length, if it is one."""
    if status not in _SAD_STATUSES or error.reason in _BY_REASON:
        return None
    reason = next((r for text, r in _SAD_TEXTS if text.search(error.message)), None)
    if reason is None:
        return None
    details = StopDetails(type=error.reason or error.word or None, explanation=error.message)
    return ModelOutput.from_content(
        model, error.message, reason, error=error.message, stop_details=details
    )


def _kind(error: WireError, status: int | None) -> type[ModeldError]:
    if error.reason in _BY_REASON:
        return _BY_REASON[error.reason]
    if _KEY.search(error.message):
        return AuthenticationError
    kind = _BY_WORD.get(error.word)
    if kind is None and status is not None and status >= 500:
        kind = ProviderUnavailable
    if kind is None and status == 404:
        kind = ModelNotFound if error.structured else ProviderError
    if kind is None:
        kind = _BY_STATUS.get(status or 0, ProviderError)
    if kind is ModelNotFound and not _MODEL.search(error.message):
        return InvalidRequest  # a file, or cached content
    if kind is RateLimited and _QUOTA.search(error.message):
        return QuotaExhausted
    return kind


def _seconds(delay: JsonValue) -> float | None:
    """A `google.protobuf.Duration`: "48s" or an object."""
    if isinstance(delay, str):
        return wait_of(delay)
    if isinstance(delay, dict):
        parts: JsonObject = delay
        try:
            return float(parts.get("seconds") or 0) + float(parts.get("nanos") or 0) / 1e9
        except (TypeError, ValueError):
            return None
    return None
