"""What happens to a recorded response when the server or the network fails, or the caller goes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from modeld.errors import (
    AuthenticationError,
    ModeldError,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
)
from modeld_daemon.core.call import Call
from tests.fakes.deltas import Deltas
from tests.fakes.playing_openai import make_call
from tests.fakes.playing_openai_responses import play, provider, route
from tests.fakes.recorded_openai import recorded_cases, recordings_folder, replay_module
from tests.fakes.recorded_openai_responses import recorded_call

API = "openai.responses"
CASES = {case["id"]: case for case in recorded_cases(API)}
PLAIN = next((n for n in CASES if "test-agent-reasoning" in n), "")
STREAM = next((n for n in CASES if "create-streaming-content" in n), "")

pytestmark = pytest.mark.skipif(
    not CASES, reason=f"no recorded traffic at {recordings_folder()}: set MODELD_RECORDINGS"
)


@pytest.fixture(scope="module")
def replay() -> Iterator[Any]:
    module = replay_module()
    with module.ThreadedReplayServer([recordings_folder() / API]) as server:
        yield server
        time.sleep(0.1)  # the server closes its ends of the connections


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
    for name, stream in ((PLAIN, False), (STREAM, True)):
        error = failing(replay, "429;retry_after=7", name, stream=stream)
        assert isinstance(error, RateLimited)
        assert error.retry_after == 7


@pytest.mark.parametrize("status", [500, 502, 503, 529])
def test_a_server_in_trouble_is_unavailable(replay, status):
    error = failing(replay, str(status), PLAIN, stream=False)
    assert isinstance(error, ProviderUnavailable)
    assert error.status == status


def test_a_wrong_key_is_no_reason_to_try_again(replay):
    assert isinstance(failing(replay, "401", PLAIN, stream=False), AuthenticationError)


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


@pytest.mark.parametrize("stream", [False, True])
def test_a_cancelled_call_hangs_up_at_once(replay, stream):
    name = STREAM if stream else PLAIN
    call, model = asked(name)
    fault = "slow;ms=300;first_ms=0" if stream else "hang"

    async def scene() -> float:
        made = provider(f"{replay.url}/fault/{fault}/case/{name}@0")
        sink = Deltas() if stream else None
        task = asyncio.ensure_future(made.generate(call, route(model), sink))
        if sink is None:
            await asyncio.sleep(0.3)
        else:
            await asyncio.wait_for(sink.first.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        started = time.perf_counter()
        while replay.requests[-1]["outcome"] == "in_progress":
            assert time.perf_counter() - started < 2
            await asyncio.sleep(0.005)
        await made.aclose()
        return time.perf_counter() - started

    waited = asyncio.run(scene())
    assert replay.requests[-1]["outcome"] == "client_disconnected"
    assert waited < 0.5
