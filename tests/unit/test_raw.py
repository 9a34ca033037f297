"""What is noted of an exchange with a provider."""

from __future__ import annotations

import json

import pytest

from modeld_daemon.core import raw
from modeld_daemon.core.raw import Raw


def noted(kind: str, *pieces: bytes, status: int = 200, asked: bytes = b"{}"):
    exchange = Raw()
    exchange.asked(asked)
    exchange.answered(status, kind)
    for piece in pieces:
        exchange.came(piece)
    return exchange.call()


def test_nothing_is_noted_of_what_was_never_asked():
    assert Raw().call() is None


def test_a_request_without_an_answer_is_noted():
    exchange = Raw()
    exchange.asked(b'{"a": 1}')
    assert exchange.call() == {"request": {"a": 1}, "time": 0.0}


@pytest.mark.parametrize(
    "kind, body, response",
    [
        ("application/json", b'{"a": [1]}', {"a": [1]}),
        ("application/json; charset=utf-8", b"[1]", {"value": [1]}),
        ("application/json", b'{"a": NaN}', {"a": "NaN"}),
        ("application/json", b'{"a": ', {"text": '{"a": '}),
        ("text/html", b"<p>\xff", {"text": "<p>\ufffd"}),
        (
            "text/event-stream",
            b'event: x\ndata: {"a": 1}\n\n: still here\ndata:[DONE]\n\n',
            {"events": [{"a": 1}, "[DONE]"]},
        ),
        (
            "application/vnd.amazon.eventstream",
            b"\0" * 7,
            {"omitted": "7 bytes of application/vnd.amazon.eventstream"},
        ),
    ],
)
def test_answers_are_noted_by_their_kind(kind, body, response):
    call = noted(kind, body[:3], body[3:])
    assert call["response"] == response
    assert "error" not in call
    json.dumps(call, allow_nan=False)


def test_an_error_is_noted_as_one():
    assert noted("application/json", b"{}", status=429)["error"] is True


def test_media_are_not_kept():
    media = "QUJD" * 1000
    asked = {"data": media, "url": f"data:image/png;base64,{media}", "text": "QUJD " * 1000}
    call = noted("application/json", b"{}", asked=json.dumps(asked).encode())
    removed = "<base64 data removed>"
    assert call["request"] == {"data": removed, "url": removed, "text": asked["text"]}


def test_an_engine_is_noted_as_a_server_is():
    exchange = Raw()
    exchange.asked_engine([{"prompt": "hi"}])
    assert exchange.call()["request"] == {"requests": [{"prompt": "hi"}]}
    exchange.engine_answered([{"text": "ho"}])
    assert exchange.call()["response"] == {"results": [{"text": "ho"}]}


def test_a_later_attempt_is_noted_instead_of_an_earlier_one():
    exchange = Raw()
    exchange.asked(b'{"n": 1}')
    exchange.answered(500, "text/plain")
    exchange.came(b"no")
    exchange.asked(b'{"n": 2}')
    assert exchange.call() == {"request": {"n": 2}, "time": 0.0}


def test_an_answer_without_end_is_not_kept(monkeypatch):
    monkeypatch.setattr(raw, "MOST_BYTES", 10)
    call = noted("text/plain", b"123456", b"123456")
    assert call["response"] == {"omitted": "12 bytes of text/plain"}
