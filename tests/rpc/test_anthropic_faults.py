"""What happens to a recorded answer of Anthropic's when the server or the network fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from modeld.errors import ModeldError, ProviderError, ProviderUnavailable, RateLimited
from modeld_daemon.core.call import Account, Route
from modeld_daemon.core.ports import Connection
from modeld_daemon.providers.anthropic.adapter import build
from tests.fakes.deltas import Deltas
from tests.fakes.playing_anthropic import ROW, play
from tests.fakes.recorded_anthropic import Recorded, recorded_call
from tests.fakes.recorded_openai import recorded_cases, recordings_folder, replay_module

API = "anthropic.messages"
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


def first(*, stream: bool) -> str:
    for name, case in CASES.items():
        exchange = case["exchanges"][0]
        response = exchange["response"]
        frames = len(response.get("sse") or ())
        if response["status"] == 200 and (frames > 8 if stream else "body" in response):
            return name
    return ""


PLAIN, STREAM = first(stream=False), first(stream=True)


def asked(name: str) -> tuple[Recorded, str]:
    body = CASES[name]["exchanges"][0]["request"]["body"]
    return recorded_call(body), body["model"]


def failing(replay: Any, fault: str, name: str) -> ModeldError:
    recorded, model = asked(name)
    base_url = f"{replay.url}/fault/{fault}/case/{name}@0"
    with pytest.raises(ModeldError) as caught:
        asyncio.run(play(base_url, recorded, model, Deltas() if recorded.stream else None))
    return caught.value


@pytest.mark.parametrize("name", [PLAIN, STREAM])
def test_a_rate_limit_says_when_to_try_again(replay, name):
    error = failing(replay, "429;retry_after=7", name)
    assert isinstance(error, RateLimited)
    assert error.retry_after == 7


@pytest.mark.parametrize("name", [PLAIN, STREAM])
@pytest.mark.parametrize("status", [500, 502, 503, 529])
def test_a_server_in_trouble_is_unavailable(replay, status, name):
    error = failing(replay, str(status), name)
    assert isinstance(error, ProviderUnavailable)
    assert error.status == status


def test_a_broken_connection_is_unavailable(replay):
    assert isinstance(failing(replay, "disconnect", PLAIN), ProviderUnavailable)
    for fault in ("disconnect-mid-stream", "truncate"):
        error = failing(replay, fault, STREAM)
        assert isinstance(error, ProviderUnavailable)
        assert error.phase == "stream"


@pytest.mark.parametrize("name", [PLAIN, STREAM])
def test_garbage_is_the_providers_error(replay, name):
    assert type(failing(replay, "garbage-json", name)) is ProviderError


def test_a_slow_stream_is_read_to_its_end(replay):
    recorded, model = asked(STREAM)
    base_url = f"{replay.url}/fault/slow;ms=5/case/{STREAM}@0"
    sink = Deltas()
    output = asyncio.run(play(base_url, recorded, model, sink))
    assert "".join(sink.texts) == output.completion


@pytest.mark.parametrize("name", [PLAIN, STREAM])
def test_a_cancelled_call_hangs_up_at_once(replay, name):
    recorded, model = asked(name)
    fault = "slow;ms=300;first_ms=0" if recorded.stream else "hang"
    route = Route("anthropic", model, Account("anthropic", None, "f"))

    async def scene() -> float:
        base_url = f"{replay.url}/fault/{fault}/case/{name}@0"
        provider = build(ROW, Connection(base_url, "test-key", recorded.args))
        sink = Deltas() if recorded.stream else None
        task = asyncio.ensure_future(provider.generate(recorded.call(), route, sink))
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        started = time.perf_counter()
        while replay.requests[-1]["outcome"] == "in_progress":
            assert time.perf_counter() - started < 2
            await asyncio.sleep(0.005)
        await provider.aclose()
        return time.perf_counter() - started

    assert asyncio.run(scene()) < 0.5
    assert replay.requests[-1]["outcome"] == "client_disconnected"
