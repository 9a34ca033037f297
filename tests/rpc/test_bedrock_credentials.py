"""Signatures of AWS by botocore, against a server that says exactly what a test wants."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from modeld.errors import (
    AuthenticationError,
    ModeldError,
    PrerequisiteError,
    ProviderError,
    RateLimited,
)
from modeld.types import ChatMessageUser, ModelOutput
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection
from modeld_daemon.providers.bedrock.adapter import build
from tests.fakes.aws_frames import frame
from tests.fakes.aws_signature import check_signed, headers_of
from tests.fakes.deltas import Deltas
from tests.fakes.exact_server import Seen, serving
from tests.fakes.recorded_bedrock import ROW, SESSION

pytest.importorskip("botocore", reason="the extra bedrock is not installed")

MODEL = "us.amazon.nova-micro-v1:0"
OK = {
    "output": {"message": {"role": "assistant", "content": [{"text": "hi"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
}
STS = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>
<SecretAccessKey>role-secret</SecretAccessKey><SessionToken>role-token</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>"""


@pytest.fixture(autouse=True)
def strange_daemon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the process itself has must never be used."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIADAEMON")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "daemon-secret")
    monkeypatch.setenv("AWS_PROFILE", "daemon")
    monkeypatch.setenv("AWS_REGION", "eu-west-9")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere")
    monkeypatch.setenv("HOME", str(tmp_path))


def http(status: int, body: bytes, kind: str = "application/json") -> bytes:
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def ask(url: str | None, env: dict[str, str], key: str | None = None, **more: Any) -> Any:
    sink, count, model = more.pop("sink", None), more.pop("count", False), more.pop("model", MODEL)
    provider = build(ROW, Connection(url, key, more, env))
    try:
        call = Call("1", [ChatMessageUser("hello")])
        route = Route("bedrock", model, Account("bedrock", url, "f"))
        if count:
            return await provider.count_tokens(call, route)
        return await provider.generate(call, route, sink)
    finally:
        await provider.aclose()


def play(env: dict[str, str], *answers: bytes, **more: Any) -> tuple[Any, list[Seen]]:
    async def scene() -> tuple[Any, list[Seen]]:
        left = list(answers or [http(200, json.dumps(OK).encode())])

        async def answer(seen: Seen) -> None:
            seen.writer.write(left.pop(0))

        async with serving(answer) as server:
            url = f"http://127.0.0.1:{server.port}"
            said = {name: value.format(url=url) for name, value in env.items()}
            try:
                output: Any = await ask(url, said, **more)
            except ModeldError as error:
                output = error
            return output, server.requests

    return asyncio.run(scene())


def test_a_request_is_signed_by_the_sessions_keys():
    output, (seen,) = play({**SESSION, "AWS_SESSION_TOKEN": "temporary"})
    assert output.completion == "hi"
    assert headers_of(seen)["x-amz-security-token"] == "temporary"
    assert seen.head.startswith(b"POST /model/us.amazon.nova-micro-v1%3A0/converse HTTP/1.1")
    check_signed(seen, SESSION["AWS_ACCESS_KEY_ID"], SESSION["AWS_SECRET_ACCESS_KEY"], "us-east-1")


def test_a_key_of_bedrocks_wins_over_other_credentials():
    _, (seen,) = play(SESSION, key="bearer-key")
    assert headers_of(seen)["authorization"] == "Bearer bearer-key"


def test_a_profile_is_read_from_the_sessions_files(tmp_path):
    shared, config = tmp_path / "credentials", tmp_path / "config"
    shared.write_text("[one]\naws_access_key_id = AKIAONE\naws_secret_access_key = s1\n"
                      "[two]\naws_access_key_id = AKIATWO\naws_secret_access_key = s2\n")  # fmt: skip
    config.write_text("[profile one]\nregion = eu-west-1\n[profile two]\nregion = eu-west-2\n")
    files = {"AWS_SHARED_CREDENTIALS_FILE": str(shared), "AWS_CONFIG_FILE": str(config)}
    _, (seen,) = play({**files, "AWS_PROFILE": "one"})
    check_signed(seen, "AKIAONE", "s1", "eu-west-1")
    _, (seen,) = play({**files, "AWS_PROFILE": "one"}, profile="two")
    check_signed(seen, "AKIATWO", "s2", "eu-west-2")
    _, (seen,) = play({**files, **SESSION}, profile="two", region="us-west-2")
    check_signed(seen, "AKIATWO", "s2", "us-west-2")


def test_no_command_of_a_profile_is_run(tmp_path):
    config, ran = tmp_path / "config", tmp_path / "ran"
    config.write_text(f"[profile sly]\nregion = eu-west-1\ncredential_process = touch {ran}\n")
    error, _ = play({"AWS_CONFIG_FILE": str(config), "AWS_PROFILE": "sly"})
    assert isinstance(error, PrerequisiteError)
    assert "runs no commands" in error.message
    assert not ran.exists()


