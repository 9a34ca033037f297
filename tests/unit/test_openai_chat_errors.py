"""What an OpenAI-style server says went wrong, as modeld's errors and results."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

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
from modeld_daemon.providers.openai_chat.errors import failure, read_error, sad_result


def body(message: str = "no", code: Any = None, type: str | None = None) -> bytes:
    return json.dumps({"error": {"message": message, "code": code, "type": type}}).encode()


@pytest.mark.parametrize(
    "status, text, kind",
    [
        (400, body(), InvalidRequest),
        (401, body(code="invalid_api_key"), AuthenticationError),
        (402, body(), QuotaExhausted),
        (403, body(), PermissionDenied),
        (404, body("The model `x` does not exist", "model_not_found"), ModelNotFound),
        (404, body("Unknown request URL"), ProviderError),
        (408, body(), ProviderUnavailable),
        (409, body(), ProviderUnavailable),
        (413, body(), InvalidRequest),
        (422, b'{"detail":[{"msg":"field required"}]}', InvalidRequest),
        (429, body(code="rate_limit_exceeded"), RateLimited),
        (429, body(), RateLimited),
        (429, body("You exceeded your current quota", "insufficient_quota"), QuotaExhausted),
        (429, body("You exceeded your current quota, please check"), QuotaExhausted),
        (500, body(), ProviderUnavailable),
        (502, b"<html><h1>Bad gateway</h1></html>", ProviderUnavailable),
        (529, body(type="overloaded_error"), ProviderUnavailable),
        (404, b"<html>nginx</html>", ProviderError),
        (308, b"", ProviderError),
        (418, body(), ProviderError),
        (None, body(code=429), RateLimited),
        (None, body(code="server_error"), ProviderUnavailable),
        (None, body(code=400), InvalidRequest),
        (None, body(), ProviderError),
    ],
)
def test_each_failure_has_its_class(status, text, kind):
    error = failure(read_error(text), status, {"x-request-id": "r1"}, "openai", "openai/m")
    assert type(error) is kind
    assert (error.provider, error.model, error.request_id) == ("openai", "openai/m", "r1")
    assert error.message


@pytest.mark.parametrize(
    "text, message",
    [
        (b'{"error":{"message":"m"}}', "m"),
        (b'{"error":"m"}', "m"),
        (b'{"message":"m","type":"t"}', "m"),
        (b'[{"error":{"message":"m"}}]', "m"),
        (b'"m"', "m"),
        (b"<html>\n <b>m</b>\n</html>", "m"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", ""),
    ],
)
def test_errors_are_read_in_many_shapes(text, message):
    assert read_error(text).message == message


def test_a_quota_is_told_from_a_rate_limit_by_its_reason():
    error = failure(read_error(body(code="insufficient_quota")), 429, {}, "openai", "m")
    assert error.reason == "quota_exhausted"
    assert error.retry_after is None


@pytest.mark.parametrize(
    "headers, seconds",
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"x-ratelimit-reset-requests": "8.64s", "x-ratelimit-reset-tokens": "6ms"}, 8.64),
        ({"x-ratelimit-reset-tokens": "1m30s"}, 90),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, 0),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
def test_a_rate_limit_says_when_to_try_again(headers, seconds):
    error = failure(read_error(body()), 429, headers, "openai", "m")
    assert error.retry_after == (None if seconds is None else seconds)


def test_a_rate_limit_may_name_a_point_in_time():
    now = time.time()
    for headers in (
        {"retry-after": formatdate(now + 30, usegmt=True)},
        {"x-ratelimit-reset": str(int((now + 30) * 1000))},
        {"x-ratelimit-reset-tokens": datetime.fromtimestamp(now + 30, UTC).isoformat()},
    ):
        error = failure(read_error(body()), 429, headers, "openai", "m")
        assert error.retry_after == pytest.approx(30, abs=3)


@pytest.mark.parametrize(
    "status, text, reason",
    [
        (400, body("too many", "context_length_exceeded"), "model_length"),
        (400, body("This model's maximum context length is 8192 tokens."), "model_length"),
        (400, body("prompt too long; exceeded max context length"), "model_length"),
        (413, body("Input is too large"), "model_length"),
        (
            400,
            body("This model's maximum prompt length is 8 but the request has 9."),
            "model_length",
        ),
        (400, body("Please reduce the length of the messages or completion."), "model_length"),
        (400, body("The prompt (9) is longer than the maximum model length of 8"), "model_length"),
        (400, body("Range of input length should be [1, 8]"), "model_length"),
        (400, body("Input tokens exceed the configured limit of 8 tokens."), "model_length"),
        (413, body("Request body too large for m model. Max size: 8 tokens."), "model_length"),
        (400, body("The token count (9) exceeds the maximum number of tokens"), "model_length"),
        (400, body("x", "invalid_prompt"), "content_filter"),
        (400, body("x", "content_policy_violation"), "content_filter"),
        (400, body("x", "content_filter"), "content_filter"),
        (400, body("x", "cyber_policy"), "content_filter"),
        (400, body("Your request was blocked."), "content_filter"),
    ],
)
def test_length_and_filters_are_results(status, text, reason):
    error = read_error(text)
    output = sad_result(error, status, "m")
    assert output is not None
    assert output.stop_reason == reason
    assert output.error == output.completion == error.message


@pytest.mark.parametrize(
    "status, text",
    [
        (400, body("Unsupported parameter")),
        (401, body("blocked")),
        (500, body("x", "content_filter")),
    ],
)
def test_other_refusals_are_failures(status, text):
    assert sad_result(read_error(text), status, "m") is None


def test_no_key_is_in_an_error():
    error = failure(read_error(body("Incorrect key: sk-abcdef123456")), 401, {}, "openai", "m")
    assert "abcdef" not in str(error)
