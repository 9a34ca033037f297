"""Statuses and error bodies to errors, by table. Pure.

https://docs.mistral.ai/api and what the API has been seen to say: `{"detail": …}` of its gateway,
`{"message", "request_id"}` of an older one, and `{"object": "error", "message", "type", "code"}` of
the service, whose message may be a list of what is wrong with the request.
A request that a guardrail or a length limit stops is a sad *result*: see `sad_result`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

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
from modeld.types import JsonValue, ModelOutput, StopDetails, StopReason

from ..http.jsontext import loads
from ..http.retry_after import rate_limit_reset, retry_after

__all__ = ["WireError", "error_from", "failure", "read_error", "request_id", "sad_result"]

# A type or code says more than the status that it comes with.
_BY_WORD: Mapping[str, type[ModeldError]] = {
    "invalid_model": ModelNotFound,
    "1500": ModelNotFound,
    "model_not_found": ModelNotFound,
    "unauthorized": AuthenticationError,
    "authentication_error": AuthenticationError,
    "rate_limited": RateLimited,
    "rate_limit_error": RateLimited,
    "1300": RateLimited,
    "service_tier_capacity_exceeded": RateLimited,
    "3505": RateLimited,
    "insufficient_quota": QuotaExhausted,
    "internal_server_error": ProviderUnavailable,
    "internal_error": ProviderUnavailable,
    "service_unavailable": ProviderUnavailable,
    "unreachable_backend": ProviderUnavailable,
    "overloaded_error": ProviderUnavailable,
    "engine_overloaded": ProviderUnavailable,
    "timeout": ProviderUnavailable,
}
_BY_STATUS: Mapping[int, type[ModeldError]] = {
    400: InvalidRequest,
    401: AuthenticationError,
    402: QuotaExhausted,
    403: PermissionDenied,
    408: ProviderUnavailable,
    413: InvalidRequest,
    422: InvalidRequest,
    429: RateLimited,
}
_QUOTA = re.compile(
    r"inactive subscription|usage limit reached|monthly (token )?limit"
    r"|exceeded your current quota|insufficient (balance|credits|funds)",
    re.IGNORECASE,
)
_MODEL = re.compile(r"\b(model|deployment)\b", re.IGNORECASE)  # the latter is Azure's word
_MONTH_IS_SPENT = "x-ratelimit-remaining-tokens-month"
_TELLING = {"x-ratelimit-limit-req-minute", "x-ratelimit-limit-tokens-minute"}
"""Headers by which a lane knows when there is room again. A reset is later: when all is there."""

_TOO_LONG = re.compile(
    r"maximum context length|too large for model|prompt[_ ](is )?too[_ ](long|large)"
    r"|input (is )?too (long|large)|context (length|window)",
    re.IGNORECASE,
)
_GUARDED = re.compile(r"guardrail|moderation|content[_ ](policy|filter)", re.IGNORECASE)
_SHOWN = 500


@dataclass(frozen=True, slots=True)
class WireError:
    """What an error body says, whatever its shape."""

    message: str
    type: str = ""
    code: str = ""
    status: int | None = None
    """The status that the body itself names."""
    request_id: str | None = None
    structured: bool = True
    """False when the body was no JSON, so that whoever answered may not be the API at all."""


def read_error(body: bytes) -> WireError:
    """The error of a body: any of the API's shapes, or any text."""
    try:
        return error_from(loads(body))
    except ValueError:
        text = re.sub(r"<[^>]*>|\s+", " ", body[:4096].decode("utf-8", "replace"))
        return WireError(" ".join(text.split())[:_SHOWN], structured=False)


def error_from(value: JsonValue) -> WireError:
    """The error in a JSON value."""
    if isinstance(value, dict) and value.get("error"):
        inner = value["error"]
        value = inner if isinstance(inner, dict) else {**value, "message": inner}
    if not isinstance(value, dict):
        return WireError(str(value)[:_SHOWN])
    said = value.get("message") or value.get("detail") or value.get("msg") or value
    status = value.get("raw_status_code") or value.get("status_code")
    id = value.get("request_id")
    return WireError(
        _message(said),
        _word(value.get("type")),
        _word(value.get("code")),
        status if isinstance(status, int) else None,
        id if isinstance(id, str) else None,
    )


def failure(
    error: WireError, status: int | None, headers: Mapping[str, str], provider: str, model: str
) -> ModeldError:
    """The error to raise. `status` is None for an error in a stream or in a good answer."""
    if status is None:
        status = error.status
    kind = _kind(error, status, headers)
    message = error.message or "The provider gave no reason."
    if not error.structured:
        message = f"The answer is not the API's (wrong base URL?): {error.message}"
    if status in (301, 302, 303, 307, 308):
        message = f"The base URL is redirected to {headers.get('location', 'another place')}."
    wait = retry_after(headers)
    if wait is None and kind is RateLimited and not _TELLING & headers.keys():
        wait = rate_limit_reset(headers)
    return kind(
        message,
        provider=provider,
        model=model,
        status=status,
        request_id=error.request_id or request_id(headers),
        retry_after=wait if kind in (RateLimited, ProviderUnavailable) else None,
    )


def request_id(headers: Mapping[str, str]) -> str | None:
    """What the API calls the request, for its support."""
    names = ("mistral-correlation-id", "x-request-id", "x-kong-request-id")
    return next((headers[name] for name in names if name in headers), None)


def sad_result(error: WireError, status: int, model: str) -> ModelOutput | None:
    """The result of a request that was refused for its content or length, if it is one.

    Guardrails answer 403: https://docs.mistral.ai/capabilities/guardrailing
    """
    said = f"{error.type} {error.message}"
    reason: StopReason | None = None
    if status in (400, 413, 422) and _TOO_LONG.search(said):
        reason = "model_length"
    elif status in (400, 403) and _GUARDED.search(said):
        reason = "content_filter"
    if reason is None:
        return None
    details = StopDetails(type=error.type or error.code or None, explanation=error.message)
    return ModelOutput.from_content(
        model, error.message, reason, error=error.message, stop_details=details
    )


def _kind(error: WireError, status: int | None, headers: Mapping[str, str]) -> type[ModeldError]:
    if status in (401, 402, 403, 429) and _QUOTA.search(error.message):
        return QuotaExhausted
    if status == 429 and headers.get(_MONTH_IS_SPENT, "").strip() == "0":
        return QuotaExhausted
    for word in (error.type, error.code):
        if word in _BY_WORD:
            return _BY_WORD[word]
    if status == 404 and error.structured and _MODEL.search(error.message):
        return ModelNotFound
    if status is None and error.type.startswith("invalid_request"):
        return InvalidRequest
    if status is not None and status >= 500:
        return ProviderUnavailable
    return _BY_STATUS.get(status or 0, ProviderError)


def _message(said: JsonValue) -> str:
    """The text; of a list of what is wrong (422), each place with its complaint."""
    if isinstance(said, dict) and isinstance(said.get("detail"), list | str):
        said = said["detail"]
    if not isinstance(said, list):
        return str(said)
    return "; ".join(_complaint(item) for item in said)


def _complaint(item: JsonValue) -> str:
    if not isinstance(item, dict) or "msg" not in item:
        return str(item)
    place = ".".join(str(step) for step in item.get("loc") or ())
    return f"{place}: {item['msg']}" if place else str(item["msg"])


def _word(value: JsonValue) -> str:
    return "" if value is None else str(value)
