"""Responses as the daemon asks for them, against a server that says exactly what a test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from modeld.errors import (
    InvalidRequest,
    ModeldError,
    ModelNotFound,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
)
from modeld.types import ChatMessageUser, GenerateConfig, ModelOutput
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection, Row
from modeld_daemon.providers.openai.adapter import OpenAI, build
from modeld_daemon.providers.openai_responses import background
from tests.fakes.deltas import Deltas
from tests.fakes.exact_server import Seen, Server, serving

ROW = Row(name="openai", dialect="openai", description="", key_variables=("OPENAI_API_KEY",))
TEXT = {"type": "output_text", "text": "hello", "annotations": []}
MESSAGE = {"id": "m1", "type": "message", "role": "assistant", "content": [TEXT]}
DONE = {"id": "resp_1", "model": "m", "status": "completed", "output": [MESSAGE]}
CHAT = {
    "id": "c",
    "model": "m",
    "choices": [{"index": 0, "message": {"content": "from chat"}, "finish_reason": "stop"}],
}


def reply(status: int, body: Any, kind: str = "application/json", more: str = "") -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = (
        f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\n{more}content-length: {len(data)}\r\n\r\n"
    )
    return head.encode() + data


def stream(*events: Any) -> bytes:
    data = b"".join(b"data: " + json.dumps(e).encode() + b"\n\n" for e in events)
    return reply(200, data, "text/event-stream")


def answering(*replies: bytes) -> Callable[[Seen], Awaitable[None]]:
    """Each request gets the next reply; the last one lasts."""
    left = list(replies)

    async def answer(seen: Seen) -> None:
        seen.writer.write(left.pop(0) if len(left) > 1 else left[0])
        await seen.writer.drain()

    return answer


def asked(server: Server) -> list[str]:
    return [
        seen.head.split(b"\r\n")[0].decode().removesuffix(" HTTP/1.1") for seen in server.requests
    ]


async def with_provider(
    replies: tuple[bytes, ...],
    scene: Callable[[OpenAI, Server], Awaitable[None]],
    args: dict[str, Any] | None = None,
) -> None:
    async with serving(answering(*replies)) as server:
        said = {"responses_api": True} if args is None else args
        provider = build(ROW, Connection(f"http://127.0.0.1:{server.port}/v1", "k", said))
        try:
            await scene(provider, server)
        finally:
            await provider.aclose()


def call(**config: Any) -> Call:
    return Call("1", [ChatMessageUser("hi")], GenerateConfig(**config))


def route(model: str = "gpt-5") -> Route:
    return Route("openai", model, Account("openai", None, "f"))


def generate(
    *replies: bytes, sink: Deltas | None = None, model: str = "gpt-5", **args: Any
) -> tuple[ModelOutput, Server]:
    found: list[Any] = []

    async def scene(provider: OpenAI, server: Server) -> None:
        found.extend([await provider.generate(call(), route(model), sink), server])

    asyncio.run(with_provider(replies, scene, {"responses_api": True, **args}))
    return found[0], found[1]


@pytest.mark.parametrize(
    "args, model, path",
    [
        ({}, "gpt-5", "/v1/responses"),  # OpenAI's model behind a gateway
        ({}, "somebodys-model", "/v1/chat/completions"),
        ({"responses_api": True}, "gpt-4o", "/v1/responses"),
        ({"responses_api": False}, "gpt-5", "/v1/chat/completions"),
    ],
)
def test_one_provider_speaks_both_apis(args, model, path):
    async def scene(provider: OpenAI, server: Server) -> None:
        output = await provider.generate(call(), route(model), None)
        assert output.completion == ("hello" if path.endswith("responses") else "from chat")
        assert output.time is not None
        assert asked(server) == [f"POST {path}"]

    answer = DONE if path.endswith("responses") else CHAT
    asyncio.run(with_provider((reply(200, answer),), scene, args))


@pytest.mark.parametrize("responses_api, answer", [(True, DONE), (False, CHAT)])
def test_who_may_not_stream_a_model_is_answered_plainly(responses_api, answer):
    """A call that is cached or has an id is streamed, whether or not its caller has asked for that."""
    refused = {
        "message": "Your organization must be verified to stream this model.",
        "type": "invalid_request_error",
        "param": "stream",
        "code": "unsupported_value",
    }
    told = Deltas()
    replies = (reply(400, {"error": refused}), reply(200, answer))
    output, server = generate(*replies, sink=told, responses_api=responses_api)
    assert told.texts == [output.completion]
    assert output.completion
    assert [json.loads(seen.body).get("stream") for seen in server.requests] == [True, None]


def test_a_compatible_server_without_responses_is_asked_for_chat_from_then_on():
    missing = reply(404, {"detail": "Not Found"})

    async def scene(provider: OpenAI, server: Server) -> None:
        for _ in range(2):
            output = await provider.generate(call(), route("gpt-5"), None)
            assert output.completion == "from chat"
        assert asked(server) == ["POST /v1/responses", *["POST /v1/chat/completions"] * 2]

    asyncio.run(with_provider((missing, reply(200, CHAT), reply(200, CHAT)), scene, {}))


def test_openais_own_server_is_asked_by_the_models_api():
    async def scene() -> None:
        provider = build(ROW, Connection(None, "k"))
        prepared = await provider.sdk.prepared()
        targets: list[bytes] = []

        async def capture(endpoint: Any, body: bytes, **_: Any) -> Any:
            targets.append(endpoint.target)
            raise ProviderUnavailable("enough")

        prepared.http.fetch = capture  # type: ignore[method-assign]
        for model in ("gpt-5", "gpt-4o"):
            with pytest.raises(ProviderUnavailable):
                await provider.generate(call(), route(model), None)
        with pytest.raises(ProviderUnavailable):
            await provider.count_tokens(call(), route("gpt-4o"))
        assert targets == [b"/v1/responses", b"/v1/chat/completions", b"/v1/responses/input_tokens"]
        await provider.aclose()

    asyncio.run(scene())


def test_rate_limits_are_told_once_and_headers_are_sent():
    told: list[Any] = []

    async def scene(provider: OpenAI, server: Server) -> None:
        asks = call(extra_headers={"x-mine": "1"})
        asks.told = told.append
        await provider.generate(asks, route(), None)
        assert b"x-mine: 1" in server.requests[0].head

    limits = "x-ratelimit-limit-requests: 60\r\nx-ratelimit-remaining-requests: 59\r\n"
    asyncio.run(with_provider((reply(200, DONE, more=limits),), scene))
    assert [limits.by_name["requests"].remaining for limits in told] == [59]


# -- answers that are none -------------------------------------------------------------------


def failing(*replies: bytes, sink: Deltas | None = None, **args: Any) -> ModeldError:
    with pytest.raises(ModeldError) as caught:
        generate(*replies, sink=sink, **args)
    return caught.value


FAILED = {"id": "r", "status": "failed", "output": [], "error": {"code": "server_error"}}


def test_an_error_in_a_good_answer_is_of_its_kind():
    error = failing(reply(200, {"error": {"code": "rate_limit_exceeded", "message": "slow"}}))
    assert isinstance(error, RateLimited)
    assert isinstance(failing(reply(200, FAILED)), ProviderUnavailable)
    refused = {**FAILED, "error": {"code": "invalid_prompt", "message": "no"}}
    output, _ = generate(reply(200, refused))
    assert (output.stop_reason, output.error) == ("content_filter", "no")


def test_an_error_in_a_stream_is_of_its_kind():
    delta = {"type": "response.output_text.delta", "output_index": 0, "delta": "hel"}
    last = {"type": "response.failed", "response": FAILED}
    assert isinstance(failing(stream(delta, last), sink=Deltas()), ProviderUnavailable)
    wrong = {"type": "error", "code": "rate_limit_exceeded", "message": "slow"}
    assert isinstance(failing(stream(delta, wrong), sink=Deltas()), RateLimited)
    long = {"type": "error", "code": "context_length_exceeded", "message": "long"}
    assert generate(stream(long), sink=Deltas())[0].stop_reason == "model_length"
    cut = failing(stream(delta), sink=Deltas())
    assert isinstance(cut, ProviderUnavailable)
    assert cut.phase == "stream"


@pytest.mark.parametrize("sink", [None, Deltas()])
def test_an_answer_of_somebody_else_is_the_providers_error(sink):
    for page in (reply(200, b"<html>hi</html>", "text/html"), reply(200, {"hello": 1})):
        assert type(failing(page, sink=sink)) is ProviderError
    assert isinstance(
        failing(reply(404, b"<html>no</html>", "text/html"), sink=sink), ProviderError
    )


def test_a_server_that_does_not_stream_is_taken_as_it_is():
    sink = Deltas()
    thoughts = {"type": "reasoning", "id": "r", "summary": [{"text": "hm"}]}
    body = {**DONE, "output": [thoughts, MESSAGE]}
    output, _ = generate(reply(200, body), sink=sink)
    assert (output.completion, "".join(sink.texts), "".join(sink.thoughts)) == (
        "hello",
        "hello",
        "hm",
    )


# -- in the background -----------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_WAITS", (0.001,))


QUEUED = reply(200, {"id": "resp_1", "status": "queued", "output": []})
RUNNING = reply(200, {"id": "resp_1", "status": "in_progress", "output": []})


@pytest.mark.usefixtures("quick")
def test_a_slow_answer_is_asked_for_until_it_is_there():
    sink = Deltas()
    trouble = reply(503, {"error": {"message": "busy"}})
    replies = (QUEUED, QUEUED, trouble, RUNNING, reply(200, DONE))
    output, server = generate(*replies, sink=sink, model="gpt-5-pro")
    assert (output.completion, "".join(sink.texts)) == ("hello", "hello")
    assert asked(server) == ["POST /v1/responses", *["GET /v1/responses/resp_1"] * 4]
    sent = json.loads(server.requests[0].body)
    assert (sent["background"], sent["store"]) == (True, True)
    assert "stream" not in sent


@pytest.mark.usefixtures("quick")
def test_a_slow_answer_can_fail():
    assert isinstance(failing(QUEUED, reply(200, FAILED), background=True), ProviderUnavailable)
    gone = reply(404, {"error": {"message": "no such response", "type": "invalid_request_error"}})
    assert isinstance(failing(QUEUED, gone, background=True), ProviderError)
    busy = reply(503, {"error": {"message": "busy"}})
    assert isinstance(failing(QUEUED, busy, background=True), ProviderUnavailable)


@pytest.mark.usefixtures("quick")
def test_a_caller_who_leaves_ends_it_at_the_provider():
    async def scene(provider: OpenAI, server: Server) -> None:
        task = asyncio.ensure_future(provider.generate(call(), route(), None))
        while len(server.requests) < 3:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asked(server)[-1] == "POST /v1/responses/resp_1/cancel"

    args = {"responses_api": True, "background": True}
    asyncio.run(with_provider((QUEUED, RUNNING), scene, args))


# -- counting --------------------------------------------------------------------------------


def test_tokens_are_counted_by_the_api():
    async def scene(provider: OpenAI, server: Server) -> None:
        count = await provider.count_tokens(call(max_tokens=5), route())
        assert (count.tokens, count.estimated) == (7, False)
        assert asked(server) == ["POST /v1/responses/input_tokens"]
        assert json.loads(server.requests[0].body).keys() == {"model", "input"}

    counted = {"object": "response.input_tokens", "input_tokens": 7}
    asyncio.run(with_provider((reply(200, counted),), scene))


def test_tokens_are_estimated_where_nobody_counts():
    async def scene(provider: OpenAI, server: Server) -> None:
        for _ in range(2):
            assert (await provider.count_tokens(call(), route())).estimated
        assert len(server.requests) == 1  # it is not asked twice

    asyncio.run(with_provider((reply(404, {"detail": "Not Found"}),), scene))


@pytest.mark.parametrize(
    "status, code, kind", [(400, "bad", InvalidRequest), (404, "model_not_found", ModelNotFound)]
)
def test_a_count_that_is_refused_is_an_error(status, code, kind):
    async def scene(provider: OpenAI, server: Server) -> None:
        with pytest.raises(kind):
            await provider.count_tokens(call(), route())

    error = {"error": {"message": "no", "code": code}}
    asyncio.run(with_provider((reply(status, error),), scene))
