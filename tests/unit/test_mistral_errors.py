"""What Mistral's API says went wrong, as modeld's errors and results."""

from __future__ import annotations

import json
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
from modeld_daemon.providers.mistral.errors import failure, read_error, sad_result


def body(message: Any = "no", type: str | None = None, code: Any = None, **more: Any) -> bytes:
    said = {"object": "error", "message": message, "type": type, "param": None, "code": code}
    return json.dumps({**said, **more}).encode()


ORDER = "Unexpected role 'tool' after role 'user'"


@pytest.mark.parametrize(
    "status, text, kind",
    [
        (400, body(ORDER, "invalid_request_message_order", "3230"), InvalidRequest),
        (400, body("Invalid model: x", "invalid_model", "1500"), ModelNotFound),
        (401, b'{"detail": "Invalid API Key"}', AuthenticationError),
        (401, b'{"message": "Unauthorized", "request_id": "r2"}', AuthenticationError),
        (401, b'{"message": "Inactive subscription or usage limit reached"}', QuotaExhausted),
        (402, b'{"detail": "pay"}', QuotaExhausted),
        (403, body("not for you"), PermissionDenied),
        (404, b'{"message": "no Route matched with those values"}', ProviderError),
        (404, body("The model x does not exist"), ModelNotFound),
        (408, body(), ProviderUnavailable),
        (413, body(), InvalidRequest),
        (422, body({"detail": [{"msg": "wrong"}]}, "invalid_request_error"), InvalidRequest),
        (429, body("Rate limit exceeded", "rate_limited", "1300"), RateLimited),
        (429, body("Capacity", "service_tier_capacity_exceeded", "3505"), RateLimited),
        (429, b'{"message": "Requests rate limit exceeded"}', RateLimited),
        (500, body("Internal", "internal_server_error", "1000"), ProviderUnavailable),
        (502, b"<html><h1>Bad gateway</h1></html>", ProviderUnavailable),
        (503, body("Backend", "unreachable_backend", "1100"), ProviderUnavailable),
        (529, b"", ProviderUnavailable),
        (404, b"<html>nginx</html>", ProviderError),
        (308, b"", ProviderError),
        (None, body("Rate limit exceeded", "rate_limited", "1300"), RateLimited),
        (None, body("x", "internal_server_error", "3000"), ProviderUnavailable),
        (None, body("x", raw_status_code=503), ProviderUnavailable),
        (None, body("x", "invalid_request_error"), InvalidRequest),
        (None, b'{"error": {"message": "x", "type": "rate_limited"}}', RateLimited),
        (None, body(), ProviderError),
    ],
)
def test_each_failure_has_its_class(status, text, kind):
    headers = {"mistral-correlation-id": "r1"}
    error = failure(read_error(text), status, headers, "mistral", "mistral/m")
    assert type(error) is kind
    assert error.request_id in ("r1", "r2")
    assert (error.provider, error.model) == ("mistral", "mistral/m")


def test_a_list_of_complaints_names_the_places():
    wrong = [{"loc": ["body", "messages", 0], "msg": "is missing"}, {"msg": "no"}, "odd"]
    for text in (body({"detail": wrong}), json.dumps({"detail": wrong}).encode()):
        assert read_error(text).message == "body.messages.0: is missing; no; odd"


def test_a_rate_limit_says_when_to_try_again():
    error = read_error(body("slow down", "rate_limited"))
    assert failure(error, 429, {"retry-after": "7"}, "p", "m").retry_after == 7
    assert failure(error, 429, {"x-ratelimit-reset": "3"}, "p", "m").retry_after == 3
    told = {"x-ratelimit-reset": "3", "x-ratelimit-limit-req-minute": "60"}
    assert failure(error, 429, told, "p", "m").retry_after is None


def test_a_spent_month_is_no_rate_limit():
    error = read_error(body("slow down", "rate_limited"))
    spent = failure(error, 429, {"x-ratelimit-remaining-tokens-month": "0"}, "p", "m")
    assert type(spent) is QuotaExhausted


@pytest.mark.parametrize(
    "status, text, reason",
    [
        (
            400,
            body("Prompt contains 300000 tokens, too large for model with 131072 maximum context"),
            "model_length",
        ),
        (
            400,
            body("Prompt 9 > 8 maximum context length", "invalid_request_prompt_too_long", "3059"),
            "model_length",
        ),
        (413, body("input too large"), "model_length"),
        (403, body("Blocked by a guardrail: violence"), "content_filter"),
        (400, body("no"), None),
        (403, body("no"), None),
        (500, body("maximum context length"), None),
    ],
)
def test_a_request_refused_for_what_it_says_is_a_result(status, text, reason):
    output = sad_result(read_error(text), status, "m")
    assert (output.stop_reason if output else None) == reason
    if output is not None:
        assert output.error == output.completion == read_error(text).message


def test_keys_that_are_echoed_are_cut_out():
    error = read_error(b'{"message": "bad key: Authorization: Bearer abcdefghijklmnop"}')
    assert "abcdefghijklmnop" not in str(failure(error, 401, {}, "p", "m"))


def test_any_text_is_an_error():
    error = read_error(b"<html><body>502\n Bad Gateway</body></html>")
    assert (error.message, error.structured) == ("502 Bad Gateway", False)
    assert read_error(b"[1]").message == "[1]"
