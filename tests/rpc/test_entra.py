"""Microsoft Entra ID by azure-identity's own code, against an authority of the test's."""

from __future__ import annotations

import asyncio
import base64
import importlib
import importlib.util
import json
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modeld.errors import (
    AuthenticationError,
    ModeldError,
    PrerequisiteError,
    ProviderUnavailable,
)
from modeld.types import ChatMessageUser, ModelOutput
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection, Row
from modeld_daemon.providers.anthropic.adapter import build as build_anthropic
from modeld_daemon.providers.anthropic.options import check as check_anthropic
from modeld_daemon.providers.catalog import ROWS
from modeld_daemon.providers.mistral.adapter import build as build_mistral
from modeld_daemon.providers.mistral.options import check as check_mistral
from modeld_daemon.providers.openai.adapter import build as build_openai
from modeld_daemon.providers.openai.choice import check as check_openai
from modeld_daemon.providers.openai_chat.adapter import build as build_chat
from tests.fakes.entra import Authority, authority, gives, headers_of, http
from tests.fakes.exact_server import Seen, all_ended, serving
from tests.fakes.tls import Certificate, make_certificate

pytest.importorskip("azure.identity", reason="the extra azure is not installed")

BY_NAME = {row.name: row for row in ROWS}
SECRET = "one-secret-of-a-client"
CLIENT = {
    "AZURE_TENANT_ID": "a-tenant",
    "AZURE_CLIENT_ID": "one",
    "AZURE_CLIENT_SECRET": SECRET,
}
BUILD: dict[str, Callable[..., Any]] = {
    "openai/azure": build_openai,
    "azureai": build_chat,
    "anthropic/azure": build_anthropic,
    "mistral/azure": build_mistral,
}
CHAT = {"id": "1", "model": "m", "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
]}  # fmt: skip
MESSAGE = {
    "id": "1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
    "content": [{"type": "text", "text": "hi"}], "usage": {"input_tokens": 1, "output_tokens": 1},
}  # fmt: skip
RESPONSE = {"id": "1", "model": "m", "status": "completed", "output": [
    {"type": "message", "id": "2", "role": "assistant",
     "content": [{"type": "output_text", "text": "hi", "annotations": []}]}
]}  # fmt: skip


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(autouse=True)
def strange_daemon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """What the process itself has must never be used, and no program be run."""
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.setenv(name, "of-the-daemon")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", "/nowhere")
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "https://localhost:9")
    monkeypatch.setenv("AZURE_REGIONAL_AUTHORITY_NAME", "westus")
    monkeypatch.setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("IDENTITY_HEADER", "of-the-daemon")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HOME", str(tmp_path))
    programs = tmp_path / "bin"
    programs.mkdir()
    ran = tmp_path / "ran"
    for name in ("az", "azd", "pwsh"):
        (programs / name).write_text(f"#!/bin/sh\ntouch {ran}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return ran


async def api(seen: Seen) -> None:
    """What answers whichever API is asked."""
    path = seen.head.split(b" ", 2)[1]
    body = MESSAGE if b"/messages" in path else RESPONSE if b"/responses" in path else CHAT
    seen.writer.write(http(200, body))


def made(name: str, url: str, environment: dict[str, str]) -> Any:
    path = {"anthropic/azure": "/anthropic", "mistral/azure": "/models"}.get(name, "")
    args = {"streaming": False}
    return BUILD[name](BY_NAME[name], Connection(url + path, None, args, environment))


async def ask(provider: Any, name: str, model: str = "m", text: str = "hello") -> ModelOutput:
    route = Route(name, model, Account(name, None, "f"))
    output: ModelOutput = await provider.generate(Call("1", [ChatMessageUser(text)]), route, None)
    return output


def play(
    certificate: Certificate,
    environment: dict[str, str],
    *,
    name: str = "azureai",
    model: str = "m",
    answer: Callable[..., Any] = gives,
    calls: int = 1,
) -> tuple[ModelOutput | ModeldError, list[Seen], Authority]:
    """Calls at once, with the variables of one session."""

    async def scene() -> tuple[ModelOutput | ModeldError, list[Seen], Authority]:
        async with authority(certificate, answer) as there, serving(api) as server:
            env = {**there.environment, **environment}
            provider = made(name, f"http://127.0.0.1:{server.port}", env)
            try:
                asked = (ask(provider, name, model) for _ in range(calls))
                found: ModelOutput | ModeldError = (await all_ended(asked))[0]
            except ModeldError as error:
                found = error
            finally:
                await provider.aclose()
            return found, server.requests, there

    return asyncio.run(scene())


@pytest.mark.parametrize(
    "name, model, path",
    [
        ("openai/azure", "gpt-4o", "/openai/deployments/gpt-4o/chat/completions?api-version="),
        ("openai/azure", "gpt-5-nano", "/openai/responses?api-version=2025-03-01-preview"),
        ("azureai", "m", "/models/chat/completions?api-version=2024-05-01-preview"),
        ("anthropic/azure", "claude-x", "/anthropic/v1/messages"),
        ("mistral/azure", "m", "/models/chat/completions?api-version=2024-05-01-preview"),
    ],
)
def test_without_a_key_a_client_asks_with_its_token(certificate, name, model, path):
    output, (seen,), there = play(certificate, CLIENT, name=name, model=model)
    assert isinstance(output, ModelOutput), output
    assert output.completion == "hi"
    assert seen.head.decode().startswith(f"POST {path}")
    headers = headers_of(seen)
    assert headers["authorization"] == "Bearer token-one-1"
    assert not {"api-key", "x-api-key"} & headers.keys()
    (form,) = there.asked
    assert there.tenants == ["a-tenant"]
    assert form["grant_type"] == "client_credentials"
    assert (form["client_id"], form["client_secret"]) == ("one", SECRET)
    assert "https://cognitiveservices.azure.com/.default" in form["scope"].split()


def test_the_audience_is_what_the_session_says(certificate):
    env = {**CLIENT, "AZUREAI_AUDIENCE": "https://ai.azure.com/.default"}
    _, _, there = play(certificate, env)
    assert "https://ai.azure.com/.default" in there.asked[0]["scope"].split()


def test_calls_at_once_share_one_request_for_a_token(certificate):
    output, requests, there = play(certificate, CLIENT, calls=40)
    assert isinstance(output, ModelOutput), output
    assert len(requests) == 40
    assert {headers_of(seen)["authorization"] for seen in requests} == {"Bearer token-one-1"}
    assert len(there.asked) == 1


def test_a_token_is_renewed_before_it_ends(certificate, monkeypatch):
    now = time.time

    async def scene() -> tuple[list[str], int]:
        async with authority(certificate) as there, serving(api) as server:
            env = {**there.environment, **CLIENT}
            provider = made("azureai", f"http://127.0.0.1:{server.port}", env)
            for later in (0, 3200, 3400, 3500):  # of 3,599 seconds
                monkeypatch.setattr(time, "time", lambda later=later: now() + later)
                await ask(provider, "azureai")
            await provider.aclose()
            sent = [headers_of(seen)["authorization"] for seen in server.requests]
            return sent, len(there.asked)

    sent, asked = asyncio.run(scene())
    assert sent == ["Bearer token-one-1"] * 2 + ["Bearer token-one-2"] * 2
    assert asked == 2


def test_two_sessions_never_send_each_others_tokens(certificate):
    async def scene() -> tuple[list[Seen], Authority]:
        async with authority(certificate) as there, serving(api) as server:
            url = f"http://127.0.0.1:{server.port}"
            providers = {
                name: made(
                    "azureai",
                    url,
                    {
                        **there.environment,
                        "AZURE_TENANT_ID": f"tenant-{name}",
                        "AZURE_CLIENT_ID": name,
                        "AZURE_CLIENT_SECRET": f"secret-of-{name}",
                    },
                )
                for name in ("one", "two")
            }
            async with asyncio.TaskGroup() as group:
                for number in range(100):
                    for name, provider in providers.items():
                        group.create_task(ask(provider, "azureai", text=f"{name} {number}"))
            for provider in providers.values():
                await provider.aclose()
            return server.requests, there

    requests, there = asyncio.run(scene())
    assert len(requests) == 200
    for seen in requests:
        name = json.loads(seen.body)["messages"][0]["content"].split()[0]
        assert headers_of(seen)["authorization"].startswith(f"Bearer token-{name}-")
    pairs = [(t, f["client_id"], f["client_secret"]) for t, f in zip(there.tenants, there.asked, strict=True)]  # fmt: skip
    assert sorted(pairs) == [
        ("tenant-one", "one", "secret-of-one"),
        ("tenant-two", "two", "secret-of-two"),
    ]


def test_a_workload_proves_itself_with_its_file(certificate, tmp_path):
    file = tmp_path / "workload"
    file.write_text("eyJ-of-the-cluster")
    env = {
        "AZURE_TENANT_ID": "t",
        "AZURE_CLIENT_ID": "w",
        "AZURE_FEDERATED_TOKEN_FILE": str(file),
    }
    _, (seen,), there = play(certificate, env)
    assert headers_of(seen)["authorization"] == "Bearer token-w-1"
    assert there.asked[0]["client_assertion"] == "eyJ-of-the-cluster"
    assert "client_secret" not in there.asked[0]
    file.unlink()
    error, _, _ = play(certificate, env)
    assert isinstance(error, PrerequisiteError)
    assert str(file) in error.message


def test_a_clients_certificate_signs_its_assertion(certificate, tmp_path):
    hashes = pytest.importorskip("cryptography.hazmat.primitives.hashes")
    padding = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.padding")
    own, public = rsa_certificate(tmp_path)
    env = {
        "AZURE_TENANT_ID": "t",
        "AZURE_CLIENT_ID": "c",
        "AZURE_CLIENT_CERTIFICATE_PATH": str(own),
    }
    output, (seen,), there = play(certificate, env)
    assert isinstance(output, ModelOutput), output
    assert headers_of(seen)["authorization"] == "Bearer token-c-1"
    signed, _, signature = there.asked[0]["client_assertion"].rpartition(".")
    algorithm = json.loads(decoded(signed.split(".")[0]))["alg"]
    pad = (
        padding.PKCS1v15()
        if algorithm == "RS256"
        else padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    )
    public.verify(decoded(signature), signed.encode(), pad, hashes.SHA256())
    claims = json.loads(decoded(signed.split(".")[1]))
    assert (claims["iss"], claims["sub"]) == ("c", "c")


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def rsa_certificate(folder: Path) -> tuple[Path, Any]:
    """A file with a client's key and certificate, and the public key."""
    import datetime as dt  # noqa: PLC0415

    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "client")])
    today = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today)
        .not_valid_after(today + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "client.pem"
    file.write_bytes(private + made.public_bytes(encoding))
    return file, key.public_key()


def test_a_token_is_fetched_through_the_sessions_proxy(certificate):
    async def scene() -> tuple[Any, list[Seen], Authority]:
        async def refuse(seen: Seen) -> None:
            seen.writer.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
            seen.writer.close()

        async with authority(certificate) as there, serving(refuse) as proxy:
            own = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"}
            env = {**there.environment, **CLIENT, **own}
            provider = made("azureai", "http://127.0.0.1:9", env)
            with pytest.raises(ProviderUnavailable) as caught:
                await ask(provider, "azureai")
            await provider.aclose()
            return caught.value, proxy.requests, there

    error, requests, there = asyncio.run(scene())
    place = there.environment["AZURE_AUTHORITY_HOST"].removeprefix("https://")
    assert requests[0].head.startswith(f"CONNECT {place} ".encode())
    assert error.phase == "connect"
    assert not there.asked


def test_the_authority_is_microsofts_where_the_session_names_none():
    credentials = importlib.import_module("modeld_daemon.providers.azure.credentials")

    tokens = credentials.Tokens("azureai", ("K",), CLIENT, "s", ssl.create_default_context())
    credential: Any = tokens._credential
    assert credential._authority == "https://login.microsoftonline.com"
    assert credential._regional_authority is None
    assert credential._instance_discovery is True
    assert SECRET not in repr(tokens)


# -- managed identities ----------------------------------------------------------------------


def play_managed(
    environment: dict[str, str], status: int, answer: Any
) -> tuple[ModelOutput | ModeldError, list[Seen]]:
    """One call on a machine whose endpoint of identities says this."""

    async def say(seen: Seen) -> None:
        if seen.head.startswith(b"GET "):
            seen.writer.write(http(status, answer, seen))
        else:
            await api(seen)

    async def scene() -> tuple[ModelOutput | ModeldError, list[Seen]]:
        async with serving(say) as server:
            url = f"http://127.0.0.1:{server.port}"
            env = {k: v.format(url=url) for k, v in environment.items()}
            provider = made("azureai", url, env)
            try:
                return await ask(provider, "azureai"), server.requests
            except ModeldError as error:
                return error, server.requests
            finally:
                await provider.aclose()

    return asyncio.run(scene())


APP = {"IDENTITY_ENDPOINT": "{url}/msi/token", "IDENTITY_HEADER": "proof-of-the-app"}
MACHINE = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": "{url}"}
TOKEN = {"access_token": "of-the-machine", "expires_on": "4102444800", "token_type": "Bearer"}


def test_an_app_asks_with_its_own_identity():
    output, requests = play_managed({**APP, "AZURE_CLIENT_ID": "assigned"}, 200, TOKEN)
    assert isinstance(output, ModelOutput), output
    asked, seen = requests
    line = asked.head.split(b"\r\n")[0].decode()
    assert line.startswith("GET /msi/token?api-version=2019-08-01&client_id=assigned&resource=")
    assert "cognitiveservices.azure.com" in line
    assert ".default" not in line
    assert headers_of(asked)["x-identity-header"] == "proof-of-the-app"
    assert headers_of(seen)["authorization"] == "Bearer of-the-machine"


def test_a_machine_asks_with_its_identity():
    output, (asked, seen) = play_managed(MACHINE, 200, TOKEN)
    assert isinstance(output, ModelOutput), output
    path = b"GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource="
    assert asked.head.startswith(path)
    assert headers_of(asked)["metadata"] == "true"
    assert headers_of(seen)["authorization"] == "Bearer of-the-machine"


@pytest.mark.parametrize(
    "environment, status, kind",
    [
        (MACHINE, 400, PrerequisiteError),
        (APP, 400, AuthenticationError),
        (APP, 500, ProviderUnavailable),
        (MACHINE, 429, ProviderUnavailable),
    ],
)
def test_no_token_of_an_endpoint_is_an_error_of_its_kind(environment, status, kind):
    told = {"error": "invalid_request", "error_description": "no: proof-of-the-app"}
    error, _ = play_managed(environment, status, told)
    assert isinstance(error, kind)
    if environment is APP:
        assert "no: ***" in error.message


# -- what fails ------------------------------------------------------------------------------


def test_no_credentials_name_the_variables_and_run_nothing(strange_daemon):
    nobody = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://127.0.0.1:9"}
    error, requests = play_managed(nobody, 200, TOKEN)
    assert isinstance(error, PrerequisiteError), error
    for name in ("AZURE_API_KEY or AZUREAI_API_KEY", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET"):
        assert name in error.message
    assert not requests
    assert not strange_daemon.exists()


@pytest.mark.parametrize(
    "status, body, kind",
    [
        (401, {"error": "invalid_client", "error_description": f"AADSTS7000215: {SECRET}"}, AuthenticationError),
        (400, {"error": "invalid_scope", "error_description": "AADSTS70011: no"}, AuthenticationError),
        (503, {"error": "temporarily_unavailable"}, ProviderUnavailable),
    ],
)  # fmt: skip
def test_a_refused_client_is_an_error_of_its_kind(certificate, status, body, kind):
    error, requests, _ = play(certificate, CLIENT, answer=lambda *_: (status, body))
    assert isinstance(error, kind), error
    assert not requests
    assert SECRET not in repr(error)


def test_an_authority_that_is_not_there_is_unavailable(certificate):
    env = {**CLIENT, "AZURE_AUTHORITY_HOST": "https://localhost:9"}
    error, _, _ = play(certificate, env)
    assert isinstance(error, ProviderUnavailable)
    assert error.phase == "connect"


def test_an_authority_without_tls_is_refused(certificate):
    env = {**CLIENT, "AZURE_AUTHORITY_HOST": "http://localhost:9"}
    error, _, _ = play(certificate, env)
    assert isinstance(error, PrerequisiteError)
    assert "https" in error.message


def test_an_authority_that_the_session_does_not_trust_is_refused(certificate):
    error, _, there = play(certificate, {**CLIENT, "SSL_CERT_FILE": ""})
    assert isinstance(error, ProviderUnavailable)
    assert "certificate" in error.message.lower()
    assert not there.asked


@pytest.mark.parametrize("name", BUILD)
def test_a_missing_package_names_the_extra_and_the_key(name, monkeypatch):
    checks = {"anthropic/azure": check_anthropic, "mistral/azure": check_mistral}
    check, row = checks.get(name, check_openai), BY_NAME[name]
    check(row, "m", Connection("https://x.example", None))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(PrerequisiteError, match=r"modeld\[azure\]") as caught:
        check(row, "m", Connection("https://x.example", None))
    assert row.key_variables[0] in caught.value.message
    check(row, "m", Connection("https://x.example", "a-key"))


def test_a_missing_address_names_the_variables():
    for name in BUILD:
        checks = {"anthropic/azure": check_anthropic, "mistral/azure": check_mistral}
        row: Row = BY_NAME[name]
        with pytest.raises(PrerequisiteError, match=row.base_url_variables[0]):
            checks.get(name, check_openai)(row, "m", Connection(None, "a-key"))
