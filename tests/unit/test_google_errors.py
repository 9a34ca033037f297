"""Google's error bodies as errors and sad results."""

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
from modeld_daemon.providers.google.errors import error_from, failure, read_error, sad_result


def wire(message: str = "no", word: str = "", code: int = 0, **detail: Any) -> bytes:
    error: dict[str, Any] = {"code": code, "message": message, "status": word}
    if detail:
        error["details"] = [{"@type": "type.googleapis.com/google.rpc.Help"}, detail]
    return json.dumps({"error": error}).encode()


def failed(body: bytes, status: int | None, headers: Any = None) -> Any:
    return failure(read_error(body), status, headers or {}, "google", "google/m")


@pytest.mark.parametrize(
    "status, word, message, kind",
    [
        (400, "INVALID_ARGUMENT", "bad", InvalidRequest),
        (400, "FAILED_PRECONDITION", "User location is not supported", InvalidRequest),
        (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", AuthenticationError),
        (401, "UNAUTHENTICATED", "who", AuthenticationError),
        (403, "PERMISSION_DENIED", "no", PermissionDenied),
        (404, "NOT_FOUND", "models/x is not found for API version v1beta", ModelNotFound),
        (404, "NOT_FOUND", "CachedContent not there", InvalidRequest),
        (404, "", "model not there", ModelNotFound),
        (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota, limit: 1000", RateLimited),
        (429, "RESOURCE_EXHAUSTED", "Quota exceeded for metric: x, limit: 0, model: y", QuotaExhausted),
        (503, "RESOURCE_EXHAUSTED", "full", RateLimited),
        (500, "INTERNAL", "oh", ProviderUnavailable),
        (503, "UNAVAILABLE", "The model is overloaded.", ProviderUnavailable),
        (504, "DEADLINE_EXCEEDED", "slow", ProviderUnavailable),
        (529, "", "x", ProviderUnavailable),
        (418, "", "tea", ProviderError),
    ],
)  # fmt: skip
def test_each_failure_has_its_class(status, word, message, kind):
    error = failed(wire(message, word, status), status)
    assert type(error) is kind
    assert (error.status, error.provider, error.model) == (status, "google", "google/m")
    assert error.message.startswith(message[:10])


@pytest.mark.parametrize(
    "reason, kind",
    [
        ("API_KEY_INVALID", AuthenticationError),
        ("BILLING_DISABLED", QuotaExhausted),
        ("SERVICE_DISABLED", PermissionDenied),
    ],
)
def test_a_reason_says_more_than_a_status(reason, kind):
    detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}
    assert type(failed(wire("x", "PERMISSION_DENIED", 403, **detail), 403)) is kind


@pytest.mark.parametrize(
    "delay, seconds",
    [("48s", 48), ("0.5s", 0.5), ({"seconds": "2", "nanos": 500_000_000}, 2.5), ("soon", None)],
)
def test_a_retry_info_says_when_to_try_again(delay, seconds):
    detail = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    body = wire("full", "RESOURCE_EXHAUSTED", 429, **detail)
    assert failed(body, 429).retry_after == seconds
    assert failed(body, 429, {"retry-after": "3"}).retry_after == 3


def test_an_error_in_a_stream_has_its_own_code():
    error = error_from([{"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}])
    made = failure(error, None, {}, "google", "google/m")
    assert type(made) is ProviderUnavailable
    assert made.status == 503


def test_another_server_is_named_as_such():
    error = failed(b"<html><b>nginx</b></html>", 404)
    assert type(error) is ProviderError
    assert "nginx" in error.message
    assert "base URL" in error.message
    assert "redirected to https://x" in failed(b"", 302, {"location": "https://x"}).message


@pytest.mark.parametrize(
    "value", [None, 3, "x", [], [[]], {"error": None}, {"error": {"details": 3}}]
)
def test_any_json_is_an_error(value):
    assert isinstance(error_from(value).message, str)


def test_too_long_is_a_sad_result():
    message = "The input token count (12) exceeds the maximum number of tokens allowed (10)."
    out = sad_result(read_error(wire(message, "INVALID_ARGUMENT", 400)), 400, "m")
    assert out is not None
    assert (out.stop_reason, out.error, out.model) == ("model_length", message, "m")
    other = "The input token count is 12 but model only supports up to 10."
    out = sad_result(read_error(wire(other, "INVALID_ARGUMENT", 400)), 400, "m")
    assert out is not None
    assert out.stop_reason == "model_length"
    assert sad_result(read_error(wire("API key not valid")), 400, "m") is None
    assert sad_result(read_error(wire(message)), 429, "m") is None
    blocked = sad_result(read_error(wire("The prompt was blocked by policy")), 400, "m")
    assert blocked is not None
    assert blocked.stop_reason == "content_filter"


def test_keys_are_cut_out_of_messages():
    error = failed(wire("bad key AIzaSyA1234567890abcdefghij"), 400)
    assert "SyA123" not in str(error)
