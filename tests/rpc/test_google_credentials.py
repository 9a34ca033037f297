"""Credentials of Google Cloud, against servers that say exactly what a test wants."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from modeld.errors import AuthenticationError, PrerequisiteError, ProviderUnavailable
from modeld_daemon.core.call import Account, Route
from modeld_daemon.core.ports import Connection
from modeld_daemon.providers.google.adapter import build
from tests.fakes.exact_google import OK, asked, asking, http, scene
from tests.fakes.exact_server import Seen, all_ended, serving
from tests.fakes.recorded_google import ROW

pytest.importorskip("google.auth", reason="the extra google is not installed")
serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(*pem, serialization.NoEncryption()).decode()


def play_vertex(tmp_path: Path, key: str, refused: int = 0, token_status: int = 200) -> list[Seen]:
    """Two calls with a service account's file, of which servers refuse the first tokens."""

    async def play() -> list[Seen]:
        tokens = [0]
        revoked = [f"Bearer access-token-{number}\r\n".encode() for number in range(1, refused + 1)]

        async def answer(seen: Seen) -> None:
            if seen.head.startswith(b"POST /token "):
                tokens[0] += 1
                token = {"access_token": f"access-token-{tokens[0]}", "expires_in": 3600}
                refusal = {"error": "no", "error_description": seen.body.decode()}
                seen.writer.write(http(token_status, token if token_status == 200 else refusal))
            elif any(token in seen.head for token in revoked):
                message = f"old: {seen.head.decode()}"
                error = {"error": {"code": 401, "status": "UNAUTHENTICATED", "message": message}}
                seen.writer.write(http(401, error))
            else:
                seen.writer.write(http(200, OK))

        async with serving(answer) as server:
            url = f"http://127.0.0.1:{server.port}"
            file = tmp_path / "account.json"
            account = {
                "type": "service_account",
                "project_id": "own-project",
                "client_email": "a@b",
                "private_key": key,
                "token_uri": f"{url}/token",
            }
            file.write_text(json.dumps(account))
            env = {"GOOGLE_APPLICATION_CREDENTIALS": str(file)}
            provider = build(ROW, Connection(url, None, {"location": "us-east5"}, env))
            route = Route("google", "vertex/gemini-x", Account("google", url, "f"))
            calls = (provider.generate(asked(), route, None) for _ in range(2))
            try:
                await all_ended(calls)
            finally:
                await provider.aclose()
            return server.requests

    return asyncio.run(play())


def test_a_service_account_signs_requests(tmp_path, private_key):
    requests = play_vertex(tmp_path, private_key)
    token, *calls = requests
    assert token.head.startswith(b"POST /token ")
    assert len(calls) == 2
    where = b"/v1beta1/projects/own-project/locations/us-east5/publishers/google/models/gemini-x"
    for seen in calls:
        assert seen.head.startswith(b"POST " + where + b":generateContent ")
        assert b"authorization: Bearer access-token-1\r\n" in seen.head


def test_a_refused_token_is_renewed_once(tmp_path, private_key):
    requests = play_vertex(tmp_path, private_key, refused=1)
    tokens = [seen for seen in requests if seen.head.startswith(b"POST /token ")]
    assert len(tokens) == 2
    assert sum(b"Bearer access-token-2" in seen.head for seen in requests) == 2
    with pytest.raises(AuthenticationError, match=r"Bearer \*\*\*") as caught:
        play_vertex(tmp_path, private_key, refused=99)
    assert "access-token" not in repr(caught.value)


@pytest.mark.parametrize("status, kind", [(400, AuthenticationError), (503, ProviderUnavailable)])
def test_no_token_is_an_error_of_its_kind(tmp_path, private_key, status, kind, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _seconds: None)  # google-auth waits between tries
    with pytest.raises(kind) as caught:
        play_vertex(tmp_path, private_key, token_status=status)
    assert "assertion=***" in str(caught.value)  # the servers quote what was sent


@pytest.mark.filterwarnings("ignore:The load_credentials_from_dict")
@pytest.mark.parametrize("text", ["", "[]", '{"type": "service_account"}', '{"type": "x"}'])
def test_a_file_that_holds_no_credentials_is_a_prerequisite(tmp_path, text):
    file = tmp_path / "account.json"
    file.write_text(text)
    with pytest.raises(PrerequisiteError, match="redentials"):
        scene(asking(), http(200, OK), model="vertex/g", key=None, credentials_file=str(file))
