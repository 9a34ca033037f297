"""What happens to a recorded answer when the server or the network fails, or the caller goes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from modeld.errors import (
    ModeldError,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
)
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection
from modeld_daemon.providers.openai_chat.adapter import OpenAIChat, build
from tests.fakes.deltas import Deltas
from tests.fakes.playing_openai import ROW, make_call, play
from tests.fakes.recorded_openai import (
    recorded_call,
    recorded_cases,
    recordings_folder,
    replay_module,
)

API = "openai.chat"
CASES = {case["id"]: case for case in recorded_cases(API)}

pytestmark = pytest.mark.skipif(
    not CASES, reason=f"no recorded traffic at {recordings_folder()}: set MODELD_RECORDINGS"
)


@pytest.fixture(scope="module")
def replay() -> Iterator[Any]:
    module = replay_module()
    with module.ThreadedReplayServer([recordings_folder() / API]) as server:
        yield server
        time.sleep(0.1)  # the server closes its ends of the connections


PLAIN = next((n for n in CASES if n.startswith("openai.chat-sync-chat-completions-version")), "")
STREAM = next((n for n in CASES if n.startswith("openai.chat-stream-with-include-usage")), "")


def asked(name: str) -> tuple[Call, str]:
    body = CASES[name]["exchanges"][0]["request"]["body"]
    return make_call(recorded_call(body)), body["model"]


def failing(replay: Any, fault: str, name: str, *, stream: bool) -> ModeldError:
    call, model = asked(name)
    base_url = f"{replay.url}/fault/{fault}/case/{name}@0"
    with pytest.raises(ModeldError) as caught:
        asyncio.run(play(base_url, call, model, Deltas() if stream else None))
    return caught.value


def test_a_rate_limit_says_when_to_try_again(replay):
    error = failing(replay, "429;retry_after=7", PLAIN, stream=False)
    assert isinstance(error, RateLimited)
    assert error.retry_after == 7


@pytest.mark.parametrize("status", [500, 502, 503, 529])
def test_a_server_in_trouble_is_unavailable(replay, status):
    error = failing(replay, str(status), PLAIN, stream=False)
    assert isinstance(error, ProviderUnavailable)
    assert error.status == status


def test_a_broken_connection_is_unavailable(replay):
    assert isinstance(failing(replay, "disconnect", PLAIN, stream=False), ProviderUnavailable)
    for fault in ("disconnect-mid-stream", "truncate"):
        error = failing(replay, fault, STREAM, stream=True)
        assert isinstance(error, ProviderUnavailable)
        assert error.phase == "stream"


def test_garbage_is_the_providers_error(replay):
    for name, stream in ((PLAIN, False), (STREAM, True)):
        error = failing(replay, "garbage-json", name, stream=stream)
        assert type(error) is ProviderError


async def cancelled_when_running(provider: OpenAIChat, call: Call, route: Route, sink: Any) -> None:
    task = asyncio.ensure_future(provider.generate(call, route, sink))
    if sink is not None:
        await asyncio.wait_for(sink.first.wait(), 5)
    else:
        await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("stream", [False, True])
def test_a_cancelled_call_hangs_up_at_once(replay, stream):
    name = STREAM if stream else PLAIN
    call, model = asked(name)
    fault = "slow;ms=300;first_ms=0" if stream else "hang"
    route = Route("openai", model, Account("openai", None, "f"))

    async def scene() -> float:
        base_url = f"{replay.url}/fault/{fault}/case/{name}@0/v1"
        provider = build(ROW, Connection(base_url, "test-key"))
        sink = Deltas() if stream else None
        await cancelled_when_running(provider, call, route, sink)
        started = time.perf_counter()
        while replay.requests[-1]["outcome"] == "in_progress":
            assert time.perf_counter() - started < 2
            await asyncio.sleep(0.005)
        waited = time.perf_counter() - started
        await provider.aclose()
        return waited

    waited = asyncio.run(scene())
    assert replay.requests[-1]["outcome"] == "client_disconnected"
    assert waited < 0.5
