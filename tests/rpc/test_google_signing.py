"""Whose credentials of Google Cloud a request has: signed assertions, tokens, and never another's."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from modeld.errors import ModeldError, PrerequisiteError
from modeld.types import ChatMessageUser, ModelOutput
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection
from modeld_daemon.providers.google.adapter import build
from tests.fakes.aws_signature import headers_of
from tests.fakes.exact_google import OK, http
from tests.fakes.exact_server import Seen, serving
from tests.fakes.recorded_google import ROW

pytest.importorskip("google.auth", reason="the extra google is not installed")
hashes = pytest.importorskip("cryptography.hazmat.primitives.hashes")
serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
padding = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.padding")
rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")

NAMES = ("one", "two")
SCOPE = "https://www.googleapis.com/auth/cloud-platform"


@pytest.fixture(scope="module")
def keys() -> dict[str, Any]:
    return {name: rsa.generate_private_key(public_exponent=65537, key_size=2048) for name in NAMES}


@pytest.fixture(autouse=True)
def strange_daemon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """What the process itself has must never be used, and no program be run."""
    theirs = tmp_path / "of-the-daemon.json"
    theirs.write_text(json.dumps(user("of-the-daemon", "http://127.0.0.1:9")))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(theirs))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "of-the-daemon")
    monkeypatch.setenv("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "1")
    monkeypatch.setenv("HOME", str(tmp_path))
    programs, ran = tmp_path / "bin", tmp_path / "ran"
    programs.mkdir()
    for name in ("gcloud", "source"):
        (programs / name).write_text(f"#!/bin/sh\ntouch {ran}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return ran


def account(name: str, key: Any, url: str) -> dict[str, str]:
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return {
        "type": "service_account",
        "project_id": f"project-{name}",
        "client_email": f"{name}@example",
        "private_key_id": f"key-{name}",
        "private_key": key.private_bytes(*pem, serialization.NoEncryption()).decode(),
        "token_uri": f"{url}/token",
    }


def user(name: str, url: str) -> dict[str, str]:
    return {
        "type": "authorized_user",
        "client_id": f"client-{name}",
        "client_secret": f"secret-{name}",
        "refresh_token": f"refresh-{name}",
        "quota_project_id": f"project-{name}",
        "token_uri": f"{url}/token",
    }


def decoded(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class House:
    """A server that gives tokens and is Vertex AI."""

    def __init__(self) -> None:
        self.forms: list[dict[str, str]] = []
        self.calls: list[Seen] = []

    async def answer(self, seen: Seen) -> None:
        if not seen.head.startswith(b"POST /token "):
            self.calls.append(seen)
            seen.writer.write(http(200, OK))
            return
        form = dict(parse_qsl(seen.body.decode()))
        self.forms.append(form)
        whose = form.get("refresh_token") or form.get("subject_token")
        if "assertion" in form:
            whose = decoded(form["assertion"].split(".")[1])["iss"]
        token = {"access_token": f"token-of-{whose}", "expires_in": 3600, "token_type": "Bearer"}
        token["issued_token_type"] = "urn:ietf:params:oauth:token-type:access_token"
        seen.writer.write(http(200, token))


async def ask(provider: Any, text: str = "hello") -> ModelOutput:
    route = Route("google", "vertex/gemini-x", Account("google", None, "f"))
    output: ModelOutput = await provider.generate(Call("1", [ChatMessageUser(text)]), route, None)
    return output


def play(make: Any, **environment: str) -> tuple[ModelOutput | ModeldError, House]:
    """One call; `make` gets the server's URL and gives further variables of the session."""
    house = House()

    async def scene() -> ModelOutput | ModeldError:
        async with serving(house.answer) as server:
            url = f"http://127.0.0.1:{server.port}"
            env = {**environment, **make(url)}
            provider = build(ROW, Connection(url, None, {"location": "us-east5"}, env))
            try:
                return await ask(provider)
            except ModeldError as error:
                return error
            finally:
                await provider.aclose()

    return asyncio.run(scene()), house


