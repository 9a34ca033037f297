"""Statuses and error bodies to errors, by table. Pure.

https://platform.openai.com/docs/guides/error-codes
A request that a filter or a length limit stops is a sad *result*: see `sad_result`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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
from modeld.types import JsonObject, JsonValue, ModelOutput, StopDetails, StopReason

from ..http.jsontext import loads
from ..http.retry_after import rate_limit_reset, retry_after

__all__ = [
    "CannotStream", "WireError", "check_streams", "choice_error", "error_from", "failure",
    "read_error", "sad_result",
]  # fmt: skip

# A code or type says more than the status that it comes with.
_BY_WORD: Mapping[str, type[ModeldError]] = {
    "insufficient_quota": QuotaExhausted,
    "billing_hard_limit_reached": QuotaExhausted,
    "billing_not_active": QuotaExhausted,
    "invalid_api_key": AuthenticationError,
    "authentication_error": AuthenticationError,
    "permission_error": PermissionDenied,
    "model_not_found": ModelNotFound,
    "model_not_available": ModelNotFound,  # Together
    "invalid_model": ModelNotFound,  # Perplexity
    "unknown_model": ModelNotFound,  # Azure
    "DeploymentNotFound": ModelNotFound,  # Azure
    "rate_limit_exceeded": RateLimited,
    "rate_limit_error": RateLimited,
    "server_error": ProviderUnavailable,
    "internal_server_error": ProviderUnavailable,
    "service_unavailable": ProviderUnavailable,
    "overloaded_error": ProviderUnavailable,
    "engine_overloaded": ProviderUnavailable,
    "timeout": ProviderUnavailable,
    "vector_store_timeout": ProviderUnavailable,
}
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
# What an error without a status is: one in a stream, or of a response that failed later.
# https://platform.openai.com/docs/api-reference/responses/object#responses-object-error
_WITHOUT_STATUS = re.compile(
    r"invalid_request_error|invalid_\w*image\w*|\w*image_\w+|failed_to_download_image"
    r"|unsupported_image_media_type|data_residency_mismatch"
)
_QUOTA = re.compile(
    r"exceeded your current quota|insufficient (balance|credits|funds)", re.IGNORECASE
)
_MODEL = re.compile(r"\bmodel\b|\bdeployment\b", re.IGNORECASE)
_NO_MODEL = re.compile(
    r"\bmodel not (exist|found)|\bno such model|is not a valid model id"
    r"|\bmodel:? ?[\"'`(]?[\w./:@-]*[\"'`)]? (does not exist|not found|is not available)",
    re.IGNORECASE,
)
"""A model that is not there, where the status says another thing: of DeepSeek, OpenRouter, SambaNova."""

_SAD_CODES: Mapping[str, StopReason] = {
    "context_length_exceeded": "model_length",
    "too_many_prompt_tokens": "model_length",  # Perplexity
    "invalid_prompt": "content_filter",
    "content_policy_violation": "content_filter",
    "content_filter": "content_filter",
    "cyber_policy": "content_filter",
    "bio_policy": "content_filter",
    "image_content_policy_violation": "content_filter",
    "misalignment_policy_violation": "content_filter",
}
_SAD_TEXTS: tuple[tuple[re.Pattern[str], StopReason], ...] = (
    (
        re.compile(
            r"maximum context length|context[_ ](length|window|size)|prompt (is )?too long"
            r"|(input|messages?) (is|are) too (long|large)|exceeds? the (model'?s? )?max(imum)?[\w ]* length"
            r"|exceed(s|ed) (the )?model'?s? token limit"  # Moonshot
            r"|maximum prompt length|prompt exceeds max length"  # xAI, Z.ai
            r"|reduce the length of the (messages|prompt)"  # Groq, Cerebras
            r"|longer than the maximum model length"  # vLLM
            r"|range of input length should be"  # Alibaba's
            r"|input tokens exceed|request body too large for"  # OpenAI, GitHub's
            r"|exceeds the maximum number of tokens"  # Google's
            r"|`inputs` tokens \+ `max_new_tokens` must be",  # Together, Hugging Face
            re.IGNORECASE,
        ),
        "model_length",
    ),
    (re.compile(r"\bblocked\b", re.IGNORECASE), "content_filter"),
)
_SAD_STATUSES = (400, 413, 422)
_SHOWN = 500
_TELLING = {"x-ratelimit-limit-requests", "x-ratelimit-limit-tokens"}
"""Headers by which a lane knows when there is room again. A reset is later: when all is there."""


class CannotStream(Exception):
    """This account gets the model's answers, but none of them as a stream."""


