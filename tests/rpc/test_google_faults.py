"""What happens to a recorded answer of Google when the server or the network fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from modeld.errors import ModeldError, ProviderError, ProviderUnavailable, RateLimited
from modeld_daemon.core.call import Account, Route
from modeld_daemon.core.ports import Connection
from modeld_daemon.providers.google.adapter import build
from tests.fakes.deltas import Deltas
from tests.fakes.recorded_google import ROW, make_call, play, recorded_call
from tests.fakes.recorded_openai import recorded_cases, recordings_folder, replay_module

API = "google.generate_content"
CASES = {case["id"]: case for case in recorded_cases(API)}
PLAIN = next((n for n in CASES if "google-test-google-model-top-p" in n), "")
STREAM = next((n for n in CASES if "streaming-reasoning" in n), "")

pytestmark = pytest.mark.skipif(
    not (PLAIN and STREAM),
    reason=f"no recorded traffic at {recordings_folder()}: set MODELD_RECORDINGS",
)


@pytest.fixture(scope="module")
def replay() -> Iterator[Any]:
    module = replay_module()
    with module.ThreadedReplayServer([recordings_folder() / API]) as server:
        yield server
        time.sleep(0.1)  # the server closes its ends of the connections


def asked(name: str) -> Any:
    return make_call(recorded_call(CASES[name]["exchanges"][0]["request"]["body"]))


def failing(replay: Any, fault: str, name: str, *, stream: bool) -> ModeldError:
    base_url = f"{replay.url}/fault/{fault}/case/{name}@0"
    sink = Deltas() if stream else None
    with pytest.raises(ModeldError) as caught:
        asyncio.run(play(base_url, asked(name), "gemini-2.5-flash", sink))
    return caught.value


def test_a_rate_limit_says_when_to_try_again(replay):
    error = failing(replay, "429;retry_after=7", PLAIN, stream=False)
    assert isinstance(error, RateLimited)
    assert error.retry_after == 7


@pytest.mark.parametrize("status", [500, 502, 503, 504, 529])
@pytest.mark.parametrize("stream", [False, True])
def test_a_server_in_trouble_is_unavailable(replay, status, stream):
    error = failing(replay, str(status), STREAM if stream else PLAIN, stream=stream)
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


@pytest.mark.parametrize("stream", [False, True])
def test_a_cancelled_call_hangs_up_at_once(replay, stream):
    name = STREAM if stream else PLAIN
    fault = "slow;ms=300;first_ms=0" if stream else "hang"
    route = Route("google", "gemini-2.5-flash", Account("google", None, "f"))

    async def scene() -> None:
        provider = build(ROW, Connection(f"{replay.url}/fault/{fault}/case/{name}@0", "test-key"))
        sink = Deltas() if stream else None
        task = asyncio.ensure_future(provider.generate(asked(name), route, sink))
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        started = time.perf_counter()
        while replay.requests[-1]["outcome"] == "in_progress":
            assert time.perf_counter() - started < 2
            await asyncio.sleep(0.005)
        await provider.aclose()

    asyncio.run(scene())
    assert replay.requests[-1]["outcome"] == "client_disconnected"
