"""The provider against a server that says exactly what a test wants."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modeld.errors import ModelNotFound, ProviderError, ProviderUnavailable, RateLimited
from modeld.types import ModelOutput
from modeld_daemon.core.call import Route
from modeld_daemon.providers.google.adapter import Google
from tests.fakes.deltas import Deltas
from tests.fakes.exact_google import OK, asked, asking, http, scene, sse

MALFORMED = {
    "candidates": [
        {"content": {}, "finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": "oh"}
    ],
    "usageMetadata": {"promptTokenCount": 1, "totalTokenCount": 1},
}


def test_a_request_goes_to_its_model_with_its_key():
    out, (seen,) = scene(asking(), http(200, OK), default_headers={"x-mine": "1"})
    assert isinstance(out, ModelOutput)
    assert out.completion == "hi"
    assert seen.head.startswith(
        b"POST /v1beta/models/gemini-2.5-flash:generateContent HTTP/1.1\r\n"
    )
    assert b"x-goog-api-key: secret-key\r\n" in seen.head
    assert b"x-mine: 1\r\n" in seen.head
    assert json.loads(seen.body) == {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}


def test_a_stream_asks_for_events():
    sink = Deltas()
    first = {"candidates": [{"content": {"parts": [{"text": "h"}]}}]}
    rest = {**OK, "candidates": [{"content": {"parts": [{"text": "i"}]}, "finishReason": "STOP"}]}
    act = asking(sink)
    out, (seen,) = scene(act, sse(first, rest))
    assert (out.completion, sink.texts) == ("hi", ["h", "i"])
    assert b":streamGenerateContent?alt=sse HTTP/1.1\r\n" in seen.head


def test_extra_headers_are_those_of_one_call():
    async def act(provider: Google, route: Route) -> None:
        await provider.generate(asked(extra_headers={"x-mine": "2"}), route, None)
        await provider.generate(asked(), route, None)

    _, (one, two) = scene(act, http(200, OK))
    assert b"x-mine: 2\r\n" in one.head
    assert b"x-mine" not in two.head


BUSY = {"error": {"code": 503, "status": "UNAVAILABLE", "message": "overloaded"}}
FULL = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "slow down"}}


@pytest.mark.parametrize(
    "answer, stream, kind, phase",
    [
        (http(200, BUSY), False, ProviderUnavailable, None),
        (http(200, FULL), False, RateLimited, None),
        (http(200, [FULL]), True, RateLimited, None),
        (sse({"candidates": [{"content": {"parts": [{"text": "a"}]}}]}, BUSY), True, ProviderUnavailable, None),
        (sse({"candidates": [{"content": {"parts": [{"text": "a"}]}}]}), True, ProviderUnavailable, "stream"),
        (sse(), True, ProviderUnavailable, "stream"),
        (http(200, b"<html>", "text/html"), False, ProviderError, None),
        (http(200, b"<html>", "text/html"), True, ProviderError, None),
        (http(200, b"{", "application/json"), True, ProviderError, None),
        (http(200, {}), False, ProviderError, None),
        (sse("x"), True, ProviderError, None),
        (http(404, b"<html>nginx", "text/html"), False, ProviderError, None),
    ],
)  # fmt: skip
def test_a_bad_answer_has_its_class(answer, stream, kind, phase):
    act = asking(Deltas() if stream else None)
    with pytest.raises(kind) as caught:
        scene(act, answer)
    assert type(caught.value) is kind
    assert caught.value.phase == phase
    assert "secret-key" not in repr(caught.value)


def test_an_array_of_chunks_is_a_stream_too():
    sink = Deltas()
    act = asking(sink)
    out, _ = scene(act, http(200, [OK]))
    assert (out.completion, "".join(sink.texts)) == ("hi", "hi")


@pytest.mark.parametrize("stream", [False, True])
def test_a_malformed_call_is_asked_again(stream):
    act = asking(Deltas() if stream else None)
    answer = sse if stream else lambda body: http(200, body)
    out, requests = scene(act, answer(MALFORMED), answer(MALFORMED), answer(OK))
    assert (out.completion, len(requests)) == ("hi", 3)
    assert len(out.metadata["malformed_calls"]) == 2
    out, requests = scene(act, answer(MALFORMED))
    assert (out.stop_reason, len(requests)) == ("unknown", 4)
    assert out.choices[0].stop_details.explanation == "oh"
    if stream:
        half = sse({"candidates": [{"content": {"parts": [{"text": "a"}]}}]})
        with pytest.raises(ProviderUnavailable):
            scene(act, answer(MALFORMED), half)
    out, requests = scene(act, answer(MALFORMED), http(500, b""))
    assert (out.stop_reason, len(requests)) == ("unknown", 2)


def test_warnings_come_with_the_output():
    act = asking(best_of=3)
    out, _ = scene(act, http(200, OK))
    assert out.metadata == {"warnings": ["generateContent knows no best_of: left out."]}


# -- counting ------------------------------------------------------------------------------------


def counting(provider: Google, route: Route) -> Any:
    return provider.count_tokens(asked(), route)


def test_tokens_are_counted_by_the_api():
    counted, (seen,) = scene(counting, http(200, {"totalTokens": 8}))
    assert (counted.tokens, counted.estimated) == (8, False)
    assert b"/v1beta/models/gemini-2.5-flash:countTokens HTTP/1.1" in seen.head
    assert json.loads(seen.body)["generateContentRequest"]["model"] == "models/gemini-2.5-flash"


def test_tokens_are_counted_by_vertex():
    counted, (seen,) = scene(counting, http(200, {"totalTokens": 8}), model="vertex/g")
    assert counted.tokens == 8
    assert json.loads(seen.body).keys() == {"contents"}


@pytest.mark.parametrize("answer", [http(404, b"<html>"), http(501, b""), http(405, b"")])
def test_tokens_are_estimated_where_nobody_counts(answer):
    counted, _ = scene(counting, answer)
    assert counted.estimated
    assert counted.tokens > 0


def test_a_wrong_model_is_no_estimate():
    error = {"error": {"code": 404, "status": "NOT_FOUND", "message": "models/x is not found"}}
    with pytest.raises(ModelNotFound):
        scene(counting, http(404, error))