@dataclass(frozen=True, slots=True)
class WireError:
    """What an error body says, whatever its shape."""

    message: str
    code: str = ""
    type: str = ""
    structured: bool = True
    """False when the body was no JSON, so that whoever answered may not be the API at all."""
    param: str = ""
    """The member of the request that is at fault."""


def check_streams(error: WireError) -> None:
    """Raises `CannotStream` where a stream was refused for being one: OpenAI's newer models give
    streams to verified organizations only.

    https://help.openai.com/en/articles/10910291-api-organization-verification
    """
    if error.param == "stream" and error.code == "unsupported_value":
        raise CannotStream(error.message)


def read_error(body: bytes) -> WireError:
    """The error of a body: OpenAI's shape, its relatives', or any text."""
    try:
        return error_from(loads(body))
    except ValueError:
        text = re.sub(r"<[^>]*>|\s+", " ", body[:4096].decode("utf-8", "replace"))
        return WireError(" ".join(text.split())[:_SHOWN], structured=False)


def error_from(value: JsonValue) -> WireError:
    """The error in a JSON value."""
    if isinstance(value, list) and value:  # Google's compatible endpoint
        value = value[0]
    if isinstance(value, dict) and isinstance(value.get("errors"), list) and value["errors"]:
        value = value["errors"][0]  # Cloudflare's
    if isinstance(value, dict) and value.get("error"):
        value = value["error"]
    if not isinstance(value, dict):
        return WireError(str(value)[:_SHOWN])
    message = value.get("message") or value.get("detail") or value.get("msg") or value
    raw = value["metadata"].get("raw") if isinstance(value.get("metadata"), dict) else None
    if isinstance(raw, str):  # OpenRouter's own message only says that a provider gave an error
        message = f"{message}: {raw[:_SHOWN]}"
    code, type, param = (_word(value.get(name)) for name in ("code", "type", "param"))
    return WireError(str(message), code, type, param=param)


def choice_error(body: JsonObject) -> WireError | None:
    """The error in a body that came with a good status: of the whole, or of its only choice."""
    choices = body.get("choices")
    if not choices:
        return error_from(body) if body.get("error") else None
    only = choices[0] if len(choices) == 1 else None
    error = only.get("error") if isinstance(only, dict) else None
    return error_from(error) if error else None


def failure(
    error: WireError,
    status: int | None,
    headers: Mapping[str, str],
    provider: str,
    model: str,
    busy: Sequence[int] = (),
) -> ModeldError:
    """The error to raise. `status` is None for an error in a stream or in a good answer; `busy` are
    statuses that mean a rate limit here.
    """
    if status is None and error.code.isdigit():
        status = int(error.code)
    kind = RateLimited if status in busy else _kind(error, status)
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
        request_id=headers.get("x-request-id"),
        retry_after=wait if kind in (RateLimited, ProviderUnavailable) else None,
    )


def sad_result(
    error: WireError, status: int, model: str, length_statuses: Sequence[int] = ()
) -> ModelOutput | None:
    """The result of a request that was refused for its content or length, if it is one."""
    if status not in _SAD_STATUSES and status not in length_statuses:
        return None
    reason = _SAD_CODES.get(error.code) or _SAD_CODES.get(error.type)
    if reason is None:
        reason = next((r for text, r in _SAD_TEXTS if text.search(error.message)), None)
    if reason is None or (status not in _SAD_STATUSES and reason != "model_length"):
        return None
    details = StopDetails(type=error.code or error.type or None, explanation=error.message)
    return ModelOutput.from_content(
        model, error.message, reason, error=error.message, stop_details=details
    )


def _kind(error: WireError, status: int | None) -> type[ModeldError]:
    for word in (error.code, error.type):
        if word in _BY_WORD and not (status == 404 and word == "server_error"):
            return _BY_WORD[word]
    if status in (402, 429) and _QUOTA.search(error.message):
        return QuotaExhausted
    if status == 404 and error.structured and _MODEL.search(error.message):
        return ModelNotFound
    if status in (400, 410, 422) and error.structured and _NO_MODEL.search(error.message):
        return ModelNotFound
    if status is not None and status >= 500:
        return ProviderUnavailable
    if status is None and any(_WITHOUT_STATUS.fullmatch(w) for w in (error.code, error.type)):
        return InvalidRequest
    return _BY_STATUS.get(status or 0, ProviderError)


def _word(value: JsonValue) -> str:
    return "" if value is None else str(value)
