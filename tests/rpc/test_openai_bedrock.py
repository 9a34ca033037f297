"""OpenAI's APIs on Bedrock: where requests go, who signs them, and what is read."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from modeld.errors import InvalidRequest, ModeldError, PrerequisiteError
from modeld.types import ChatMessageUser, ModelOutput
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection
from modeld_daemon.providers.aws.mantle import Mantle, full_name
from modeld_daemon.providers.catalog import ROWS
from modeld_daemon.providers.openai.adapter import build
from modeld_daemon.providers.openai.choice import check
from tests.fakes.aws_signature import check_signed, headers_of
from tests.fakes.deltas import Deltas
from tests.fakes.entra import http
from tests.fakes.exact_server import Seen, serving
from tests.fakes.recorded_bedrock import SESSION
from tests.fakes.recorded_openai import recorded_cases

pytest.importorskip("botocore", reason="the extra bedrock is not installed")

ROW = next(row for row in ROWS if row.name == "openai/bedrock")
SERVICE = "bedrock-mantle"
ID, SECRET = SESSION["AWS_ACCESS_KEY_ID"], SESSION["AWS_SECRET_ACCESS_KEY"]
EXCHANGES = [
    exchange["request"]
    for api in ("bedrock.mantle_chat", "bedrock.mantle_responses")
    for case in recorded_cases(api)
    for exchange in case["exchanges"]
]
CHAT = {"id": "1", "model": "m", "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
]}  # fmt: skip
RESPONSE: dict[str, Any] = {"id": "r1", "model": "m", "status": "completed", "output": [
    {"type": "message", "id": "2", "role": "assistant",
     "content": [{"type": "output_text", "text": "hi", "annotations": []}]}
]}  # fmt: skip


@pytest.fixture(autouse=True)
def strange_daemon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the process itself has must never be used."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIADAEMON")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "daemon-secret")
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "daemon-key")
    monkeypatch.setenv("AWS_BEDROCK_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_REGION", "eu-west-9")
    monkeypatch.setenv("OPENAI_API_KEY", "daemon-key")
    monkeypatch.setenv("HOME", str(tmp_path))


async def answer(seen: Seen) -> None:
    path = seen.head.split(b" ", 2)[1]
    if path.endswith(b"/models"):
        seen.writer.write(http(200, {"data": [{"id": "openai.gpt-oss-20b"}]}))
    elif b"/responses" not in path:
        seen.writer.write(http(200, CHAT))
    elif seen.head.startswith(b"POST ") and json.loads(seen.body).get("background"):
        seen.writer.write(http(200, {**RESPONSE, "status": "queued", "output": []}))
    else:
        seen.writer.write(http(200, RESPONSE))


async def ask(provider: Any, model: str, text: str = "hello", sink: Any = None) -> ModelOutput:
    route = Route(ROW.name, model, Account(ROW.name, None, "f"))
    output: ModelOutput = await provider.generate(Call("1", [ChatMessageUser(text)]), route, sink)
    return output


def play(
    env: dict[str, str], model: str = "gpt-oss-20b", key: str | None = None, **args: Any
) -> tuple[ModelOutput | ModeldError, list[Seen]]:
    async def scene() -> tuple[ModelOutput | ModeldError, list[Seen]]:
        async with serving(answer) as server:
            url = f"http://127.0.0.1:{server.port}/v1"
            provider = build(ROW, Connection(url, key, args, env))
            try:
                return await ask(provider, model), server.requests
            except ModeldError as error:
                return error, server.requests
            finally:
                await provider.aclose()

    return asyncio.run(scene())


@pytest.mark.skipif(not EXCHANGES, reason="no recorded traffic: set MODELD_RECORDINGS")
def test_recorded_requests_went_where_requests_go():
    mantle = Mantle(ROW.name, None, "a-key", {"AWS_REGION": "us-east-1"})
    for request in EXCHANGES:
        wanted = urlsplit(request["url"])
        operation = "/responses" if wanted.path.endswith("/responses") else "/chat/completions"
        assert mantle.base_url(request["body"]["model"]) + operation == request["url"]


@pytest.mark.parametrize(
    "model, wire, path",
    [
        ("gpt-oss-20b", "openai.gpt-oss-20b", "/v1/chat/completions"),
        ("openai.gpt-oss-20b", "openai.gpt-oss-20b", "/v1/chat/completions"),
        ("gpt-5.6-luna", "openai.gpt-5.6-luna", "/v1/responses"),
        ("openai.gpt-5.6-luna", "openai.gpt-5.6-luna", "/v1/responses"),
        ("mistral.voxtral-mini-3b-2507", "mistral.voxtral-mini-3b-2507", "/v1/chat/completions"),
    ],
)
def test_a_request_is_signed_by_the_sessions_keys(model, wire, path):
    output, (seen,) = play({**SESSION, "AWS_SESSION_TOKEN": "temporary"}, model)
    assert isinstance(output, ModelOutput), output
    assert output.completion == "hi"
    assert seen.head.startswith(f"POST {path} HTTP/1.1".encode())
    assert json.loads(seen.body)["model"] == wire
    assert headers_of(seen)["x-amz-security-token"] == "temporary"
    check_signed(seen, ID, SECRET, "us-east-1", SERVICE)


def test_the_names_of_models_have_an_owner():
    assert full_name("o3.5") == "openai.o3.5"
    assert full_name("gpt-5.6") == "openai.gpt-5.6"
    assert full_name("zai.glm-5") == "zai.glm-5"


def test_the_newest_models_have_a_path_of_their_own():
    mantle = Mantle(ROW.name, None, "a-key", {})
    assert mantle.base_url("gpt-5.5") == "https://bedrock-mantle.us-east-2.api.aws/openai/v1"
    assert mantle.base_url("gpt-oss-20b") == "https://bedrock-mantle.us-east-2.api.aws/v1"
    own = Mantle(ROW.name, "https://mine.example/v1/", "a-key", {})
    assert own.base_url("gpt-5.5") == "https://mine.example/v1"


def test_a_key_of_bedrocks_wins_over_other_credentials():
    _, (seen,) = play(SESSION, key="bearer-key")
    assert headers_of(seen)["authorization"] == "Bearer bearer-key"
    assert "x-amz-date" not in headers_of(seen)


def test_the_region_is_the_callers_the_sessions_or_the_profiles(tmp_path):
    config, keys = tmp_path / "config", tmp_path / "credentials"
    config.write_text("[profile one]\nregion = eu-west-1\n")
    keys.write_text("[one]\naws_access_key_id = AKIAONE\naws_secret_access_key = s1\n")
    env = {"AWS_SHARED_CREDENTIALS_FILE": str(keys), "AWS_CONFIG_FILE": str(config)}
    _, (seen,) = play({**env, "AWS_PROFILE": "one"})
    check_signed(seen, "AKIAONE", "s1", "eu-west-1", SERVICE)
    _, (seen,) = play({**env, "AWS_PROFILE": "one", "AWS_REGION": "eu-west-2"})
    check_signed(seen, "AKIAONE", "s1", "eu-west-2", SERVICE)
    _, (seen,) = play({**env, **SESSION}, aws_profile="one", aws_region="eu-west-3")
    check_signed(seen, "AKIAONE", "s1", "eu-west-3", SERVICE)


def test_two_sessions_sign_as_themselves_when_interleaved():
    async def scene() -> list[Seen]:
        async with serving(answer) as server:
            url = f"http://127.0.0.1:{server.port}/v1"
            providers = {}
            for name in ("A", "B"):
                keys = {"AWS_ACCESS_KEY_ID": f"AKIA{name}", "AWS_SECRET_ACCESS_KEY": f"s-{name}"}
                providers[name] = build(ROW, Connection(url, None, {}, {**SESSION, **keys}))
            async with asyncio.TaskGroup() as group:
                for number in range(50):
                    for name, provider in providers.items():
                        model = "gpt-oss-20b" if number % 2 else "gpt-5.5"
                        group.create_task(ask(provider, model, f"{name} {number}"))
            for provider in providers.values():
                await provider.aclose()
            return server.requests

    requests = asyncio.run(scene())
    assert len(requests) == 100
    for seen in requests:
        name = "A" if b'"A ' in seen.body else "B"
        check_signed(seen, f"AKIA{name}", f"s-{name}", "us-east-1", SERVICE)


def test_questions_after_a_background_response_and_lists_are_signed_too(monkeypatch):
    monkeypatch.setattr("modeld_daemon.providers.openai_responses.background._WAITS", (0.0,))
    output, (made, asked) = play(SESSION, "gpt-5.5", background=True)
    assert isinstance(output, ModelOutput), output
    assert made.head.startswith(b"POST /v1/responses ")
    assert asked.head.startswith(b"GET /v1/responses/r1 ")
    check_signed(asked, ID, SECRET, "us-east-1", SERVICE)

    async def scene() -> tuple[Any, list[Seen]]:
        async with serving(answer) as server:
            url = f"http://127.0.0.1:{server.port}/v1"
            provider = build(ROW, Connection(url, None, {}, SESSION))
            listed = await provider.models()
            await provider.aclose()
            return listed, server.requests

    (listed,), (seen,) = asyncio.run(scene())
    assert listed.name == "openai/bedrock/openai.gpt-oss-20b"
    assert seen.head.startswith(b"GET /v1/models ")
    check_signed(seen, ID, SECRET, "us-east-1", SERVICE)


def test_a_stream_is_signed_and_read():
    events = b'data: {"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'

    async def scene() -> tuple[Any, Deltas, list[Seen]]:
        async def say(seen: Seen) -> None:
            head = f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {len(events)}"
            seen.writer.write(f"{head}\r\n\r\n".encode() + events)

        async with serving(say) as server:
            provider = build(
                ROW, Connection(f"http://127.0.0.1:{server.port}/v1", None, {}, SESSION)
            )
            sink = Deltas()
            output = await ask(provider, "gpt-oss-20b", sink=sink)
            await provider.aclose()
            return output, sink, server.requests

    output, sink, (seen,) = asyncio.run(scene())
    assert (output.completion, sink.texts) == ("hi", ["hi"])
    check_signed(seen, ID, SECRET, "us-east-1", SERVICE)


def test_missing_credentials_name_the_variables(tmp_path):
    error, requests = play({"AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": "us-east-1"})
    assert isinstance(error, PrerequisiteError)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK"):
        assert name in error.message
    assert not requests


def test_what_is_wrong_is_said_when_the_model_is_opened():
    for args, env in (({"aws_region": "mars-1"}, {}), ({}, {"AWS_REGION": "mars-1"})):
        with pytest.raises(InvalidRequest, match="no region of AWS"):
            check(ROW, "gpt-5.5", Connection(None, "k", args, env))
    with pytest.raises(InvalidRequest, match="must be str"):
        check(ROW, "gpt-5.5", Connection(None, "k", {"aws_region": 7}))
    openai = next(row for row in ROWS if row.name == "openai")
    with pytest.raises(InvalidRequest, match="Unknown model arg 'aws_region'"):
        check(openai, "gpt-5.5", Connection(None, "k", {"aws_region": "us-east-1"}))
