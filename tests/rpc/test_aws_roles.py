"""Credentials of AWS that somebody gives: roles, containers and what is renewed, by botocore."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from modeld.errors import (
    AuthenticationError,
    InvalidRequest,
    ModeldError,
    PrerequisiteError,
    ProviderUnavailable,
)
from modeld.types import ChatMessageUser, ModelOutput
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection
from modeld_daemon.providers.bedrock.adapter import build
from modeld_daemon.providers.bedrock.options import check
from tests.fakes.aws_signature import check_signed, headers_of
from tests.fakes.exact_server import Seen, serving
from tests.fakes.recorded_bedrock import ROW

pytest.importorskip("botocore", reason="the extra bedrock is not installed")

MODEL = "us.amazon.nova-micro-v1:0"
OK = {
    "output": {"message": {"role": "assistant", "content": [{"text": "hi"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
}
STS = """<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result>
<Credentials><AccessKeyId>ASIA{number}</AccessKeyId><SecretAccessKey>secret{number}</SecretAccessKey>
<SessionToken>token{number}</SessionToken><Expiration>{end}</Expiration></Credentials>
<AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/s</Arn><AssumedRoleId>A:s</AssumedRoleId>
</AssumedRoleUser></{action}Result></{action}Response>"""
REFUSED = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>"""
LASTING = 3600.0
PROFILES = """
[profile base-a]
region = eu-west-1
[profile role-a]
role_arn = arn:aws:iam::111111111111:role/a
source_profile = base-a
region = eu-west-1
[profile role-b]
role_arn = arn:aws:iam::222222222222:role/b
source_profile = base-b
region = eu-west-2
"""
KEYS = """
[base-a]
aws_access_key_id = AKIABASEA
aws_secret_access_key = base-secret-a
[base-b]
aws_access_key_id = AKIABASEB
aws_secret_access_key = base-secret-b
"""


@pytest.fixture(autouse=True)
def strange_daemon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the process itself has must never be used."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIADAEMON")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "daemon-secret")
    monkeypatch.setenv("AWS_PROFILE", "daemon")
    monkeypatch.setenv("AWS_REGION", "eu-west-9")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/")
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Profiles of a session's own."""
    config, keys = tmp_path / "config", tmp_path / "credentials"
    config.write_text(PROFILES)
    keys.write_text(KEYS)
    return {
        "AWS_CONFIG_FILE": str(config),
        "AWS_SHARED_CREDENTIALS_FILE": str(keys),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL_STS": "{url}",
    }


def http(status: int, body: str, kind: str = "application/json") -> bytes:
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n"
    return f"{head}connection: close\r\n\r\n{body}".encode()


