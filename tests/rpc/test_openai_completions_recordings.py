"""Every recorded text completion, played again."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from modeld.errors import AuthenticationError, InvalidRequest, ModeldError
from modeld.types import ChatMessageUser, GenerateConfig, ModelOutput, as_stop_reason
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection
from modeld_daemon.providers.openai_completions.adapter import build
from tests.fakes.deltas import Deltas
from tests.fakes.keeping import kept
from tests.fakes.recorded_openai import recorded_cases, recordings_folder, replay_module
from tests.fakes.recorded_rows import row_of

API = "openai.completions"
CASES = {
    f"{case['id']}@{index}": {**case, "exchanges": [exchange]}
    for case in recorded_cases(API)
    for index, exchange in enumerate(case["exchanges"])
}
ERRORS = {400: InvalidRequest, 401: AuthenticationError}
FIELDS = {"stop": "stop_seqs", "n": "num_choices"}
SAID = ("temperature", "top_p", "max_tokens", "frequency_penalty", "presence_penalty", "n", "stop")

pytestmark = pytest.mark.skipif(
    not CASES, reason=f"no recorded traffic at {recordings_folder()}: set MODELD_RECORDINGS"
)


@pytest.fixture(scope="module")
def replay() -> Any:
    with replay_module().ThreadedReplayServer([recordings_folder() / API]) as server:
        yield server


async def play(url: str, body: dict[str, Any], sink: Deltas | None) -> ModelOutput | ModeldError:
    prompt = only(body["prompt"])
    message = ChatMessageUser("", metadata={"prompt_token_ids": prompt})
    config = {FIELDS.get(name, name): body[name] for name in SAID if name in body}
    if isinstance(config.get("stop_seqs"), str):
        config["stop_seqs"] = [config["stop_seqs"]]
    call = Call(
        "1",
        [ChatMessageUser(prompt) if isinstance(prompt, str) else message],
        GenerateConfig(**config),
    )
    args = {"streaming": sink is not None, **({"user": body["user"]} if "user" in body else {})}
    row = row_of("openai-api-completions/openai")
    connection = Connection(f"{url}/v1", "test-key", args)
    route = Route(row.name, body["model"], Account(row.name, url, "f"))
    try:
        return await kept(lambda: build(row, connection), call, route, sink)
    except ModeldError as error:
        return error


def only(prompt: Any) -> Any:
    """A prompt, where a list has no other; a list of numbers is one of tokens."""
    return prompt[0] if len(prompt) == 1 and isinstance(prompt[0], str) else prompt


@pytest.mark.parametrize("name", CASES)
def test_a_recorded_case_is_sent_and_read_as_recorded(name, replay):
    (exchange,) = CASES[name]["exchanges"]
    body, response = exchange["request"]["body"], exchange["response"]
    sink = Deltas() if body.get("stream") else None
    found = asyncio.run(play(replay.base_url(name), body, sink))
    sent = dict(replay.requests[-1]["body"])
    if "stream" in sent:
        assert sent.pop("stream_options") == {"include_usage": True}
    wanted = {name: value for name, value in body.items() if value not in (None, {})}
    wanted["prompt"] = only(wanted["prompt"])
    if isinstance(wanted.get("stop"), str):
        wanted["stop"] = [wanted["stop"]]
    assert sent == {"temperature": 0.0, "max_tokens": 1, **wanted}
    if response["status"] != 200:
        assert type(found) is ERRORS[response["status"]]
        assert str(found).startswith(response["body"]["error"]["message"][:20])
        return
    assert isinstance(found, ModelOutput)
    texts: dict[int, str] = {}
    reasons: dict[int, str] = {}
    bodies = [response["body"]] if "body" in response else chunks(response["sse"])
    for choice in (choice for one in bodies for choice in one["choices"]):
        texts[choice["index"]] = texts.get(choice["index"], "") + choice["text"]
        reasons[choice["index"]] = choice["finish_reason"] or reasons.get(choice["index"], "")
    assert [choice.message.text for choice in found.choices] == [texts[i] for i in sorted(texts)]
    assert [choice.stop_reason for choice in found.choices] == [
        as_stop_reason(reasons[i]) for i in sorted(reasons)
    ]
    if "body" in response:
        assert found.usage is not None
        assert found.usage.total_tokens == response["body"]["usage"]["total_tokens"]
    assert found.model == bodies[0]["model"]
    assert sink is None or "".join(sink.texts) == found.completion


def chunks(frames: list[str]) -> list[dict[str, Any]]:
    lines = [line for line in "".join(frames).splitlines() if line.startswith("data: {")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]
