"""Statuses and error bodies to errors, by table. Pure.

https://platform.claude.com/docs/en/api/errors
A request that a filter or a length limit stops is a sad *result*: see `sad_result`.
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
from modeld.types import JsonValue, ModelOutput, StopDetails

from ..http.jsontext import loads
from ..http.retry_after import rate_limit_reset, retry_after

__all__ = ["WireError", "error_from", "failure", "read_error", "request_id", "sad_result"]

# What the API calls an error says more than the status that it comes with.
_BY_TYPE: Mapping[str, type[ModeldError]] = {
    "authentication_error": AuthenticationError,
    "billing_error": QuotaExhausted,
    "permission_error": PermissionDenied,
    "rate_limit_error": RateLimited,
    "api_error": ProviderUnavailable,
    "timeout_error": ProviderUnavailable,
    "overloaded_error": ProviderUnavailable,
    "request_too_large": InvalidRequest,
}
_OWN_TYPES = ("not_found_error", "invalid_request_error")
"""Types that need the status and the message to be understood."""
_BY_STATUS: Mapping[int, type[ModeldError]] = {
    400: InvalidRequest,
    401: AuthenticationError,
    402: QuotaExhausted,
    403: PermissionDenied,
    408: ProviderUnavailable,
    409: ProviderUnavailable,  # a lock was not had in time; the SDK retries it too
    413: InvalidRequest,
    422: InvalidRequest,
    429: RateLimited,
}
# Words that say more than type and status.
_SPENT = re.compile(r"credit balance is too low|specified API usage limits", re.IGNORECASE)
_BY_TEXT: tuple[tuple[re.Pattern[str], type[ModeldError]], ...] = (
    (_SPENT, QuotaExhausted),
    (re.compile(r"\boverloaded\b|internal server error", re.IGNORECASE), ProviderUnavailable),
    # the request was cut short on its way
    (re.compile(r"not valid json.*unexpected end of data", re.IGNORECASE), ProviderUnavailable),
)
_MODEL = re.compile(r"\b(model|deployment)\b", re.IGNORECASE)  # the latter is Azure's word
_NO_MODEL = re.compile(r"model identifier is invalid", re.IGNORECASE)  # Amazon's

_TOO_LONG = re.compile(
    r"(prompt|input) is too long|input length and `?max_tokens`? exceed context limit",
    re.IGNORECASE,
)
_FILTERED = re.compile(r"content filtering|blocked by .*polic", re.IGNORECASE)
_APOLOGY = "Sorry, but I am unable to help with that request."
_SAD_STATUSES = (400, 413, 422)
_SHOWN = 500
_TELLING = {
    f"anthropic-ratelimit-{name}-limit"
    for name in ("requests", "tokens", "input-tokens", "output-tokens")
}
"""Headers by which a lane knows when there is room again. A reset is later: when all is there."""


@dataclass(frozen=True, slots=True)
class WireError:
    """What an error body says."""

    message: str
    type: str = ""
    structured: bool = True
    """False when the body was no JSON, so that whoever answered may not be the API at all."""

    @property
    def unknown(self) -> bool:
        """Whether it is no error of the API's own, but of something in front of it."""
        return self.type not in _BY_TYPE and self.type not in _OWN_TYPES


def read_error(body: bytes) -> WireError:
    """The error of a body, whatever it is."""
    try:
        return error_from(loads(body))
    except ValueError:
        text = re.sub(r"<[^>]*>|\s+", " ", body[:4096].decode("utf-8", "replace"))
        return WireError(" ".join(text.split())[:_SHOWN], structured=False)


def error_from(value: JsonValue) -> WireError:
    """The error in a JSON value."""
    if isinstance(value, dict) and "error" in value:
        value = value["error"]
    if not isinstance(value, dict):
        return WireError(str(value)[:_SHOWN])
    message = value.get("message") or value.get("detail") or value
    return WireError(str(message), str(value.get("type") or ""))


def request_id(headers: Mapping[str, str]) -> str | None:
    """The API's id of the request, or a gateway's."""
    return headers.get("request-id") or headers.get("x-request-id")


def failure(
    error: WireError, status: int | None, headers: Mapping[str, str], provider: str, model: str
) -> ModeldError:
    """The error to raise. `status` is None for an error in a stream or in a good answer."""
    kind = _kind(error, status)
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
        request_id=request_id(headers),
        retry_after=wait if kind in (RateLimited, ProviderUnavailable) else None,
    )


def sad_result(error: WireError, status: int, model: str) -> ModelOutput | None:
    """The result of a request that was refused for its content or length, if it is one."""
    if status not in _SAD_STATUSES:
        return None
    details = StopDetails(type=error.type or None, explanation=error.message)
    if status == 413 or _TOO_LONG.search(error.message):
        return ModelOutput.from_content(
            model, error.message, "model_length", error=error.message, stop_details=details
        )
    if _FILTERED.search(error.message):
        return ModelOutput.from_content(
            model, _APOLOGY, "content_filter", error=error.message, stop_details=details
        )
    return None


def _kind(error: WireError, status: int | None) -> type[ModeldError]:
    for pattern, kind in _BY_TEXT:
        if status not in (401, 403, 404, 429) and pattern.search(error.message):
            return kind
    if status == 429 and _SPENT.search(error.message):
        return QuotaExhausted
    if error.type in _BY_TYPE:
        return _BY_TYPE[error.type]
    missing = status == 404 or error.type == "not_found_error"
    if missing and error.structured and _MODEL.search(error.message):
        return ModelNotFound
    if status == 400 and _NO_MODEL.search(error.message):
        return ModelNotFound
    if error.type == "invalid_request_error" and status is None:
        return InvalidRequest
    if status is not None and status >= 500:
        return ProviderUnavailable
    return _BY_STATUS.get(status or 0, ProviderError)
