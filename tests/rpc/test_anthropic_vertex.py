"""Anthropic's messages on Vertex AI, with a service account, against a server of the test's."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from modeld.errors import PrerequisiteError
from modeld.types import ChatMessageUser
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection
from modeld_daemon.providers.anthropic.adapter import build
from modeld_daemon.providers.catalog import ROWS
from tests.fakes.exact_server import Seen, serving

pytest.importorskip("google.auth", reason="the extra google is not installed")
serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")

ROW = next(row for row in ROWS if row.name == "anthropic/vertex")
OK = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "content": [{"type": "text", "text": "hi"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


def http(body: Any) -> bytes:
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(data)}"
    return f"{head}\r\n\r\n".encode() + data


def play(tmp_path: Path, *, count: bool = False, **environment: str) -> tuple[Any, list[Seen]]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    account = {
        "type": "service_account",
        "project_id": "own-project",
        "client_email": "a@b",
        "private_key": key.private_bytes(*pem, serialization.NoEncryption()).decode(),
    }

    async def scene() -> tuple[Any, list[Seen]]:
        async def answer(seen: Seen) -> None:
            token = {"access_token": "a-token", "expires_in": 3600}
            body = {"input_tokens": 7} if b"/count-tokens:" in seen.head else OK
            seen.writer.write(http(token if seen.head.startswith(b"POST /token ") else body))

        async with serving(answer) as server:
            url = f"http://127.0.0.1:{server.port}"
            file = tmp_path / "account.json"
            file.write_text(json.dumps({**account, "token_uri": f"{url}/token"}))
            env = {"GOOGLE_APPLICATION_CREDENTIALS": str(file), **environment}
            provider = build(ROW, Connection(url, None, {"streaming": False}, env))
            try:
                call = Call("1", [ChatMessageUser("hello")])
                route = Route(ROW.name, "claude-sonnet-4-5", Account(ROW.name, url, "f"))
                if count:
                    return await provider.count_tokens(call, route), server.requests
                return await provider.generate(call, route, None), server.requests
            finally:
                await provider.aclose()

    return asyncio.run(scene())


def test_a_message_goes_to_the_model_of_the_region(tmp_path):
    output, (_, seen) = play(tmp_path, ANTHROPIC_VERTEX_REGION="europe-west1")
    assert output.completion == "hi"
    place = b"/projects/own-project/locations/europe-west1/publishers/anthropic/models/"
    assert seen.head.startswith(b"POST " + place + b"claude-sonnet-4-5:rawPredict HTTP/1.1")
    assert b"authorization: Bearer a-token\r\n" in seen.head
    body = json.loads(seen.body)
    assert body["anthropic_version"] == "vertex-2023-10-16"
    assert "model" not in body


def test_tokens_are_counted_by_a_model_of_its_own(tmp_path):
    counted, (_, seen) = play(tmp_path, count=True, ANTHROPIC_VERTEX_REGION="us-east5")
    assert (counted.tokens, counted.estimated) == (7, False)
    place = b"/projects/own-project/locations/us-east5/publishers/anthropic/models/"
    assert seen.head.startswith(b"POST " + place + b"count-tokens:rawPredict HTTP/1.1")
    body = json.loads(seen.body)
    assert (body["model"], body["anthropic_version"]) == ("claude-sonnet-4-5", "vertex-2023-10-16")
    assert body["messages"] == [{"role": "user", "content": "hello"}]
    assert "max_tokens" not in body


def test_a_missing_region_names_the_variable(tmp_path):
    with pytest.raises(PrerequisiteError, match="ANTHROPIC_VERTEX_REGION"):
        play(tmp_path)