class House:
    """A server that is Bedrock, the service of roles and a container's endpoint in one."""

    def __init__(self, lasts: float = LASTING, refused: bool = False, status: int = 200) -> None:
        self.lasts = lasts
        self.refused = refused
        self.status = status
        self.given: list[Seen] = []
        self.calls: list[Seen] = []

    async def answer(self, seen: Seen) -> None:
        if seen.head.startswith(b"POST /model/"):
            self.calls.append(seen)
            seen.writer.write(http(200, json.dumps(OK)))
        else:
            self.given.append(seen)
            seen.writer.write(self._credentials(seen))
        seen.writer.close()

    def _credentials(self, seen: Seen) -> bytes:
        number = len(self.given)
        end = datetime.fromtimestamp(time.time() + self.lasts, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if seen.head.startswith(b"GET "):
            own = {"AccessKeyId": f"ASIA{number}", "SecretAccessKey": f"secret{number}"}
            body = {**own, "Token": f"token{number}", "Expiration": end}
            return http(self.status, json.dumps(body))
        if self.refused:
            return http(403, REFUSED, "text/xml")
        action = dict(parse_qsl(seen.body.decode()))["Action"]
        return http(200, STS.format(action=action, number=number, end=end), "text/xml")


def play(env: dict[str, str], house: House | None = None, calls: int = 1, **args: Any) -> Any:
    """Calls one after the other, with the variables of one session."""
    house = house or House()

    async def scene() -> Any:
        async with serving(house.answer) as server:
            url = f"http://127.0.0.1:{server.port}"
            said = {name: value.replace("{url}", url) for name, value in env.items()}
            provider = build(ROW, Connection(url, None, args, said))
            try:
                for number in range(calls):
                    output = await ask(provider, str(number))
            except ModeldError as error:
                return error
            finally:
                await provider.aclose()
            return output

    return asyncio.run(scene()), house


async def ask(provider: Any, text: str) -> ModelOutput:
    route = Route("bedrock", MODEL, Account("bedrock", None, "f"))
    output: ModelOutput = await provider.generate(Call("1", [ChatMessageUser(text)]), route, None)
    return output


def test_a_profile_assumes_its_role_with_the_keys_of_its_source(files):
    output, house = play({**files, "AWS_PROFILE": "role-a"})
    assert isinstance(output, ModelOutput), output
    (asked,), (seen,) = house.given, house.calls
    form = dict(parse_qsl(asked.body.decode()))
    assert (form["Action"], form["RoleArn"]) == ("AssumeRole", "arn:aws:iam::111111111111:role/a")
    check_signed(asked, "AKIABASEA", "base-secret-a", "eu-west-1", "sts")
    check_signed(seen, "ASIA1", "secret1", "eu-west-1")
    assert headers_of(seen)["x-amz-security-token"] == "token1"


def test_a_role_is_assumed_again_before_it_ends(files):
    brief = House(lasts=timedelta(minutes=5).total_seconds())  # botocore renews ten minutes before
    output, house = play({**files, "AWS_PROFILE": "role-a"}, brief, calls=2)
    assert isinstance(output, ModelOutput), output
    ids = [headers_of(seen)["authorization"].split("=")[1].split("/")[0] for seen in house.calls]
    assert len(set(ids)) == 2
    last = len(house.given)
    check_signed(house.calls[-1], f"ASIA{last}", f"secret{last}", "eu-west-1")
    lasting, house = play({**files, "AWS_PROFILE": "role-a"}, calls=3)
    assert isinstance(lasting, ModelOutput)
    assert (len(house.given), len(house.calls)) == (1, 3)


def test_a_role_that_is_refused_is_an_authentication_error(files):
    error, house = play({**files, "AWS_PROFILE": "role-a"}, House(refused=True))
    assert isinstance(error, AuthenticationError), error
    assert "not you" in error.message
    assert "base-secret-a" not in repr(error)
    assert not house.calls


def test_a_container_is_asked_with_the_sessions_token(tmp_path):
    env = {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "{url}/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "of-the-session",
        "AWS_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
    }
    output, house = play(env)
    assert isinstance(output, ModelOutput), output
    (asked,), (seen,) = house.given, house.calls
    assert asked.head.startswith(b"GET /credentials HTTP/1.1")
    assert headers_of(asked)["authorization"] == "of-the-session"
    check_signed(seen, "ASIA1", "secret1", "eu-central-1")


def test_two_sessions_with_two_profiles_never_mix(files):
    async def scene() -> House:
        house = House()
        async with serving(house.answer) as server:
            url = f"http://127.0.0.1:{server.port}"
            said = {name: value.replace("{url}", url) for name, value in files.items()}
            providers = {
                name: build(ROW, Connection(url, None, {}, {**said, "AWS_PROFILE": f"role-{name}"}))
                for name in ("a", "b")
            }
            async with asyncio.TaskGroup() as group:
                for number in range(50):
                    for name, provider in providers.items():
                        group.create_task(ask(provider, f"{name} {number}"))
            for provider in providers.values():
                await provider.aclose()
        return house

    house = asyncio.run(scene())
    roles = {}
    for number, asked in enumerate(house.given, 1):
        form = dict(parse_qsl(asked.body.decode()))
        name = form["RoleArn"][-1]
        region = {"a": "eu-west-1", "b": "eu-west-2"}[name]
        check_signed(asked, f"AKIABASE{name.upper()}", f"base-secret-{name}", region, "sts")
        roles[name] = (f"ASIA{number}", f"secret{number}", region)
    assert sorted(roles) == ["a", "b"]
    assert len(house.given) == 2
    assert len(house.calls) == 100
    for seen in house.calls:
        name = json.loads(seen.body)["messages"][0]["content"][0]["text"][0]
        check_signed(seen, *roles[name])


def test_a_profile_without_a_source_is_named(files):
    error, _ = play({**files, "AWS_PROFILE": "nobody"})
    assert isinstance(error, PrerequisiteError)
    assert "nobody" in error.message


def test_a_service_of_roles_that_is_not_there_is_unavailable(files):
    env = {**files, "AWS_PROFILE": "role-a", "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9"}
    error, _ = play(env)
    assert isinstance(error, ProviderUnavailable), error


@pytest.mark.parametrize("region", ["mars-1", "us-east-1.evil.example/", "us east 1"])
def test_what_is_no_region_is_refused_when_the_model_is_opened(region):
    for args, env in (({"region": region}, {}), ({}, {"AWS_REGION": region})):
        with pytest.raises(InvalidRequest, match="no region of AWS"):
            check(ROW, MODEL, Connection(None, None, args, env))
