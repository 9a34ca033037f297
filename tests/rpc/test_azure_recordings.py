"""Recorded chat completions of Azure, played again: where they go, by which key, what they say."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from modeld.errors import AuthenticationError, ModelNotFound, PrerequisiteError, RateLimited
from modeld_daemon.core.call import Account, Route
from modeld_daemon.core.ports import Connection, Row
from modeld_daemon.providers.catalog import ROWS
from modeld_daemon.providers.openai import adapter as openai_adapter
from modeld_daemon.providers.openai.choice import check
from modeld_daemon.providers.openai_chat import adapter as chat_adapter
from tests.fakes.deltas import Deltas
from tests.fakes.keeping import kept
from tests.fakes.playing_openai import make_call
from tests.fakes.recorded_openai import (
    normal,
    recorded_call,
    recorded_cases,
    recordings_folder,
    replay_module,
)
from tests.rpc.test_openai_recordings import check_deltas, check_output

API = "azure.chat"
CASES = {case["id"]: case for case in recorded_cases(API)}
BY_NAME = {row.name: row for row in ROWS}
ERRORS = {401: AuthenticationError, 404: ModelNotFound, 429: RateLimited}

pytestmark = pytest.mark.skipif(
    not CASES, reason=f"no recorded traffic at {recordings_folder()}: set MODELD_RECORDINGS"
)


@pytest.fixture(scope="module")
def replay() -> Iterator[Any]:
    module = replay_module()
    with module.ThreadedReplayServer([recordings_folder() / API]) as server:
        yield server
        time.sleep(0.1)  # the server closes its ends of the connections


async def play(row: Row, url: str, version: str, recorded: Any, model: str, sink: Any) -> Any:
    build = openai_adapter.build if row.dialect == "openai" else chat_adapter.build
    env = {"AZUREAI_OPENAI_API_VERSION": version}
    route = Route(row.name, model, Account(row.name, url, "f"))
    connection = Connection(url, "azures-key", {}, env)
    return await kept(lambda: build(row, connection), make_call(recorded), route, sink)


@pytest.mark.parametrize("name", CASES)
def test_a_recorded_case_is_sent_and_read_as_recorded(name, replay):
    for index, exchange in enumerate(CASES[name]["exchanges"]):
        play_exchange(replay, f"{name}@{index}", exchange)


def play_exchange(replay: Any, name: str, exchange: dict[str, Any]) -> None:
    body, response = exchange["request"]["body"], exchange["response"]
    wanted = urlsplit(exchange["request"]["url"])
    path = wanted.path.lstrip("/")
    deployed = path.startswith("openai/deployments/")
    row = BY_NAME["openai/azure" if deployed else "azureai"]
    model = path.split("/")[2] if deployed else body["model"]
    url = f"{replay.base_url(name)}/{'openai' if deployed else 'models'}"
    recorded = recorded_call(body)
    sink = Deltas() if recorded.stream else None
    version = wanted.query.partition("=")[2]
    asking = play(row, url, version, recorded, model, sink)
    if response["status"] >= 400:
        with pytest.raises(ERRORS[response["status"]]):
            asyncio.run(asking)
    else:
        output = asyncio.run(asking)
        if "error" in (response.get("body") or {}):
            assert output.error == response["body"]["error"]["message"]
        elif sink is not None:
            check_stream(sink, output, response["sse"])
        else:
            check_plain(output, response["body"])
    check_request(replay.requests[-1], body, path, version)


def check_plain(output: Any, wire: dict[str, Any]) -> None:
    usage = dict(wire.get("usage") or {})  # a case may be played again
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    if cached > usage.get("prompt_tokens", 0):
        del usage["prompt_tokens_details"]  # one server counts more cached tokens than tokens
        output.usage.input_tokens_cache_read = None
        output.usage.input_tokens = usage["prompt_tokens"]
    check_output(output, {**wire, "usage": usage})


def check_request(sent: Any, body: dict[str, Any], path: str, version: str) -> None:
    assert sent["path"].endswith(path)
    assert sent["query"] == {"api-version": version}
    assert "api-key" in sent["headers"]
    assert "authorization" not in sent["headers"]
    got, expected = normal(sent["body"]), normal(body)
    for one in (got, expected):
        for member in ("model", "stream_options"):
            one.pop(member, None)
    assert got["messages"] == expected["messages"]


def check_stream(sink: Deltas, output: Any, sse: list[str]) -> None:
    """The text, without what Azure's chunks say of filters and leave out of other members."""
    lines = [line[5:] for line in "".join(sse).splitlines() if line.startswith("data: {")]
    deltas = [
        choice.get("delta") or {}
        for line in lines
        for choice in json.loads(line).get("choices") or ()
    ]
    assert output.completion == "".join(delta.get("content") or "" for delta in deltas)
    assert output.stop_reason in ("stop", "tool_calls")
    check_deltas(sink, output)


def test_a_missing_address_names_the_variable():
    with pytest.raises(PrerequisiteError, match="AZURE_OPENAI_ENDPOINT"):
        check(BY_NAME["openai/azure"], "gpt-4o", Connection(None, "k"))
