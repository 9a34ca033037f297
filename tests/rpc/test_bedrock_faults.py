"""What happens to a recorded answer of Converse when the server or the network fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from modeld.errors import ModeldError, ProviderError, ProviderUnavailable, RateLimited
from tests.fakes.deltas import Deltas
from tests.fakes.recorded_bedrock import make_call, play, recorded_call
from tests.fakes.recorded_openai import recorded_cases, recordings_folder, replay_module

API = "bedrock.converse"
CASES = {case["id"]: case for case in recorded_cases(API)}
PLAIN = next((n for n in CASES if "async-with-max-tokens" in n), "")
STREAM = next((n for n in CASES if "thinking-part-stream" in n), "")

pytest.importorskip("botocore", reason="the extra bedrock is not installed")
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


def failing(replay: Any, fault: str, name: str, *, stream: bool) -> ModeldError:
    url = f"{replay.url}/fault/{fault}/case/{name}@0"
    call = make_call(recorded_call(CASES[name]["exchanges"][0]["request"]["body"]))
    with pytest.raises(ModeldError) as caught:
        asyncio.run(play(url, call, CASES[name]["model"], Deltas() if stream else None))
    return caught.value


def test_a_rate_limit_says_when_to_try_again(replay):
    error = failing(replay, "429;retry_after=7", PLAIN, stream=False)
    assert isinstance(error, RateLimited)
    assert error.retry_after == 7


@pytest.mark.parametrize("status", [500, 502, 503, 504])
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
    assert type(failing(replay, "garbage-json", PLAIN, stream=False)) is ProviderError