@pytest.fixture
def logins(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sends the renewal of logins to a test's server: google-auth knows one address only."""

    def at(url: str) -> str:
        place = "google.oauth2.credentials._GOOGLE_OAUTH2_TOKEN_ENDPOINT"
        monkeypatch.setattr(place, f"{url}/token")
        return url

    return at


def written(tmp_path: Path, info: Any) -> dict[str, str]:
    file = tmp_path / "session.json"
    file.write_text(json.dumps(info))
    return {"GOOGLE_APPLICATION_CREDENTIALS": str(file)}


def check_assertion(form: dict[str, str], name: str, key: Any, url_end: str = "/token") -> None:
    """The assertion is of this account and signed by its key."""
    signed, _, signature = form["assertion"].rpartition(".")
    head, claims = (decoded(part) for part in signed.split("."))
    assert (head["alg"], head["kid"]) == ("RS256", f"key-{name}")
    assert (claims["iss"], claims["scope"]) == (f"{name}@example", SCOPE)
    assert claims["aud"].endswith(url_end)
    raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    key.public_key().verify(raw, signed.encode(), padding.PKCS1v15(), hashes.SHA256())


def test_two_accounts_sign_as_themselves_when_interleaved(tmp_path, keys):
    house = House()

    async def scene() -> None:
        async with serving(house.answer) as server:
            url = f"http://127.0.0.1:{server.port}"
            providers = {}
            for name in NAMES:
                file = tmp_path / f"{name}.json"
                file.write_text(json.dumps(account(name, keys[name], url)))
                env = {"GOOGLE_APPLICATION_CREDENTIALS": str(file)}
                providers[name] = build(ROW, Connection(url, None, {"location": "us-east5"}, env))
            async with asyncio.TaskGroup() as group:
                for number in range(50):
                    for name, provider in providers.items():
                        group.create_task(ask(provider, f"{name} {number}"))
            for provider in providers.values():
                await provider.aclose()

    asyncio.run(scene())
    assert len(house.forms) == 2
    for form in house.forms:
        name = decoded(form["assertion"].split(".")[1])["iss"].partition("@")[0]
        check_assertion(form, name, keys[name])
    assert len(house.calls) == 100
    for seen in house.calls:
        name = json.loads(seen.body)["contents"][0]["parts"][0]["text"].split()[0]
        assert headers_of(seen)["authorization"] == f"Bearer token-of-{name}@example"
        assert f"/projects/project-{name}/locations/us-east5/".encode() in seen.head


def test_a_persons_login_is_renewed_by_its_own_token(tmp_path, logins):
    output, house = play(
        lambda url: written(tmp_path, user("one", logins(url))), GOOGLE_CLOUD_PROJECT="chosen"
    )
    assert isinstance(output, ModelOutput), output
    ((form,), (seen,)) = house.forms, house.calls
    assert (form["grant_type"], form["refresh_token"]) == ("refresh_token", "refresh-one")
    assert (form["client_id"], form["client_secret"]) == ("client-one", "secret-one")
    assert headers_of(seen)["authorization"] == "Bearer token-of-refresh-one"
    assert b"/projects/chosen/" in seen.head


@pytest.mark.parametrize("folder", [".config/gcloud", "elsewhere"])
def test_a_login_of_gcloud_is_found_where_the_session_has_it(
    tmp_path, folder, logins, strange_daemon
):
    def make(url: str) -> dict[str, str]:
        (tmp_path / folder).mkdir(parents=True)
        file = tmp_path / folder / "application_default_credentials.json"
        file.write_text(json.dumps(user("login", logins(url))))
        return {} if folder.startswith(".") else {"CLOUDSDK_CONFIG": str(tmp_path / folder)}

    output, house = play(make)
    assert isinstance(output, ModelOutput), output
    assert headers_of(house.calls[0])["authorization"] == "Bearer token-of-refresh-login"
    assert not strange_daemon.exists()


def workload(url: str, source: Any) -> dict[str, Any]:
    return {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{url}/token",
        "credential_source": source,
    }


def test_a_workload_of_another_house_exchanges_its_own_token(tmp_path):
    (tmp_path / "subject").write_text("subject-of-the-session")
    output, house = play(
        lambda url: written(tmp_path, workload(url, {"file": str(tmp_path / "subject")})),
        GOOGLE_CLOUD_PROJECT="chosen",
    )
    assert isinstance(output, ModelOutput), output
    (form,), (seen,) = house.forms, house.calls
    assert form["subject_token"] == "subject-of-the-session"
    assert form["audience"].endswith("/workloadIdentityPools/p/providers/q")
    assert headers_of(seen)["authorization"] == "Bearer token-of-subject-of-the-session"


@pytest.mark.parametrize(
    "source",
    [
        {"executable": {"command": "source", "timeout_millis": 5000}},
        {"environment_id": "aws1", "regional_cred_verification_url": "https://sts.{region}.x"},
    ],
)
@pytest.mark.parametrize("impersonated", [False, True])
def test_no_command_is_run_for_credentials(tmp_path, source, impersonated, strange_daemon):
    def make(url: str) -> dict[str, str]:
        info: dict[str, Any] = workload(url, source)
        if impersonated:
            place = f"{url}/v1/projects/-/serviceAccounts/a@b:generateAccessToken"
            info = {
                "type": "impersonated_service_account",
                "service_account_impersonation_url": place,
                "source_credentials": info,
            }
        return written(tmp_path, info)

    error, house = play(make, GOOGLE_CLOUD_PROJECT="chosen")
    assert isinstance(error, PrerequisiteError), error
    assert "runs no commands" in error.message
    assert not house.forms
    assert not strange_daemon.exists()


def test_no_credentials_name_the_variables_and_use_none_of_the_daemons(monkeypatch, strange_daemon):
    metadata = "google.auth.compute_engine._metadata.is_on_gce"
    monkeypatch.setattr(metadata, lambda *_: False)
    error, house = play(lambda _url: {})
    assert isinstance(error, PrerequisiteError), error
    assert "GOOGLE_APPLICATION_CREDENTIALS" in error.message
    assert not house.forms
    assert not house.calls
    assert not strange_daemon.exists()


def test_a_missing_project_names_the_variable(tmp_path, keys):
    def make(url: str) -> dict[str, str]:
        info = account("one", keys["one"], url)
        del info["project_id"]
        return written(tmp_path, info)

    error, _ = play(make)
    assert isinstance(error, PrerequisiteError)
    assert "GOOGLE_CLOUD_PROJECT" in error.message
