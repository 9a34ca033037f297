"""The provider as the daemon uses it, against a server that says what a test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from modeld.errors import (
    ModeldError,
    ModelNotFound,
    PrerequisiteError,
    ProviderError,
    ProviderUnavailable,
)
from modeld.types import ChatMessageUser, ContentReasoning, GenerateConfig, ModelOutput
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection, Row, TokenCount
from modeld_daemon.core.rates import RateLimits
from modeld_daemon.providers.anthropic.adapter import Anthropic, build
from tests.fakes.deltas import Deltas
from tests.fakes.exact_server import Seen, Server, serving

ROW = Row("anthropic", "anthropic", "", key_variables=("ANTHROPIC_API_KEY",))
HAIKU = "claude-3-5-haiku-latest"
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": HAIKU,
    "content": [{"type": "text", "text": "hi"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 2},
}
NOT_FOUND = {"type": "error", "error": {"type": "not_found_error", "message": "model: x"}}


def http(status: int, body: Any, kind: str = "application/json", *more: str) -> bytes:
    said = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} x", f"content-type: {kind}", f"content-length: {len(said)}", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + said


def stream(*events: Any) -> bytes:
    said = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events)
    return http(200, said.encode(), "text/event-stream")


def scene(
    answers: list[bytes],
    work: Callable[[Anthropic, Route], Any],
    model: str = HAIKU,
    **connection: Any,
) -> tuple[Any, Server]:
    """Runs the work against a server with these answers; the last one is repeated."""

    async def answer(seen: Seen) -> None:
        number = len(server.requests) - 1
        seen.writer.write(answers[min(number, len(answers) - 1)])
        await seen.writer.drain()

    async def run() -> Any:
        nonlocal server
        async with serving(answer) as server:
            connected = Connection(
                f"http://127.0.0.1:{server.port}", **{"api_key": "k1", **connection}
            )
            provider = build(ROW, connected)
            try:
                return await provider.generate(*work(provider, route_to(model)))
            finally:
                await provider.aclose()

    server: Server = Server(answer)
    return asyncio.run(run()), server


def route_to(model: str) -> Route:
    return Route("anthropic", model, Account("anthropic", None, "f"))


def generate(
    *answers: bytes, sink: Deltas | None = None, model: str = HAIKU, **more: Any
) -> tuple[ModelOutput, Server]:
    config = GenerateConfig(**more.pop("config", {}))
    call = Call("1", [ChatMessageUser("hi")], config)
    call.told = more.pop("told", call.told)
    return scene(list(answers), lambda _p, route: (call, route, sink), model, **more)


def failing(*answers: bytes, sink: Deltas | None = None, **more: Any) -> ModeldError:
    with pytest.raises(ModeldError) as caught:
        generate(*answers, sink=sink, **more)
    return caught.value


def headers(server: Server, number: int = -1) -> dict[str, str]:
    lines = server.requests[number].head.decode().split("\r\n")
    pairs = (line.split(": ", 1) for line in lines[1:] if line)
    return {"": lines[0], **dict(pairs)}


def sent(server: Server, number: int = -1) -> Any:
    return json.loads(server.requests[number].body)


def test_the_sdks_head_is_sent():
    told: list[RateLimits | None] = []
    answer = http(200, MESSAGE, "application/json", "anthropic-ratelimit-requests-limit: 5")
    output, server = generate(answer, told=told.append)
    assert output.completion == "hi"
    head = headers(server)
    assert head[""] == "POST /v1/messages HTTP/1.1"
    assert "k1" in head.get("authorization", head.get("x-api-key", ""))
    assert "anthropic-version" in head
    assert "anthropic-beta" not in head
    assert told[0] is not None
    assert told[0].by_name["requests"].limit == 5


def test_a_login_token_is_a_bearer_with_its_beta():
    _, server = generate(http(200, MESSAGE), environment={"ANTHROPIC_AUTH_TOKEN": "k1"})
    head = headers(server)
    assert head["authorization"] == "Bearer k1"
    assert head["anthropic-beta"] == "oauth-2025-04-20"


def test_betas_of_all_sources_are_put_together_and_sampling_names_its_version():
    config = {
        "temperature": 0.5,
        "extra_headers": {"Anthropic-Beta": "c,a", "x-one": "1"},
        "extra_body": {"context_management": {"edits": []}},
    }
    args = {"betas": ["a", "b"], "default_headers": {"anthropic-beta": "z"}}
    _, server = generate(http(200, MESSAGE), config=config, args=args)
    head = headers(server)
    assert head["anthropic-beta"] == "z,a,b,context-management-2025-06-27,c"
    assert (head["anthropic-version"], head["x-one"]) == ("2023-06-01", "1")


def test_secrets_are_in_no_repr():
    async def run() -> str:
        provider = build(ROW, Connection("http://127.0.0.1:1", "k-secret"))
        prepared = await provider._prepare()
        own = {"x-key": "k-secret"}
        endpoint = await prepared.endpoint(prepared.messages_url, None, [], own, b"")
        shown = repr((prepared, endpoint, provider))
        await provider.aclose()
        return shown

    assert "k-secret" not in asyncio.run(run())


def test_long_answers_are_streamed_and_a_server_that_cannot_is_asked_again():
    events = (
        {"type": "message_start", "message": {**MESSAGE, "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "hi"},
        },
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}},
        {"type": "message_stop"},
    )
    output, server = generate(stream(*events), config={"max_tokens": 8192})
    assert (output.completion, sent(server)["stream"]) == ("hi", True)
    output, server = generate(
        http(404, {"error": "no stream here"}), http(200, MESSAGE), config={"max_tokens": 8192}
    )
    assert output.completion == "hi"
    assert [sent(server, n).get("stream") for n in (0, 1)] == [True, None]
    _, server = generate(http(200, MESSAGE), config={"max_tokens": 9000}, args={"streaming": False})
    assert "stream" not in sent(server)
    error = failing(http(404, NOT_FOUND), config={"max_tokens": 8192})
    assert isinstance(error, ModelNotFound)


def test_a_paused_turn_goes_on():
    search = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    paused = {**MESSAGE, "content": [search], "stop_reason": "pause_turn"}
    output, server = generate(http(200, paused), http(200, {**MESSAGE, "id": "msg_2"}))
    assert len(server.requests) == 2
    assert sent(server)["messages"] == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [search]},
    ]
    assert (output.stop_reason, output.completion, output.response_id) == ("stop", "hi", "msg_2")
    assert [part.type for part in output.message.content_list] == ["tool_use", "text"]
    assert output.usage is not None
    assert (output.usage.input_tokens, output.usage.output_tokens) == (6, 4)
    output, server = generate(http(200, paused))
    assert (len(server.requests), output.stop_reason) == (9, "unknown")


def test_a_plain_answer_to_a_stream_is_told_to_the_sink():
    content = [
        {"type": "redacted_thinking", "data": "cipher"},
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "text", "text": "a"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1}},
    ]
    sink = Deltas()
    output, _ = generate(http(200, {**MESSAGE, "content": content}), sink=sink)
    assert (sink.texts, sink.thoughts, sink.calls) == (["a"], ["hm"], {"t": ['{"x":1}']})
    assert isinstance(output.message.content_list[0], ContentReasoning)


def test_a_refused_length_is_a_result():
    error = {"type": "invalid_request_error", "message": "prompt is too long: 2 > 1"}
    output, _ = generate(http(400, {"type": "error", "error": error}))
    assert (output.stop_reason, output.model) == ("model_length", HAIKU)


OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


@pytest.mark.parametrize("sink", [None, Deltas()])
def test_errors_in_good_answers_have_their_class(sink):
    assert isinstance(failing(http(200, OVERLOADED), sink=sink), ProviderUnavailable)
    assert isinstance(failing(stream(OVERLOADED), sink=Deltas()), ProviderUnavailable)
    for wrong in (http(200, b"<html>", "text/html"), http(200, b"[]"), http(200, {"content": [1]})):
        assert type(failing(wrong, sink=sink)) is ProviderError


def test_a_stream_that_ends_early_is_unavailable():
    head = {"type": "message_start", "message": {**MESSAGE, "content": []}}
    error = failing(stream(head), sink=Deltas())
    assert isinstance(error, ProviderUnavailable)
    assert error.phase == "stream"


def test_a_bad_url_is_told_before_anything_is_sent():
    async def run() -> None:
        provider = build(ROW, Connection("not a url", "k"))
        try:
            await provider.generate(Call("1", [ChatMessageUser("hi")]), route_to(HAIKU), None)
        finally:
            await provider.aclose()

    with pytest.raises(ModeldError):
        asyncio.run(run())


def counted(*answers: bytes) -> tuple[TokenCount, Server]:
    async def answer(seen: Seen) -> None:
        seen.writer.write(answers[0])
        await seen.writer.drain()

    async def run() -> tuple[TokenCount, Server]:
        async with serving(answer) as server:
            provider = build(ROW, Connection(f"http://127.0.0.1:{server.port}", "k"))
            try:
                call = Call("1", [ChatMessageUser("hi")], GenerateConfig(max_tokens=5))
                return await provider.count_tokens(call, route_to(HAIKU)), server
            finally:
                await provider.aclose()

    return asyncio.run(run())


def test_tokens_are_counted_by_the_api_or_guessed():
    tokens, server = counted(http(200, {"input_tokens": 7}))
    assert (tokens.tokens, tokens.estimated) == (7, False)
    assert headers(server)[""] == "POST /v1/messages/count_tokens HTTP/1.1"
    assert sent(server) == {"model": HAIKU, "messages": [{"role": "user", "content": "hi"}]}
    tokens, _ = counted(http(404, b"no", "text/plain"))
    assert tokens.estimated
    with pytest.raises(ModelNotFound):
        counted(http(404, NOT_FOUND))
    with pytest.raises(ProviderError):
        counted(http(200, {}))


def test_a_key_is_needed():
    with pytest.raises(PrerequisiteError):
        generate(http(200, MESSAGE), api_key=None)
