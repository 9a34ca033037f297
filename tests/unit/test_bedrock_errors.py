"""Errors of Bedrock, by table."""

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
from modeld_daemon.providers.aws.errors import failure, read_error, sad_result


@pytest.mark.parametrize(
    "status, type, message, kind",
    [
        (429, "ThrottlingException", "Too many requests", RateLimited),
        (400, "ThrottlingException", "Rate exceeded", RateLimited),
        (400, "ServiceQuotaExceededException", "quota", QuotaExhausted),
        (503, "ServiceUnavailableException", "down", ProviderUnavailable),
        (429, "ModelNotReadyException", "starting", ProviderUnavailable),
        (408, "ModelTimeoutException", "slow", ProviderUnavailable),
        (424, "ModelErrorException", "broke", ProviderUnavailable),
        (404, "ResourceNotFoundException", "no such model", ModelNotFound),
        (400, "ValidationException", "The provided model identifier is invalid.", ModelNotFound),
        (400, "ValidationException", "text field is blank", InvalidRequest),
        (403, "AccessDeniedException", "You don't have access to the model", PermissionDenied),
        (403, "ExpiredTokenException", "expired", AuthenticationError),
        (403, "UnrecognizedClientException", "invalid", AuthenticationError),
        (403, "InvalidSignatureException", "does not match", AuthenticationError),
        (None, "modelStreamErrorException", "broke", ProviderUnavailable),
        (None, "throttlingException", "slow down", RateLimited),
        (418, "", "tea", ProviderError),
    ],
)  # fmt: skip
def test_errors_are_told_apart_by_type(status, type, message, kind):
    body = json.dumps({"message": message}).encode()
    headers = {"x-amzn-errortype": f"{type}:http://internal.amazon.com/coral/"}
    error = failure(read_error(body, headers), status, headers, "bedrock", "bedrock/m")
    assert error.__class__ is kind
    assert error.message == message


def test_the_type_may_be_in_the_body():
    body = b'{"__type": "com.amazon#ThrottlingException", "Message": "slow"}'
    error = read_error(body)
    assert (error.type, error.message) == ("ThrottlingException", "slow")


@pytest.mark.parametrize(
    "message",
    [
        "Input is too long for requested model.",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "The model returned the following errors: Input Tokens Exceeded: Number of input tokens",
    ],
)
def test_a_prompt_that_is_too_long_is_a_result(message):
    error = read_error(json.dumps({"message": message}).encode())
    output = sad_result(error, 400, "m")
    assert output is not None
    assert output.stop_reason == "model_length"
    assert sad_result(error, 500, "m") is None


def test_a_web_page_is_not_the_apis_error():
    error = failure(read_error(b"<html>gone</html>"), 404, {}, "bedrock", "bedrock/m")
    assert type(error) is ProviderError
    assert "wrong base URL" in error.message
