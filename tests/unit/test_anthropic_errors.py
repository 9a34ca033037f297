"""Anthropic's errors, by table."""

from __future__ import annotations

import json

import pytest

from modeld.errors import (
    AuthenticationError,
    InvalidRequest,
    ModelNotFound,
    PermissionDenied,
    ProviderError,
    ProviderUnavailable,
    QuotaExhausted,
    RateLimited,
)
from modeld_daemon.providers.anthropic.errors import WireError, failure, read_error, sad_result


@pytest.mark.parametrize(
    "status, type, message, kind",
    [
        (400, "invalid_request_error", "messages: bad", InvalidRequest),
        (400, "invalid_request_error", "Your credit balance is too low", QuotaExhausted),
        (400, "invalid_request_error", "The body is not valid json: unexpected end of data: line 1",
         ProviderUnavailable),
        (401, "authentication_error", "invalid x-api-key", AuthenticationError),
        (402, "billing_error", "pay", QuotaExhausted),
        (403, "permission_error", "no", PermissionDenied),
        (404, "not_found_error", "model: claude-0", ModelNotFound),
        (404, "not_found_error", "Not Found", ProviderError),
        (409, "", "conflict", ProviderUnavailable),
        (429, "rate_limit_error", "slow down", RateLimited),
        (429, "rate_limit_error", "overloaded with requests", RateLimited),
        (500, "api_error", "Internal server error", ProviderUnavailable),
        (504, "timeout_error", "late", ProviderUnavailable),
        (529, "overloaded_error", "Overloaded", ProviderUnavailable),
        (None, "overloaded_error", "Overloaded", ProviderUnavailable),
        (None, "api_error", "oops", ProviderUnavailable),
        (None, "rate_limit_error", "slow down", RateLimited),
        (None, "invalid_request_error", "bad", InvalidRequest),
        (418, "new_error", "tea", ProviderError),
    ],
)  # fmt: skip
def test_an_error_has_its_class(status, type, message, kind):
    error = failure(WireError(message, type), status, {"request-id": "r1"}, "anthropic", "a/m")
    assert error.__class__ is kind
    assert (error.status, error.request_id, error.model) == (status, "r1", "a/m")


@pytest.mark.parametrize(
    "status, message, reason",
    [
        (400, "prompt is too long: 210000 tokens > 200000 maximum", "model_length"),
        (400, "input length and `max_tokens` exceed context limit: 1 + 2 > 2", "model_length"),
        (413, "Request exceeds the maximum size", "model_length"),
        (400, "Output blocked by content filtering policy", "content_filter"),
    ],
)
def test_a_request_that_is_refused_for_length_or_content_is_a_result(status, message, reason):
    output = sad_result(WireError(message, "invalid_request_error"), status, "m")
    assert output is not None
    assert (output.stop_reason, output.error) == (reason, message)


def test_other_errors_are_no_results():
    assert sad_result(WireError("messages: bad"), 400, "m") is None
    assert sad_result(WireError("prompt is too long"), 500, "m") is None


def test_a_limit_says_when_to_try_again():
    def waits(headers: dict[str, str]) -> float | None:
        return failure(WireError("x", "rate_limit_error"), 429, headers, "a", "m").retry_after

    assert waits({"retry-after": "7"}) == 7
    assert waits({"anthropic-ratelimit-tokens-reset": "2100-01-01T00:00:00Z"}) is not None
    assert waits({"anthropic-ratelimit-tokens-limit": "5"}) is None


def test_bodies_of_any_kind_are_read():
    body = {"type": "error", "error": {"type": "api_error", "message": "m"}, "request_id": "r"}
    assert read_error(json.dumps(body).encode()) == WireError("m", "api_error")
    page = read_error(b"<html><b>502</b> Bad\nGateway</html>")
    assert (page.message, page.structured, page.unknown) == ("502 Bad Gateway", False, True)
    assert read_error(b'{"error": "nope"}').message == "nope"
