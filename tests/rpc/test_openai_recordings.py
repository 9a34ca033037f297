"""Every recorded chat completion, played again through the row of its provider."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from modeld.errors import (
    AuthenticationError,
    InvalidRequest,
    ModeldError,
    ModelNotFound,
    RateLimited,
)
from modeld.types import ModelOutput
from modeld_daemon.core.ports import Row
from tests.fakes.checking_openai import answer_of, body_of, check_deltas, check_output, error_of
from tests.fakes.deltas import Deltas
from tests.fakes.playing_openai import make_call, play
from tests.fakes.recorded_openai import (
    Recorded,
    normal,
    recorded_call,
    recorded_cases,
    recordings_folder,
    replay_module,
)
from tests.fakes.recorded_rows import CHAT_ROWS, expected, row_of

CASES = {case["id"]: case for api in CHAT_ROWS for case in recorded_cases(api)}
ERRORS: dict[int, type[ModeldError]] = {
    400: InvalidRequest,
    401: AuthenticationError,
    404: ModelNotFound,
    429: RateLimited,
}
REASONING = ("reasoning_content", "reasoning", "reasoning_details")
TOO_LONG = ("context length", "too long")

pytestmark = pytest.mark.skipif(
    not CASES, reason=f"no recorded traffic at {recordings_folder()}: set MODELD_RECORDINGS"
)
tried: Counter[tuple[str, str]] = Counter()
passed: Counter[tuple[str, str]] = Counter()


@pytest.fixture(scope="module")
def replay() -> Iterator[Any]:
    module = replay_module()
    folders = [recordings_folder() / api for api in CHAT_ROWS]
    with module.ThreadedReplayServer([f for f in folders if f.exists()]) as server:
        yield server
        time.sleep(0.1)  # the server closes its ends of the connections


@pytest.fixture(scope="module", autouse=True)
def table(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if tried and not hasattr(request.config, "workerinput"):
        lines = [f"{'feature':24} passed/total"]
        for api in sorted({api for api, _ in tried}):
            lines.append(f"{api} ({CHAT_ROWS[api]}):")
            names = sorted(name for at, name in tried if at == api)
            lines += [f"  {n:22} {passed[api, n]:3}/{tried[api, n]}" for n in names]
        print("\n" + "\n".join(lines), file=sys.__stdout__)


# -- the whole corpus ------------------------------------------------------------------------


@pytest.mark.parametrize("name", CASES)
def test_a_recorded_case_is_sent_and_read_as_recorded(name, replay):
    case = CASES[name]
    features = [(case["api"], feature) for feature in [*case["features"], "all"]]
    tried.update(features)
    for index in range(len(case["exchanges"])):
        play_exchange(replay, case, index)
    passed.update(features)


def play_exchange(replay: Any, case: dict[str, Any], index: int) -> None:
    body, response = (case["exchanges"][index][part] for part in ("request", "response"))
    body = body["body"]
    row, model = row_of(CHAT_ROWS[case["api"]]), model_of(case, index)
    recorded = recorded_call(body)
    sink = Deltas() if recorded.stream else None
    if error_of(response):
        check_failure(replay, case, index, recorded, response)
    else:
        output = asked(replay, case, index, recorded, sink)
        check_output(output, body_of(response))
        if sink is not None:
            check_deltas(sink, output)
    check_request(replay.requests[-1]["body"], {"model": model, **body}, row, model)


def asked(
    replay: Any, case: dict[str, Any], index: int, recorded: Recorded, sink: Deltas | None
) -> ModelOutput:
    """The answer to one exchange of a case."""
    recorded.config.cache_prompt = False  # marks are the caller's only
    base_url = replay.base_url(f"{case['id']}@{index}")
    row, model = row_of(CHAT_ROWS[case["api"]]), model_of(case, index)
    return asyncio.run(play(base_url, make_call(recorded), model, sink, row))


def model_of(case: dict[str, Any], index: int) -> str:
    """The model of a request; Azure has it in the URL."""
    model: str = case["exchanges"][index]["request"]["body"].get("model") or case["model"]
    return model


def check_failure(
    replay: Any, case: dict[str, Any], index: int, recorded: Recorded, response: dict[str, Any]
) -> None:
    message = error_of(response)["message"]
    sink = Deltas() if recorded.stream else None
    if response["status"] == 400 and any(words in message for words in TOO_LONG):
        output = asked(replay, case, index, recorded, sink)
        assert (output.stop_reason, output.error) == ("model_length", message)
        return
    if error_of(response).get("code") == "content_filter":
        output = asked(replay, case, index, recorded, sink)
        assert (output.stop_reason, output.error) == ("content_filter", message)
        return
    with pytest.raises(ERRORS.get(response["status"], InvalidRequest)) as caught:
        asked(replay, case, index, recorded, sink)
    if "sse" not in response:
        assert caught.value.status == response["status"]
    assert caught.value.message[:20] == message[:20]


def check_request(sent: dict[str, Any], recorded: dict[str, Any], row: Row, model: str) -> None:
    assert normal(sent) == expected(normal(recorded), row, model)
    if sent.get("stream"):
        assert sent["stream_options"] == {"include_usage": True}


# -- conversations ---------------------------------------------------------------------------


def turns() -> list[tuple[str, int, int]]:
    """(case, exchange, position) where a request repeats the answer before it as it was.

    Clients that rewrite answers as text of their own (agents of the ReAct kind) are left out.
    """
    found = []
    for name, case in CASES.items():
        for index in range(1, len(case["exchanges"])):
            before, now = case["exchanges"][index - 1 : index + 1]
            asked, asks = (exchange["request"]["body"]["messages"] for exchange in (before, now))
            at = len(asked)
            statuses = (before["response"]["status"], now["response"]["status"])
            goes_on = statuses == (200, 200) and asks[:at] == asked and asks[at:]
            if goes_on and repeats(asks[at], answer_of(before["response"])):
                found.append((name, index, at))
    return found


def repeats(said: dict[str, Any], answer: dict[str, Any]) -> bool:
    """Whether a message of the history is the answer; some clients drop text beside calls."""
    said, answer = (normal({"messages": [m]})["messages"][0] for m in (said, answer))
    calls = (said.get("tool_calls"), answer.get("tool_calls"))
    return calls[0] == calls[1] and said["content"] in ("" if calls[0] else None, answer["content"])


@pytest.mark.parametrize("name, index, at", turns())
def test_the_answer_of_one_turn_is_the_history_of_the_next(name, index, at, replay):
    case = CASES[name]
    first, second = (case["exchanges"][i]["request"]["body"] for i in (index - 1, index))
    recorded = recorded_call(first)
    sink = Deltas() if recorded.stream else None
    output = asked(replay, case, index - 1, recorded, sink)
    following = recorded_call(second)
    following.messages[at] = output.message
    asked(replay, case, index, following, Deltas() if following.stream else None)
    sent = normal(replay.requests[-1]["body"])["messages"][at]
    wanted = normal(second)["messages"][at]
    if not wanted["content"]:
        sent["content"] = ""
    thoughts = [m.pop(name, None) for m in (sent, wanted) for name in REASONING]
    if any(thoughts[len(REASONING) :]):  # not every client sends them, some under two names
        assert any(thoughts[: len(REASONING)])
    assert sent == wanted
