from __future__ import annotations

import copy
import pickle

import pytest

from modeld import errors
from modeld.errors import (
    ERROR_BY_REASON,
    Cancelled,
    DaemonUnavailable,
    EngineError,
    GenerateTimeout,
    InvalidRequest,
    ModeldError,
    ModelNotFound,
    PrerequisiteError,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    UnresolvedMediaError,
    redact,
)

ALL = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, ModeldError)]


def test_there_is_one_tree():
    assert {ModelNotFound, InvalidRequest} <= {e for e in ALL if issubclass(e, ValueError)}
    assert issubclass(GenerateTimeout, TimeoutError)
    assert issubclass(ProviderUnavailable, ProviderError)
    assert issubclass(EngineError, ProviderError)
    assert issubclass(UnresolvedMediaError, InvalidRequest)


@pytest.mark.parametrize("cls", ALL)
def test_every_error_takes_the_same_details_and_survives_pickling(cls):
    error = cls(
        "It broke.",
        provider="openai",
        status=500,
        request_id="req_1",
        retry_after=2.5,
        attempts=3,
        phase="stream",
        model="openai/gpt-4o",
    )
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is cls
        assert again is not error
        assert again.to_dict() == error.to_dict()
        assert str(again) == str(error)
    assert error.message == "It broke."


@pytest.mark.parametrize("reason", ERROR_BY_REASON)
def test_every_reason_has_its_own_word(reason):
    cls = ERROR_BY_REASON[reason]
    assert cls().reason == reason or cls is DaemonUnavailable
    assert cls("x", reason=reason).reason == reason


def test_a_message_alone_is_shown_as_it_is():
    assert str(InvalidRequest("No such thing.")) == "No such thing."
    assert str(PrerequisiteError("No OPENAI_API_KEY defined in the environment.")).endswith(
        "No OPENAI_API_KEY defined in the environment."
    )
    assert PrerequisiteError("No key.").message == "No key."


def test_str_says_where_and_what_to_do():
    error = RateLimited("Slow down.", model="openai/x", status=429, retry_after=2.5, attempts=4)
    assert str(error) == "Slow down (openai/x, status 429, 4 attempts). Try again in 2.5 s."
    assert "modeld doctor" in str(DaemonUnavailable("No socket."))
    assert "during queue" in str(GenerateTimeout("30 s are over.", phase="queue"))


def test_an_error_without_message_says_what_its_class_means():
    assert str(Cancelled()) == "The caller, or a forced stop of the daemon, ended the call."


@pytest.mark.parametrize(
    "text, secret",
    [
        ("Incorrect API key provided: sk-proj-abcDEF1234567890.", "abcDEF1234567890"),
        ("header Authorization: Bearer abcdef123456.xyz", "abcdef123456"),
        ('{"api_key": "0123456789abcdef"}', "0123456789abcdef"),
        ("https://user:hunter2secret@host/v1", "hunter2secret"),
        ("key AIzaSyA1234567890abcdefg", "1234567890abcdefg"),
        ("token hf_abcdefGHIJKL", "abcdefGHIJKL"),
        ("AKIAIOSFODNN7EXAMPLE is unknown", "IOSFODNN7EXAMPLE"),
        ("https://x/y?key=abcdefabcdef1234", "abcdefabcdef1234"),
    ],
)
def test_secrets_are_cut_out(text, secret):
    error = ProviderError(text)
    assert secret not in str(error) + repr(error) + error.message + str(error.args)
    assert secret not in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "No [bold][blue]OPENAI_API_KEY[/blue][/bold] defined in the environment.",
        "This model's maximum context is 8192 tokens: you asked for 9000.",
        "Unexpected token: '}' at line 3",
        "Model API hg is not recognized. Known: groq, hf-inference-providers, mistral.",
        "http://127.0.0.1:8080/v1 refused the connection",
    ],
)
def test_ordinary_text_is_left_alone(text):
    assert redact(text) == text


def test_a_key_is_cut_out_of_every_detail():
    error = ProviderError("key abc123xyz", request_id="r-abc123xyz", model="m", provider="p")
    error.cut("abc123xyz")
    assert "abc123xyz" not in f"{error} {error!r} {error.to_dict()}"


@pytest.mark.parametrize(
    "url",
    [
        "http://tok3n_without_a_colon@host/v1",
        "https://user:pass@host/v1",
        "https://host/v1?api-key=abcdef123",
        "https://host/v1?x=1&subscription-key=abcdef123",
    ],
)
def test_keys_in_addresses_are_not_shown(url):
    shown = redact(url)
    assert "host/v1" in shown
    for secret in ("tok3n", "pass", "abcdef123"):
        assert secret not in shown
