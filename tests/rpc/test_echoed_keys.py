"""Servers that echo the key of a request: nothing of what a caller sees has it."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from modeld.errors import ModeldError
from modeld.types import ChatMessageUser, GenerateConfig, ModelOutput
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection
from modeld_daemon.core.raw import Raw
from modeld_daemon.providers.catalog import ROWS
from tests.fakes.deltas import Deltas
from tests.fakes.exact_server import Seen, serving

KEY = "sk-Zq7-echoed/key+of_a.session=="
ECHO = {"you_sent": [KEY], "header": f"Bearer {KEY}"}


@dataclass(frozen=True)
class Dialect:
    """How a server of a dialect says a text, and how a dialect is asked."""

    provider: str
    answer: Callable[[str], Any]
    chunks: Callable[[str], list[Any]]
    failed: Callable[[str], Any]
    model: str = "m"
    args: tuple[tuple[str, Any], ...] = ()
    env: tuple[tuple[str, str], ...] = ()


def chat(text: str) -> Any:
    message = {"role": "assistant", "content": text, "echo": ECHO}
    return {"id": KEY, "model": "m", "choices": [{"message": message, "finish_reason": "stop"}]}


def chat_chunks(text: str) -> list[Any]:
    delta = {"role": "assistant", "content": text, "echo": ECHO}
    return [{"id": KEY, "choices": [{"index": 0, "delta": delta, "finish_reason": "stop"}]}]


def text(text: str) -> Any:
    choice = {"text": text, "finish_reason": "stop", "echo": ECHO}
    return {"id": KEY, "model": "m", "choices": [choice], "echo": ECHO}


def text_chunks(text: str) -> list[Any]:
    return [{"id": KEY, "choices": [{"index": 0, "text": text, "finish_reason": "stop"}]}]


def response(text: str) -> Any:
    part = {"type": "output_text", "text": text, "annotations": []}
    items = [
        {"type": "message", "id": KEY, "role": "assistant", "content": [part]},
        {"type": "unheard_of", "echo": ECHO},
    ]
    return {"id": KEY, "model": "m", "status": "completed", "output": items, "echo": ECHO}


def response_events(text: str) -> list[Any]:
    delta = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0}
    return [{**delta, "delta": text}, {"type": "response.completed", "response": response(text)}]


def message(text: str) -> Any:
    blocks = [{"type": "text", "text": text}, {"type": "unheard_of", "echo": ECHO}]
    end = {"stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 1}}
    return {"id": KEY, "type": "message", "model": "m", "content": blocks, "echo": ECHO, **end}


def message_events(text: str) -> list[Any]:
    empty, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": text}
    return [
        {"type": "message_start", "message": {**message(text), "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": empty},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}},
        {"type": "message_stop"},
    ]


def candidates(text: str) -> Any:
    parts = [{"text": text}, {"unheardOf": ECHO}]
    one = {"content": {"parts": parts}, "finishReason": "STOP", "echo": ECHO}
    return {"candidates": [one], "responseId": KEY, "echo": ECHO}


def error(text: str) -> Any:
    return {"error": {"message": text, "type": "invalid_request_error", "code": text}}


DIALECTS = {
    "openai_chat": Dialect("openai", chat, chat_chunks, error, args=(("responses_api", False),)),
    "openai_completions": Dialect("vllm-completions", text, text_chunks, error),
    "openai_responses": Dialect(
        "openai", response, response_events, error, args=(("responses_api", True),)
    ),
    "anthropic": Dialect(
        "anthropic", message, message_events, lambda text: {"type": "error", **error(text)}
    ),
    "anthropic_token": Dialect(
        "anthropic", message, message_events, error, env=(("ANTHROPIC_AUTH_TOKEN", KEY),)
    ),
    "mistral": Dialect(
        "mistral", chat, chat_chunks, lambda text: {"object": "error", "message": text}
    ),
    "google": Dialect("google", candidates, lambda text: [candidates(text)], error),
    "vertex": Dialect(
        "google", candidates, lambda text: [candidates(text)], error, model="vertex/m"
    ),
}


@pytest.fixture(params=list(DIALECTS))
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return DIALECTS[request.param]


def head(status: int, kind: str, length: int) -> bytes:
    lines = (f"HTTP/1.1 {status} X", f"content-type: {kind}", f"content-length: {length}")
    ids = (f"x-request-id: {KEY}", f"request-id: req-{KEY}", f"x-echo: Bearer {KEY}")
    return "\r\n".join((*lines, *ids, "", "")).encode()


def plain(body: Any, status: int = 200) -> list[bytes]:
    data = json.dumps(body).encode()
    return [head(status, "application/json", len(data)) + data]


def halves(*pieces: bytes) -> list[bytes]:
    """Pieces of TCP such that each key is cut in two, or at its last letter."""
    whole = b"".join(pieces)
    cuts, at = [0], whole.find(KEY.encode())
    while at >= 0:
        cuts.append(at + (len(KEY) - 1 if len(cuts) % 2 else 5))
        at = whole.find(KEY.encode(), at + 1)
    return [whole[a:b] for a, b in zip(cuts, [*cuts[1:], None], strict=True)]


def events(*chunks: Any) -> list[bytes]:
    lines = []
    for chunk in chunks:
        kind = chunk.get("type")
        lines.append(f"event: {kind}\n" if kind else "")
        lines.append(f"data: {json.dumps(chunk)}\n\n")
    if "choices" in chunks[0]:
        lines.append("data: [DONE]\n\n")
    data = "".join(lines).encode()
    return halves(head(200, "text/event-stream", len(data)), data)


def asked(dialect: Dialect, pieces: list[bytes], sink: Deltas | None, **config: Any) -> ModelOutput:
    """What the provider makes of an answer in these pieces."""
    row = next(row for row in ROWS if row.name == dialect.provider)
    build = importlib.import_module(f"modeld_daemon.providers.{row.dialect}.adapter").build

    async def give(seen: Seen) -> None:
        assert KEY.encode() in seen.head
        for piece in pieces:
            seen.writer.write(piece)
            await seen.writer.drain()
            await asyncio.sleep(0.005 if len(pieces) > 1 else 0)

    async def scene() -> ModelOutput:
        async with serving(give) as server:
            url = f"http://127.0.0.1:{server.port}"
            provider = build(row, Connection(url, KEY, dict(dialect.args), dict(dialect.env)))
            route = Route(dialect.provider, dialect.model, Account(dialect.provider, url, "f"))
            call = Call("1", [ChatMessageUser("hi")], GenerateConfig(**config), raw=Raw())
            try:
                output = await provider.generate(call, route, sink)
            finally:
                shown = repr(vars(provider))
                await provider.aclose()
                await asyncio.sleep(0.01)
                noted = call.raw.call()
                assert '"hi"' in json.dumps(noted["request"])
                assert is_told_without_key(json.dumps(noted))
            assert KEY not in shown
            assert noted["response"]
            return output

    return asyncio.run(scene())


def is_told_without_key(*told: Any) -> bool:
    text = "\n".join(map(str, told))
    return KEY not in text and KEY[5:] not in text and KEY[:-1] not in text


def test_an_answer_is_told_without_the_key(dialect, caplog):
    caplog.set_level(logging.DEBUG)
    output = asked(dialect, plain(dialect.answer(f"it is {KEY}!")), None)
    assert output.completion.startswith("it is ***!")
    assert is_told_without_key(json.dumps(output.to_dict()), repr(output), caplog.text)
    assert "you_sent" in json.dumps(output.to_dict())


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_that_has_the_key_in_its_body_is_noted_without_it(stream):
    chat = DIALECTS["openai_chat"]
    pieces = events(*chat.chunks("hi")) if stream else plain(chat.answer("hi"))
    sink = Deltas() if stream else None
    assert asked(chat, pieces, sink, extra_body={"user": KEY}).completion == "hi"


def test_a_stream_is_told_without_the_key_wherever_it_was_cut(dialect, caplog):
    caplog.set_level(logging.DEBUG)
    sink = Deltas()
    output = asked(dialect, events(*dialect.chunks(f"it is {KEY}!")), sink)
    assert "".join(sink.texts) == "it is ***!"
    assert is_told_without_key(json.dumps(output.to_dict()), output, caplog.text, vars(sink))


@pytest.mark.parametrize("status", [400, 401, 429, 500])
@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_is_told_without_the_key(dialect, status, stream, caplog):
    caplog.set_level(logging.DEBUG)
    refusal = plain(dialect.failed(f"Incorrect API key provided: {KEY}"), status)
    with pytest.raises(ModeldError) as caught:
        asked(dialect, halves(*refusal), Deltas() if stream else None)
    raised = caught.value
    assert "***" in str(raised)
    assert is_told_without_key(raised, repr(raised), raised.__dict__, raised.__context__)
    assert is_told_without_key(caplog.text)


def test_an_error_in_a_stream_is_told_without_the_key(dialect):
    with pytest.raises(ModeldError) as caught:
        asked(dialect, events({"type": "error", **error(f"no {KEY}")}), Deltas())
    assert is_told_without_key(caught.value, repr(caught.value), caught.value.__dict__)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("body", [b"<html>%s</html>", b'{"a": "%s"}', b'["%s"]', b'"%s"'])
def test_garbage_is_told_without_the_key(dialect, body, stream):
    data = body % KEY.encode()
    kind = "text/html" if body.startswith(b"<") else "application/json"
    with pytest.raises(ModeldError) as caught:
        asked(dialect, [head(200, kind, len(data)) + data], Deltas() if stream else None)
    assert is_told_without_key(caught.value, repr(caught.value), caught.value.__dict__)


def test_an_encoding_that_is_the_key_is_told_without_it(dialect):
    answer = f"HTTP/1.1 200 X\r\ncontent-encoding: {KEY}\r\ncontent-length: 1\r\n\r\nx".encode()
    with pytest.raises(ModeldError) as caught:
        asked(dialect, [answer], None)
    assert is_told_without_key(caught.value, repr(caught.value))
