"""A token that a server refuses before its end: another one is fetched, and the request sent again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from modeld.errors import AuthenticationError, ModeldError, ProviderUnavailable
from modeld.types import ChatMessageUser
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection
from modeld_daemon.providers.anthropic.adapter import build as build_anthropic
from modeld_daemon.providers.mistral.adapter import build as build_mistral
from modeld_daemon.providers.openai.adapter import build as build_openai
from modeld_daemon.providers.openai_chat.adapter import build as build_chat
from tests.fakes.deltas import Deltas
from tests.fakes.entra import Authority, Form, authority, gives, headers_of, http
from tests.fakes.exact_server import Seen, Server, all_ended, serving
from tests.fakes.recorded_rows import row_of
from tests.fakes.tls import Certificate, make_certificate

pytest.importorskip("azure.identity", reason="the extra azure is not installed")

CLIENT = {
    "AZURE_TENANT_ID": "t",
    "AZURE_CLIENT_ID": "of-a-client",
    "AZURE_CLIENT_SECRET": "a-secret",
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
MODELS = {"data": [{"id": "m"}]}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


def refusing(*tokens: str) -> Callable[[Seen], Coroutine[Any, Any, None]]:
    """An API that takes every token but these."""

    async def answer(seen: Seen) -> None:
        said = headers_of(seen)
        given = said.get("authorization", "").removeprefix("Bearer ")
        if given in tokens or said.get("api-key") in tokens:
            refusal = {"error": {"code": "401", "message": f"no such token: {given}"}}
            seen.writer.write(http(401, refusal))
            return
        path = seen.head.split(b" ", 2)[1]
        counts = {"input_tokens": 7} if b"count_tokens" in path else MESSAGE
        body = MODELS if b"/models?" in path or path.endswith(b"/models") else CHAT
        seen.writer.write(http(200, counts if b"/messages" in path else body))

    return answer


async def generate(provider: Any, name: str, sink: Deltas | None = None) -> Any:
    call = Call("1", [ChatMessageUser("hello")])
    return await provider.generate(call, Route(name, "m", Account(name, None, "f")), sink)


async def count(provider: Any, name: str) -> Any:
    call = Call("1", [ChatMessageUser("hello")])
    return await provider.count_tokens(call, Route(name, "m", Account(name, None, "f")))


def play(
    certificate: Certificate,
    *refused: str,
    name: str = "azureai",
    ask: Callable[[Any, str], Coroutine[Any, Any, Any]] = generate,
    gives: Callable[[Form, int], tuple[int, Any]] = gives,
    key: str | None = None,
    calls: int = 1,
) -> tuple[Any, Server, Authority]:
    """What calls at once get, of one session with a client's secret."""

    async def scene() -> tuple[Any, Server, Authority]:
        api = refusing(*refused)
        async with authority(certificate, gives) as there, serving(api) as server:
            path = {"anthropic/azure": "/anthropic"}.get(name, "")
            url = f"http://127.0.0.1:{server.port}{path}"
            connection = Connection(url, key, {}, {**there.environment, **CLIENT})
            provider = BUILD[name](row_of(name), connection)
            try:
                asked = (ask(provider, name) for _ in range(calls))
                return (await all_ended(asked))[0], server, there
            except ModeldError as error:
                return error, server, there
            finally:
                await provider.aclose()

    return asyncio.run(scene())


def sent(server: Server) -> list[str]:
    return [headers_of(seen)["authorization"].removeprefix("Bearer ") for seen in server.requests]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", BUILD)
def test_a_request_is_sent_again_with_another_token(certificate, name, streamed):
    heard = Deltas() if streamed else None
    output, server, there = play(
        certificate,
        "token-of-a-client-1",
        name=name,
        ask=lambda provider, name: generate(provider, name, heard),
    )
    assert output.completion == "hi"
    assert sent(server) == ["token-of-a-client-1", "token-of-a-client-2"]
    assert len(there.asked) == 2
    assert len({seen.body for seen in server.requests}) == 1
    assert len({seen.head.split(b"\r\n")[0] for seen in server.requests}) == 1
    assert heard is None or heard.texts == ["hi"]


@pytest.mark.parametrize("name", BUILD)
def test_a_list_of_models_too(certificate, name):
    listed, server, _ = play(
        certificate, "token-of-a-client-1", name=name, ask=lambda provider, _: provider.models()
    )
    assert [model.name for model in listed] == [f"{name}/m"]
    assert sent(server) == ["token-of-a-client-1", "token-of-a-client-2"]


