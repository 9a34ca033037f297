"""What the Mistral adapter sends, and what it makes of servers and networks that fail."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from modeld.errors import (
    AuthenticationError,
    ModeldError,
    PrerequisiteError,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
)
from modeld.types import ChatMessageUser, GenerateConfig, ModelOutput
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection, Row
from modeld_daemon.core.rates import RateLimits
from modeld_daemon.providers.mistral.adapter import build
from tests.fakes.deltas import Deltas
from tests.fakes.exact_server import Seen, Server, serving
from tests.fakes.playing_openai import make_call
from tests.fakes.recorded_mistral import ROW, play, recorded_call
from tests.fakes.recorded_openai import recorded_cases, recordings_folder, replay_module

API = "mistral.chat"
ROUTE = Route("mistral", "m", Account("mistral", None, "f"))
ANSWER = {
    "id": "r1",
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "42"}}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
}
CHUNK = {"id": "r1", "model": "m", "choices": [{"index": 0, "delta": {"content": "42"}}]}
FAILED = {"object": "error", "message": "no", "type": "internal_server_error", "code": "3000"}


# -- a server of the test's ------------------------------------------------------------------


def response(body: Any, kind: str = "application/json", status: int = 200, head: str = "") -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    start = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(data)}\r\n{head}"
    return start.encode() + b"\r\n" + data


def events(*data: Any, name: str = "") -> bytes:
    lines = [one if isinstance(one, str) else json.dumps(one) for one in data]
    start = f"event: {name}\n" if name else ""
    text = "".join(f"{start}data: {line}\n\n" for line in lines)
    return response(text.encode(), "text/event-stream; charset=utf-8")


def asked(
    answer: bytes,
    *,
    stream: bool = False,
    connection: Connection | None = None,
    row: Row = ROW,
    **config: Any,
) -> tuple[ModelOutput, Server, Deltas, list[RateLimits | None]]:
    """The output of a call to a server that gives this answer."""
    limits: list[RateLimits | None] = []

    async def give(seen: Seen) -> None:
        seen.writer.write(answer)
        await seen.writer.drain()

    async def scene() -> tuple[ModelOutput, Server, Deltas, list[RateLimits | None]]:
        async with serving(give) as server:
            url = f"http://127.0.0.1:{server.port}"
            given = connection or Connection(None, "test-key")
            made = Connection(url, given.api_key, given.args, given.environment)
            provider = build(row, made)
            deltas = Deltas()
            call = Call("1", [ChatMessageUser("hi")], GenerateConfig(**config), told=limits.append)
            try:
                output = await provider.generate(call, ROUTE, deltas if stream else None)
            finally:
                await provider.aclose()
                await asyncio.sleep(0.01)
            return output, server, deltas, limits

    return asyncio.run(scene())


def failing(answer: bytes, *, stream: bool = False) -> ModeldError:
    with pytest.raises(ModeldError) as caught:
        asked(answer, stream=stream)
    return caught.value


def head_of(server: Server) -> dict[str, str]:
    lines = server.requests[0].head.decode().split("\r\n")
    head = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
    return {"": lines[0], **head}


def test_the_sdk_says_where_a_call_goes_and_as_whom(monkeypatch):
    monkeypatch.setenv("MISTRAL_API_KEY", "of-the-daemon")
    monkeypatch.setenv("MISTRAL_DEBUG", "1")
    output, server, _, limits = asked(
        response(ANSWER, head="x-ratelimit-limit-req-minute: 60\r\n"), extra_headers={"x-a": "b"}
    )
    head = head_of(server)
    assert head[""] == "POST /v1/chat/completions HTTP/1.1"
    assert head["authorization"] == "bearer test-key"
    assert head["accept"] == "application/json"
    assert head["user-agent"].startswith("mistral-client-python/")
    assert head["x-a"] == "b"
    assert output.completion == "42"
    assert output.time is not None
    assert limits[0] is not None
    assert limits[0].by_name["requests"].limit == 60


def test_model_args_reach_the_head_and_the_body():
    args = {"default_headers": {"x-a": "b"}, "safe_prompt": True, "streaming": True}
    answer = events(CHUNK, "[DONE]")
    output, server, _, _ = asked(answer, connection=Connection(None, "k", args), effort="high")
    assert head_of(server)["x-a"] == "b"
    assert head_of(server)["accept"] == "text/event-stream"
    body = json.loads(server.requests[0].body)
    assert (body["safe_prompt"], body["stream"]) == (True, True)
    assert output.metadata is not None
    assert "effort" in output.metadata["warnings"][0]


def test_a_server_without_keys_is_sent_none():
    row = Row("mistral", "mistral", "", key_required=False)
    _, server, _, _ = asked(response(ANSWER), connection=Connection(None), row=row)
    assert "authorization" not in head_of(server)


@pytest.mark.parametrize("url", ["https://api.example/v1/", "https://api.example"])
def test_the_version_may_be_part_of_the_base_url(url):
    async def scene() -> str:
        provider = build(ROW, Connection(url, "secret-key"))
        prepared = await provider._prepare()
        assert "secret-key" not in repr(prepared)
        await provider.aclose()
        return prepared.url

    assert asyncio.run(scene()) == "https://api.example/v1/chat/completions"


def test_a_url_that_is_none_is_a_prerequisite_that_is_missing():
    provider = build(ROW, Connection("http://[::1", "k"))
    call = Call("1", [ChatMessageUser("hi")])
    with pytest.raises(PrerequisiteError, match="mistral"):
        asyncio.run(provider.generate(call, ROUTE, None))


def test_tokens_are_estimated():
    provider = build(ROW, Connection(None, "k"))
    count = asyncio.run(provider.count_tokens(Call("1", [ChatMessageUser("hi you")]), ROUTE))
    assert count.estimated
    assert count.tokens > 0


def test_a_stream_and_a_plain_answer_in_its_place_say_the_same():
    done, _, deltas, _ = asked(events(CHUNK, "[DONE]"), stream=True)
    assert (done.completion, deltas.texts) == ("42", ["42"])
    plain, _, deltas, _ = asked(response(ANSWER), stream=True)
    assert (plain.completion, deltas.texts) == ("42", ["42"])


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_in_a_good_answer_has_its_class(stream):
    assert type(failing(response(FAILED), stream=stream)) is ProviderUnavailable
    denied = failing(response({"detail": "Invalid API Key"}, status=401), stream=stream)
    assert type(denied) is AuthenticationError
    assert type(failing(response({"message": "odd"}), stream=stream)) is ProviderError


def test_an_error_in_a_stream_has_its_class():
    assert type(failing(events(CHUNK, FAILED), stream=True)) is ProviderUnavailable
    limited = {"message": "slow down", "type": "rate_limited"}
    assert type(failing(events(limited, name="error"), stream=True)) is RateLimited


def test_a_stream_that_ends_early_is_unavailable():
    for answer in (events(CHUNK), events()):
        error = failing(answer, stream=True)
        assert type(error) is ProviderUnavailable
        assert error.phase == "stream"


EARLY = b'{"choices": [{}]}'  # what a stream may begin with


@pytest.mark.parametrize(
    "body", [b"{oops", b"[]", b"42", b'{"choices": 1}', EARLY, b"<html>hi</html>"]
)
def test_an_answer_that_is_none_is_the_providers_error(body):
    for kind, stream in (("application/json", False), ("application/json", True)):
        assert type(failing(response(body, kind), stream=stream)) is ProviderError
    assert type(failing(response(body, "text/html"), stream=True)) is ProviderError
    if body != EARLY:
        assert type(failing(events(body.decode()), stream=True)) is ProviderError


def test_a_guarded_request_is_a_result():
    blocked = {"message": "Blocked by a guardrail", "type": "guardrail"}
    output, _, deltas, _ = asked(response(blocked, status=403), stream=True)
    assert output.stop_reason == "content_filter"
    assert deltas.texts == ["Blocked by a guardrail"]


# -- recorded answers, disturbed -------------------------------------------------------------

CASES = {case["id"]: case for case in recorded_cases(API)}
PLAIN = next((n for n in CASES if n.startswith("mistral.chat-stop-settings")), "")
STREAM = next((n for n in CASES if n.startswith("mistral.chat-streaming-responses")), "")
recorded = pytest.mark.skipif(
    not CASES, reason=f"no recorded traffic at {recordings_folder()}: set MODELD_RECORDINGS"
)


@pytest.fixture(scope="module")
def replay() -> Iterator[Any]:
    module = replay_module()
    with module.ThreadedReplayServer([recordings_folder() / API]) as server:
        yield server
        time.sleep(0.1)  # the server closes its ends of the connections


def disturbed(replay: Any, fault: str, *, stream: bool) -> ModeldError:
    name = STREAM if stream else PLAIN
    body = CASES[name]["exchanges"][0]["request"]["body"]
    call = make_call(recorded_call(body))
    base_url = f"{replay.url}/fault/{fault}/case/{name}@0"
    with pytest.raises(ModeldError) as caught:
        asyncio.run(play(base_url, call, body["model"], Deltas() if stream else None))
    return caught.value


@recorded
@pytest.mark.parametrize("stream", [False, True])
def test_a_rate_limit_says_when_to_try_again(replay, stream):
    before = len(replay.requests)
    error = disturbed(replay, "429;retry_after=7", stream=stream)
    assert type(error) is RateLimited
    assert error.retry_after == 7
    assert len(replay.requests) == before + 1  # the SDK retries nothing


@recorded
@pytest.mark.parametrize("status", [500, 502, 503, 529])
def test_a_server_in_trouble_is_unavailable(replay, status):
    error = disturbed(replay, str(status), stream=False)
    assert type(error) is ProviderUnavailable
    assert error.status == status


@recorded
def test_a_broken_connection_is_unavailable(replay):
    assert type(disturbed(replay, "disconnect", stream=False)) is ProviderUnavailable
    for fault in ("disconnect-mid-stream", "truncate"):
        error = disturbed(replay, fault, stream=True)
        assert type(error) is ProviderUnavailable
        assert error.phase == "stream"


@recorded
def test_garbage_is_the_providers_error(replay):
    for stream in (False, True):
        assert type(disturbed(replay, "garbage-json", stream=stream)) is ProviderError


@recorded
@pytest.mark.parametrize("stream", [False, True])
def test_a_cancelled_call_hangs_up_at_once(replay, stream):
    name = STREAM if stream else PLAIN
    body = CASES[name]["exchanges"][0]["request"]["body"]
    fault = "slow;ms=300;first_ms=0" if stream else "hang"

    async def scene() -> None:
        provider = build(ROW, Connection(f"{replay.url}/fault/{fault}/case/{name}@0", "test-key"))
        sink = Deltas() if stream else None
        started = len(replay.requests)
        task = asyncio.ensure_future(provider.generate(make_call(recorded_call(body)), ROUTE, sink))
        async with asyncio.timeout(5):
            while len(replay.requests) == started:
                await asyncio.sleep(0.005)
            if sink is not None:
                await sink.first.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            while replay.requests[-1]["outcome"] == "in_progress":
                await asyncio.sleep(0.005)
        await provider.aclose()
        await asyncio.sleep(0.01)

    asyncio.run(scene())
    assert replay.requests[-1]["outcome"] == "client_disconnected"
