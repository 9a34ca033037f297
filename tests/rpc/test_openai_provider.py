"""The provider as the daemon uses it, against a lean upstream."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from modeld.errors import InvalidRequest, PrerequisiteError, ProviderUnavailable, RateLimited
from modeld.types import ChatMessageUser, GenerateConfig, ModelOutput
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection, Row
from modeld_daemon.providers.openai_chat.adapter import OpenAIChat, build
from tests.fakes.upstream import UpstreamThread, fingerprint

ROW = Row(name="openai", dialect="openai_chat", description="", key_variables=("OPENAI_API_KEY",))
ROUTE = Route("openai", "gpt-4o", Account("openai", None, "f"))


class Texts(list[str]):
    """A sink that keeps text."""

    def text(self, text: str) -> None:
        self.append(text)

    def reasoning(self, reasoning: str) -> None:
        raise AssertionError(reasoning)

    def tool_call(self, id: str, function: str, arguments: str) -> None:
        raise AssertionError(id)

    def queued(self, *args: Any) -> None:
        raise AssertionError(args)


@pytest.fixture(scope="module")
def upstream() -> Iterator[UpstreamThread]:
    with UpstreamThread() as server:
        yield server


def call(**config: Any) -> Call:
    return Call("1", [ChatMessageUser("hi")], GenerateConfig(**config))


def generate(
    upstream: UpstreamThread,
    *knobs: str,
    sink: Texts | None = None,
    row: Row = ROW,
    config: dict[str, Any] | None = None,
    **connection: Any,
) -> ModelOutput:
    async def scene() -> ModelOutput:
        connected = Connection(upstream.base_url(*knobs), **{"api_key": "k", **connection})
        provider = build(row, connected)
        try:
            return await provider.generate(call(**(config or {})), ROUTE, sink)
        finally:
            await provider.aclose()

    upstream.reset()
    return asyncio.run(scene())


def test_plain_and_streamed_answers_are_equal(upstream):
    texts = Texts()
    plain = generate(upstream, "text=abc")
    streamed = generate(upstream, "text=abc", "chunks=1", sink=texts)
    assert plain.time is not None
    assert texts == ["abc"]
    for output in (plain, streamed):
        output.time = None
        output.message.id = None
    assert plain == streamed


def test_the_key_and_the_headers_of_the_session_are_sent(upstream):
    generate(upstream, api_key="secret-key-of-a-session")
    assert upstream.stats().keys == {fingerprint("secret-key-of-a-session"): 1}


def test_a_provider_without_a_key_sends_none(upstream):
    row = Row(name="ollama", dialect="openai_chat", description="", key_required=False)
    generate(upstream, row=row, api_key=None)
    assert fingerprint("none") not in upstream.stats().keys


def test_a_key_of_this_process_is_never_used(upstream, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "not-this")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/not-this")
    monkeypatch.setenv("OPENAI_ORG_ID", "not-this")
    with pytest.raises(PrerequisiteError, match="OPENAI_API_KEY"):
        generate(upstream, api_key=None)
    assert generate(upstream).completion == "Hello!"
    assert upstream.stats().keys == {fingerprint("k"): 1}


def prepared_head(connection: Connection, **config: Any) -> str:
    async def scene() -> str:
        provider = build(ROW, connection)
        heads: list[bytes] = []

        async def capture(endpoint: Any, body: bytes, **_how: Any) -> Any:
            heads.append(endpoint.bytes_for(body))
            raise ProviderUnavailable("enough")

        prepared = await provider.sdk.prepared()
        prepared.http.fetch = capture  # type: ignore[method-assign]
        with pytest.raises(ProviderUnavailable):
            await provider.generate(call(**config), ROUTE, None)
        await provider.aclose()
        return heads[0].decode()

    return asyncio.run(scene())


def test_the_sdk_says_url_and_headers():
    args = {
        "organization": "org-1",
        "default_headers": {"X-Team": "blue"},
        "default_query": {"v": "2"},
    }
    connection = Connection(None, "k", args, {"OPENAI_PROJECT_ID": "proj-1"})
    head = prepared_head(connection, extra_headers={"x-team": "red", "X-More": "1"})
    assert head.startswith("POST /v1/chat/completions?v=2 HTTP/1.1\r\nhost: api.openai.com\r\n")
    for line in (
        "authorization: Bearer k",
        "openai-organization: org-1",
        "openai-project: proj-1",
        "x-team: red",
        "x-more: 1",
    ):
        assert f"\r\n{line}\r\n" in head
    assert "user-agent: AsyncOpenAI/Python" in head
    assert "blue" not in head


def test_an_unknown_model_arg_is_refused_at_once():
    with pytest.raises(InvalidRequest, match="speling"):
        build(ROW, Connection(None, "k", {"speling": 1}))


def test_a_broken_base_url_is_said_clearly():
    async def scene() -> None:
        provider = build(ROW, Connection("nonsense", "k"))
        with pytest.raises((InvalidRequest, PrerequisiteError), match=r"nonsense|protocol|http"):
            await provider.generate(call(), ROUTE, None)
        await provider.aclose()

    asyncio.run(scene())


def test_a_rate_limit_is_not_retried_here(upstream):
    with pytest.raises(RateLimited) as caught:
        generate(upstream, "status=429", "retry_after=3")
    assert (caught.value.retry_after, caught.value.request_id) == (3, "req_fake")
    assert upstream.stats().requests == 1


def test_an_idle_stream_is_given_up(upstream):
    with pytest.raises(ProviderUnavailable, match="nothing for") as caught:
        generate(upstream, "pace=1500", config={"stream_idle_timeout": 0.2})
    assert caught.value.phase == "stream"


def test_streaming_can_be_forced_and_forbidden(upstream):
    generate(upstream, "chunks=3", args={"streaming": True})
    assert upstream.stats().chunks == 3
    texts = Texts()
    generate(upstream, "text=abc", args={"streaming": False}, sink=texts)
    assert (upstream.stats().chunks, texts) == (0, ["abc"])


def test_what_is_left_out_is_said(upstream):
    async def scene() -> ModelOutput:
        provider = build(ROW, Connection(upstream.base_url(), "k"))
        route = Route("openai", "o3", Account("openai", None, "f"))
        try:
            return await provider.generate(call(temperature=0.5), route, None)
        finally:
            await provider.aclose()

    output = asyncio.run(scene())
    assert output.metadata is not None
    assert "temperature" in output.metadata["warnings"][0]


def test_many_first_calls_prepare_once_and_share_the_client(upstream):
    async def scene() -> None:
        provider = build(ROW, Connection(upstream.base_url(), "k"))
        outputs = await asyncio.gather(*(provider.generate(call(), ROUTE, None) for _ in range(50)))
        assert {output.completion for output in outputs} == {"Hello!"}
        tokens = await provider.count_tokens(call(), ROUTE)
        assert tokens.estimated
        assert 1 <= tokens.tokens < 20
        await provider.aclose()
        with pytest.raises(ProviderUnavailable):
            await provider.generate(call(), ROUTE, None)

    upstream.reset()
    asyncio.run(scene())
    assert upstream.stats().requests == 50


@pytest.mark.parametrize("streams", [False, True])
def test_a_cancelled_call_is_noticed_upstream(upstream, streams):
    async def scene(provider: OpenAIChat) -> None:
        sink = Texts() if streams else None
        task = asyncio.ensure_future(provider.generate(call(), ROUTE, sink))
        while upstream.stats().in_flight == 0 or (sink is not None and not sink):
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        for _ in range(50):
            await asyncio.sleep(0.01)
            if upstream.stats().disconnects:
                break
        assert upstream.stats().disconnects == 1
        await provider.aclose()

    upstream.reset()
    knobs = ("pace=100", "chunks=100") if streams else ("hold=10",)
    asyncio.run(scene(build(ROW, Connection(upstream.base_url(*knobs), "k"))))