def test_a_count_of_tokens_too(certificate):
    counted, server, _ = play(certificate, "token-of-a-client-1", name="anthropic/azure", ask=count)
    assert (counted.tokens, counted.estimated) == (7, False)
    assert sent(server) == ["token-of-a-client-1", "token-of-a-client-2"]


@pytest.mark.parametrize("name", BUILD)
def test_a_second_refusal_is_the_callers(certificate, name):
    error, server, there = play(
        certificate, *(f"token-of-a-client-{n}" for n in range(9)), name=name
    )
    assert isinstance(error, AuthenticationError)
    assert sent(server) == ["token-of-a-client-1", "token-of-a-client-2"]
    assert len(there.asked) == 2
    assert "token-of" not in error.message


def test_calls_that_are_refused_at_once_share_the_other_token(certificate):
    output, server, there = play(certificate, "token-of-a-client-1", calls=20)
    assert output.completion == "hi"
    assert sorted(sent(server)) == ["token-of-a-client-1"] * 20 + ["token-of-a-client-2"] * 20
    assert len(there.asked) == 2


def test_a_token_that_is_the_same_is_not_tried_again(certificate):
    error, server, there = play(
        certificate, "token-of-a-client-1", gives=lambda form, _: gives(form, 1)
    )
    assert isinstance(error, AuthenticationError)
    assert sent(server) == ["token-of-a-client-1"]
    assert len(there.asked) == 2


def test_an_authority_in_trouble_is_told(certificate):
    def once(form: Form, number: int) -> tuple[int, Any]:
        return gives(form, number) if number == 1 else (503, {"error": "busy"})

    error, server, _ = play(certificate, "token-of-a-client-1", gives=once)
    assert isinstance(error, ProviderUnavailable)
    assert sent(server) == ["token-of-a-client-1"]


@pytest.mark.parametrize("name", BUILD)
def test_a_key_is_refused_once(certificate, name):
    error, server, there = play(certificate, "a-key-0123456789", name=name, key="a-key-0123456789")
    assert isinstance(error, AuthenticationError)
    assert len(server.requests) == 1
    assert there.asked == []


def test_a_token_of_the_callers_own_is_not_replaced(certificate):
    async def ask(provider: Any, name: str) -> Any:
        call = Call("1", [ChatMessageUser("hello")])
        call.config = call.config.merge({"extra_headers": {"Authorization": "Bearer of-mine"}})
        return await provider.generate(call, Route(name, "m", Account(name, None, "f")), None)

    for name in BUILD:
        error, server, _ = play(certificate, "of-mine", name=name, ask=ask)
        assert isinstance(error, AuthenticationError)
        assert sent(server) == ["of-mine"]


# -- Google Cloud ----------------------------------------------------------------------------


@pytest.mark.parametrize("refused, sent_tokens", [(1, ["1", "2"]), (9, ["1", "2"])])
@pytest.mark.parametrize("streamed", [False, True])
def test_claude_on_vertex_renews_its_token_too(tmp_path: Path, refused, sent_tokens, streamed):
    pytest.importorskip("google.auth", reason="the extra google is not installed")
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    row = row_of("anthropic/vertex")
    given: list[str] = []
    revoked = [str(number) for number in range(1, refused + 1)]
    heard = Deltas() if streamed else None

    async def answer(seen: Seen) -> None:
        if seen.head.startswith(b"POST /token "):
            given.append(str(len(given) + 1))
            token = {"access_token": given[-1], "expires_in": 3600, "token_type": "Bearer"}
            seen.writer.write(http(200, token))
        else:
            await refusing(*revoked)(seen)

    async def scene() -> tuple[Any, list[str]]:
        async with serving(answer) as server:
            url = f"http://127.0.0.1:{server.port}"
            account = {
                "type": "service_account",
                "project_id": "p",
                "client_email": "a@b",
                "private_key": key.decode(),
                "token_uri": f"{url}/token",
            }
            file = tmp_path / "account.json"
            file.write_text(json.dumps(account))
            where = {"ANTHROPIC_VERTEX_REGION": "us-east5"}
            environment = {"GOOGLE_APPLICATION_CREDENTIALS": str(file), **where}
            provider = build_anthropic(row, Connection(f"{url}/messages", None, {}, environment))
            found: Any
            try:
                found = await generate(provider, row.name, heard)
            except ModeldError as error:
                found = error
            finally:
                await provider.aclose()
            asked = [seen for seen in server.requests if b"POST /token " not in seen.head]
            return found, [headers_of(seen)["authorization"][7:] for seen in asked]

    found, tokens = asyncio.run(scene())
    assert tokens == sent_tokens
    assert given == ["1", "2"]
    if refused == 1:
        assert found.completion == "hi"
    else:
        assert isinstance(found, AuthenticationError)
