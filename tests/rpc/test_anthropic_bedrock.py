"""Anthropic's messages on Bedrock: every recorded exchange of InvokeModel, and what fails."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest

from modeld.errors import AuthenticationError, InvalidRequest, RateLimited
from modeld.types import ChatMessageUser
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection
from modeld_daemon.providers.anthropic.adapter import build
from modeld_daemon.providers.catalog import ROWS
from tests.fakes.aws_frames import frame
from tests.fakes.deltas import Deltas
from tests.fakes.exact_server import Seen, serving
from tests.fakes.playing_anthropic import folded
from tests.fakes.recorded_anthropic import Recorded, normal, recorded_call
from tests.fakes.recorded_bedrock import SESSION, frames
from tests.fakes.recorded_openai import recorded_cases, recordings_folder, replay_module
from tests.rpc.test_anthropic_recordings import check_deltas, check_output

API = "bedrock.invoke"
# Other families' bodies are other APIs, and so is Claude's of before messages.
CASES = {
    case["id"]: case
    for case in recorded_cases(API)
    if all("anthropic_version" in e["request"]["body"] for e in case["exchanges"])
}
ROW = next(row for row in ROWS if row.name == "anthropic/bedrock")
MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

pytest.importorskip("botocore", reason="the extra bedrock is not installed")


@pytest.fixture(scope="module")
def replay() -> Iterator[Any]:
    module = replay_module()
    with module.ThreadedReplayServer([recordings_folder() / API]) as server:
        yield server
        time.sleep(0.1)  # the server closes its ends of the connections


async def play(url: str, call: Call, model: str, sink: Deltas | None, **args: Any) -> Any:
    provider = build(ROW, Connection(url, None, args, SESSION))
    try:
        route = Route("anthropic/bedrock", model, Account("anthropic/bedrock", url, "f"))
        return await provider.generate(call, route, sink)
    finally:
        await provider.aclose()


@pytest.mark.skipif(
    not CASES, reason=f"no recorded traffic at {recordings_folder()}: set MODELD_RECORDINGS"
)
@pytest.mark.parametrize("name", CASES or [""])
def test_a_recorded_case_is_sent_and_read_as_recorded(name, replay):
    for index, exchange in enumerate(CASES[name]["exchanges"]):
        play_exchange(replay.base_url(f"{name}@{index}"), replay, exchange)


def play_exchange(url: str, replay: Any, exchange: dict[str, Any]) -> None:
    body, response = exchange["request"]["body"], exchange["response"]
    path = exchange["request"]["url"].split("/model/")[1]
    model = unquote(path.rpartition("/")[0])
    recorded = asked(body, model)
    stream = path.endswith("response-stream")
    sink = Deltas() if stream else None
    args = {**recorded.args, "streaming": stream}
    if response["status"] >= 400:
        with pytest.raises(InvalidRequest) as caught:
            asyncio.run(play(url, recorded.call(), model, sink, **args))
        assert caught.value.message[:20] == response["body"]["message"][:20]
        return
    output = asyncio.run(play(url, recorded.call(), model, sink, **args))
    sent = replay.requests[-1]["body"]
    assert sent["anthropic_version"] == body["anthropic_version"]
    assert normal({**sent, "model": model}) == normal({**body, "model": model})
    check_output(output, answer(response))
    if sink is not None:
        check_deltas(sink, output)


def asked(body: dict[str, Any], model: str) -> Recorded:
    kept = {k: v for k, v in body.items() if k != "anthropic_version"}
    return recorded_call({**kept, "model": model})


def answer(response: dict[str, Any]) -> dict[str, Any]:
    if "body" in response:
        return dict(response["body"])
    events = [p["bytes"] for _, p in frames(base64.b64decode(response["eventstream_b64"]))]
    return folded([f"data: {base64.b64decode(event).decode()}\n\n" for event in events])


# -- what fails ----------------------------------------------------------------------------------


def failing(said: bytes, sink: Deltas | None = None) -> tuple[Any, Seen]:
    async def scene() -> tuple[Any, Seen]:
        async def say(seen: Seen) -> None:
            seen.writer.write(said)

        async with serving(say) as server:
            call = Call("1", [ChatMessageUser("hello")])
            url = f"http://127.0.0.1:{server.port}"
            with pytest.raises(Exception) as caught:
                await play(url, call, MODEL, sink, streaming=sink is not None)
            return caught.value, server.requests[0]

    return asyncio.run(scene())


def test_amazons_errors_are_read_by_type():
    body = b'{"message": "The security token included in the request is expired"}'
    head = f"HTTP/1.1 403 X\r\nx-amzn-errortype: ExpiredTokenException:http://x\r\ncontent-length: {len(body)}\r\n\r\n"
    error, seen = failing(head.encode() + body)
    assert isinstance(error, AuthenticationError)
    assert b"AWS4-HMAC-SHA256 Credential=AKIATEST" in seen.head
    assert b"x-api-key" not in seen.head


def test_an_exception_in_a_stream_is_its_error():
    names = {":message-type": "exception", ":exception-type": "throttlingException"}
    body = frame(b'{"message": "slow down"}', **names)
    head = "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\n"
    error, _ = failing(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body, Deltas())
    assert isinstance(error, RateLimited)
    assert error.message == "slow down"