def test_a_web_identity_becomes_a_role(tmp_path):
    token = tmp_path / "token"
    token.write_text("a-token")
    env = {
        "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/modeld",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
        "AWS_ENDPOINT_URL_STS": "{url}",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    answers = http(200, STS.encode(), "text/xml"), http(200, json.dumps(OK).encode())
    output, requests = play(env, *answers)
    assert isinstance(output, ModelOutput), output
    assert b"a-token" in requests[0].body
    check_signed(requests[1], "ASIAROLE", "role-secret", "us-east-1")


def test_missing_credentials_name_the_variables(tmp_path):
    env = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_REGION": "us-east-1"}
    error, requests = play(env)
    assert isinstance(error, PrerequisiteError)
    assert "AWS_ACCESS_KEY_ID" in error.message
    assert "AWS_PROFILE" in error.message
    assert not requests
    error, _ = play({**env, "AWS_PROFILE": "nobody"})
    assert isinstance(error, PrerequisiteError)
    assert "nobody" in error.message


def test_a_missing_region_names_the_variable():
    env = {name: value for name, value in SESSION.items() if name != "AWS_REGION"}
    with pytest.raises(PrerequisiteError, match="AWS_REGION"):
        asyncio.run(ask(None, env))


def test_a_refused_signature_is_an_authentication_error():
    body = b'{"message": "The security token included in the request is invalid."}'
    error, _ = play(SESSION, http(403, body))
    assert isinstance(error, AuthenticationError)


def stream(*frames_: bytes) -> bytes:
    return http(200, b"".join(frames_), "application/vnd.amazon.eventstream")


def event(name: str, value: Any) -> bytes:
    return frame(json.dumps(value).encode(), **{":message-type": "event", ":event-type": name})


def test_an_exception_in_a_stream_is_its_error():
    begun = event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "he"}})
    refused = frame(
        b'{"message": "slow down"}',
        **{":message-type": "exception", ":exception-type": "throttlingException"},
    )
    error, _ = play(SESSION, stream(begun, refused), sink=Deltas())
    assert isinstance(error, RateLimited)
    assert error.message == "slow down"


def test_a_frame_with_a_wrong_checksum_is_an_error():
    begun = bytearray(event("messageStop", {"stopReason": "end_turn"}))
    begun[-1] ^= 1
    error, _ = play(SESSION, stream(bytes(begun)), sink=Deltas())
    assert type(error) is ProviderError
    assert "checksum" in error.message


def test_two_sessions_sign_as_themselves_when_interleaved():
    async def scene() -> list[Seen]:
        async def answer(seen: Seen) -> None:
            seen.writer.write(http(200, json.dumps(OK).encode()))

        async with serving(answer) as server:
            url = f"http://127.0.0.1:{server.port}"
            providers = []
            for name in ("A", "B"):
                env = {**SESSION, "AWS_ACCESS_KEY_ID": f"AKIA{name}"}
                env["AWS_SECRET_ACCESS_KEY"] = f"secret-{name}"
                providers.append((name, build(ROW, Connection(url, None, {}, env))))

            async def one(name: str, provider: Any, number: int) -> None:
                call = Call(str(number), [ChatMessageUser(f"{name}{number}")])
                await provider.generate(
                    call, Route("bedrock", MODEL, Account("bedrock", url, name)), None
                )

            async with asyncio.TaskGroup() as group:
                for number in range(100):
                    for name, provider in providers:
                        group.create_task(one(name, provider, number))
            for _, provider in providers:
                await provider.aclose()
            return server.requests

    requests = asyncio.run(scene())
    assert len(requests) == 200
    for seen in requests:
        name = json.loads(seen.body)["messages"][0]["content"][0]["text"][0]
        check_signed(seen, f"AKIA{name}", f"secret-{name}", "us-east-1")


# -- tokens ----------------------------------------------------------------------------------

CLAUDE = "anthropic.claude-haiku-4-5-20251001-v1:0"


@pytest.mark.parametrize("model", [CLAUDE, f"us.{CLAUDE}", f"global.{CLAUDE}", f"us-gov.{CLAUDE}"])
def test_tokens_of_claude_are_counted(model):
    answer = http(200, b'{"inputTokens": 7}')
    counted, (seen,) = play(SESSION, answer, count=True, model=model)
    assert (counted.tokens, counted.estimated) == (7, False)
    path = "anthropic.claude-haiku-4-5-20251001-v1%3A0"
    assert seen.head.decode().startswith(f"POST /model/{path}/count-tokens HTTP/1.1")
    check_signed(seen, SESSION["AWS_ACCESS_KEY_ID"], SESSION["AWS_SECRET_ACCESS_KEY"], "us-east-1")
    assert json.loads(seen.body) == {
        "input": {"converse": {"messages": [{"role": "user", "content": [{"text": "hello"}]}]}}
    }


def test_tokens_of_others_are_estimated_without_asking():
    counted, requests = play(SESSION, count=True)
    assert counted.estimated
    assert requests == []


@pytest.mark.parametrize("status", [400, 403, 404])
def test_where_nobody_counts_an_estimate_will_do(status):
    refusal = http(status, b'{"message": "The provided model does not support counting tokens."}')
    counted, requests = play(SESSION, refusal, count=True, model=CLAUDE)
    assert counted.estimated
    assert counted.tokens > 0
    assert len(requests) == 1


def test_trouble_with_counting_is_told():
    busy = http(429, b'{"message": "slow down"}')
    error, _ = play(SESSION, busy, count=True, model=CLAUDE)
    assert isinstance(error, RateLimited)
    error, _ = play(SESSION, http(200, b'{"tokens": 7}'), count=True, model=CLAUDE)
    assert isinstance(error, ProviderError)
