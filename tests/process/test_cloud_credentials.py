"""Shells with credentials of clouds, a real daemon, and an API that sees who asks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.aws_signature import check_signed, headers_of
from tests.fakes.entra import Authority, authority, http
from tests.fakes.exact_server import Seen, serving
from tests.fakes.programs import Program, daemon_pid
from tests.fakes.tls import Certificate, make_certificate

pytestmark = pytest.mark.beside

ASKING = """
import sys
from modeld import get_model

model = get_model(sys.argv[1])
for line in sys.stdin:
    print(model.generate_sync(line.strip()).completion, flush=True)
"""
CHAT = {"id": "1", "model": "m", "choices": [
    {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
]}  # fmt: skip
ROUNDS = 5


@contextlib.contextmanager
def cloud(certificate: Certificate) -> Iterator[tuple[str, list[Seen], Authority]]:
    """An API and an authority in a thread: the API's URL, what it was asked, and the authority."""
    ready, found = threading.Event(), []

    async def api(seen: Seen) -> None:
        seen.writer.write(http(200, CHAT))

    async def live() -> None:
        leave = asyncio.Event()
        async with authority(certificate) as there, serving(api) as server:
            found.extend([asyncio.get_running_loop(), leave, server, there])
            ready.set()
            await leave.wait()

    thread = threading.Thread(target=asyncio.run, args=(live(),))
    thread.start()
    assert ready.wait(10)
    loop, leave, server, there = found
    try:
        yield f"http://127.0.0.1:{server.port}/v1", server.requests, there
    finally:
        loop.call_soon_threadsafe(leave.set)
        thread.join(10)


def asked(seen: Seen) -> str:
    return str(json.loads(seen.body)["messages"][0]["content"])


def interleave(model: str, shells: dict[str, dict[str, str]]) -> None:
    """Each shell asks in turn, with a question that says which one it is."""
    with contextlib.ExitStack() as stack:
        running = {
            name: stack.enter_context(Program(ASKING, model, **variables))
            for name, variables in shells.items()
        }
        for number in range(ROUNDS):
            for name, shell in running.items():
                shell.tell(f"{name} {number}")
            for shell in running.values():
                assert shell.hear() == "hi"


def check_no_trace(home: Path, *secrets: str) -> None:
    """None of it is in a file of the daemon's, nor in what all can see of its process."""
    places = [path for path in home.rglob("*") if path.is_file()]
    places += [Path(f"/proc/{daemon_pid(home)}/{name}") for name in ("environ", "cmdline")]
    texts: dict[Path, Any] = {place: place.read_bytes() for place in places if place.exists()}
    for secret in secrets:
        assert [place for place, text in texts.items() if secret.encode() in text] == []


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return make_certificate(tmp_path)


def test_two_shells_with_two_keys_of_aws_sign_as_themselves(modeld_home, certificate):
    pytest.importorskip("botocore", reason="the extra bedrock is not installed")
    with cloud(certificate) as (url, requests, _):
        shells = {
            name: {
                "BEDROCK_OPENAI_BASE_URL": url,
                "AWS_ACCESS_KEY_ID": f"AKIA{name}",
                "AWS_SECRET_ACCESS_KEY": f"secret-of-aws-{name}",
                "AWS_REGION": region,
            }
            for name, region in (("one", "eu-west-1"), ("two", "us-west-2"))
        }
        interleave("openai/bedrock/gpt-oss-20b", shells)
        check_no_trace(modeld_home, "secret-of-aws-one", "secret-of-aws-two")
    assert len(requests) == 2 * ROUNDS
    for seen in requests:
        shell = shells[asked(seen).split()[0]]
        id, secret = shell["AWS_ACCESS_KEY_ID"], shell["AWS_SECRET_ACCESS_KEY"]
        check_signed(seen, id, secret, shell["AWS_REGION"], "bedrock-mantle")


def test_two_shells_with_two_clients_of_entra_ask_with_their_own_tokens(modeld_home, certificate):
    pytest.importorskip("azure.identity", reason="the extra azure is not installed")
    with cloud(certificate) as (url, requests, there):
        shells = {
            name: {
                **there.environment,
                "AZUREAI_BASE_URL": url,
                "AZURE_TENANT_ID": f"tenant-{name}",
                "AZURE_CLIENT_ID": name,
                "AZURE_CLIENT_SECRET": f"secret-of-entra-{name}",
            }
            for name in ("one", "two")
        }
        interleave("azureai/m", shells)
        tokens = [f"token-{name}-{number}" for name in shells for number in (1, 2)]
        secrets = ("secret-of-entra-one", "secret-of-entra-two")
        check_no_trace(modeld_home, *secrets, *tokens)
    assert len(requests) == 2 * ROUNDS
    for seen in requests:
        name = asked(seen).split()[0]
        assert headers_of(seen)["authorization"].startswith(f"Bearer token-{name}-")
    pairs = sorted((form["client_id"], form["client_secret"]) for form in there.asked)
    assert pairs == [("one", "secret-of-entra-one"), ("two", "secret-of-entra-two")]
