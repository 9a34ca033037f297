"""Whose APIs Azure serves, as their owners recorded or published them, through Azure's rows.

Azure changes where requests go and how a key is sent; bodies and answers are those of the owners:
https://platform.claude.com/docs/en/build-with-claude/claude-in-microsoft-foundry
https://docs.mistral.ai/deployment/cloud/azure
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from modeld.errors import AuthenticationError, ModeldError, ModelNotFound
from modeld.types import ChatMessageUser, ModelOutput
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection
from modeld_daemon.providers.anthropic.adapter import build as build_anthropic
from modeld_daemon.providers.catalog import ROWS
from modeld_daemon.providers.mistral.adapter import build as build_mistral
from modeld_daemon.providers.mistral.azure import azure_root
from modeld_daemon.providers.openai.adapter import build as build_openai
from tests.fakes import recorded_mistral
from tests.fakes.aws_signature import headers_of
from tests.fakes.deltas import Deltas
from tests.fakes.entra import http
from tests.fakes.exact_server import Seen, serving
from tests.fakes.playing_anthropic import folded
from tests.fakes.playing_openai import make_call
from tests.fakes.playing_openai_responses import answer_of
from tests.fakes.recorded_anthropic import recorded_call
from tests.fakes.recorded_openai import recorded_cases, recordings_folder, replay_module
from tests.fakes.recorded_openai_responses import recorded_call as recorded_response
from tests.rpc import test_anthropic_recordings as anthropic
from tests.rpc import test_mistral_recordings as mistral
from tests.rpc import test_openai_responses_recordings as responses

APIS = ("azure.responses", "anthropic.messages", "mistral.chat")
CASES = {api: {case["id"]: case for case in recorded_cases(api)} for api in APIS}
BUILD = {
    "openai/azure": build_openai,
    "anthropic/azure": build_anthropic,
    "mistral/azure": build_mistral,
}
BY_NAME = {row.name: row for row in ROWS}
KEY = "azures-own-key"
recorded = pytest.mark.skipif(
    not all(CASES.values()), reason=f"no recorded traffic at {recordings_folder()}"
)


@pytest.fixture(scope="module")
def replay() -> Iterator[Any]:
    module = replay_module()
    folders = [recordings_folder() / api for api in APIS]
    with module.ThreadedReplayServer([folder for folder in folders if folder.exists()]) as server:
        yield server
        time.sleep(0.1)  # the server closes its ends of the connections


async def ask(
    name: str, url: str, call: Call, model: str, sink: Any, args: Any, env: Any = None
) -> ModelOutput:
    provider = BUILD[name](BY_NAME[name], Connection(url, KEY, args, env or {}))
    try:
        route = Route(name, model, Account(name, url, "f"))
        output: ModelOutput = await provider.generate(call, route, sink)
        return output
    finally:
        await provider.aclose()


# -- recordings ------------------------------------------------------------------------------


@recorded
@pytest.mark.parametrize("name", CASES["azure.responses"])
def test_a_response_goes_where_it_went_and_is_read(name, replay):
    for index, exchange in enumerate(CASES["azure.responses"][name]["exchanges"]):
        body, wanted = exchange["request"]["body"], urlsplit(exchange["request"]["url"])
        url = f"{replay.base_url(f'{name}@{index}')}{wanted.path.removesuffix('/responses')}"
        asked = recorded_response(body)
        sink = Deltas() if asked.stream else None
        version = wanted.query.partition("=")[2]
        args = {"responses_api": True, **({"api_version": version} if version else {})}
        output = asyncio.run(ask("openai/azure", url, make_call(asked), body["model"], sink, args))
        responses.check_output(output, answer_of(exchange["response"]))
        sent = replay.requests[-1]
        responses.check_request(sent["body"], body)
        assert sent["path"].endswith(wanted.path)
        assert sent["query"] == ({"api-version": version} if version else {})
        assert "api-key" in sent["headers"]
        assert "authorization" not in sent["headers"]
        if sink is not None:
            responses.check_deltas(sink, output)


@recorded
@pytest.mark.parametrize("name", CASES["anthropic.messages"])
def test_a_message_of_anthropics_is_sent_and_read_the_same(name, replay):
    exchanges = CASES["anthropic.messages"][name]["exchanges"]
    if not all(map(anthropic.sayable, exchanges)):
        pytest.skip("no caller of modeld can say this request")
    for index, exchange in enumerate(exchanges):
        body, response = exchange["request"]["body"], exchange["response"]
        asked = recorded_call(body, exchange["request"]["headers"])
        url = f"{replay.base_url(f'{name}@{index}')}/anthropic"
        sink = Deltas() if asked.stream and response["status"] < 400 else None
        asked.args["streaming"] = sink is not None
        asking = ask("anthropic/azure", url, asked.call(), body["model"], sink, asked.args)
        if response["status"] >= 400:
            with pytest.raises(anthropic.ERRORS[response["status"]]):
                asyncio.run(asking)
        else:
            output = asyncio.run(asking)
            wire = folded(response["sse"]) if "sse" in response else response["body"]
            anthropic.check_output(output, wire)
            anthropic.check_request(replay.requests[-1], exchange["request"])
            if sink is not None:
                anthropic.check_deltas(sink, output)
        sent = replay.requests[-1]
        assert sent["path"].endswith("/anthropic/v1/messages")
        assert {"x-api-key", "anthropic-version"} <= sent["headers"].keys()


@recorded
@pytest.mark.parametrize("name", CASES["mistral.chat"])
def test_a_completion_of_mistrals_is_sent_and_read_the_same(name, replay):
    for index, exchange in enumerate(CASES["mistral.chat"][name]["exchanges"]):
        body, response = exchange["request"]["body"], exchange["response"]
        asked = recorded_mistral.recorded_call(body)
        base = replay.base_url(f"{name}@{index}")
        sink = Deltas() if asked.stream else None
        asking = ask("mistral/azure", base, make_call(asked), body["model"], sink, {})
        if response["status"] >= 400:
            with pytest.raises(mistral.ERRORS[response["status"]]):
                asyncio.run(asking)
        else:
            output = asyncio.run(asking)
            wire = response.get("body") or recorded_mistral.folded(response["sse"])
            mistral.check_output(output, wire)
            if sink is not None:
                mistral.check_deltas(sink, output)
        sent = replay.requests[-1]
        assert recorded_mistral.normal(sent["body"]) == recorded_mistral.normal(body)
        assert sent["path"].endswith("/v1/chat/completions")
        assert "authorization" in sent["headers"]


# -- as published ----------------------------------------------------------------------------

# https://docs.mistral.ai/api/endpoint/chat, the example
COMPLETION = {
    "id": "cmpl-e5cc70bb28c444948073e77776eb30ef",
    "object": "chat.completion",
    "model": "mistral-small-latest",
    "created": 1702256327,
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Claude Monet.", "tool_calls": None},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 16, "completion_tokens": 34, "total_tokens": 50},
}
# https://platform.claude.com/docs/en/api/messages, the example
MESSAGE = {
    "id": "msg_013Zva2CMHLNnXjNJJKqJ2EF",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5-20250929",
    "content": [{"type": "text", "text": "Hi! My name is Claude."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 2095, "output_tokens": 503},
}


def play(
    name: str, path: str, *answers: tuple[int, Any], env: dict[str, str] | None = None, **args: Any
) -> tuple[ModelOutput | ModeldError, list[Seen]]:
    """One call, plain, to a server that gives these answers."""
    left = list(answers)

    async def answer(seen: Seen) -> None:
        seen.writer.write(http(*left.pop(0)))

    async def scene() -> tuple[ModelOutput | ModeldError, list[Seen]]:
        async with serving(answer) as server:
            url = f"http://127.0.0.1:{server.port}{path}"
            call = Call("1", [ChatMessageUser("Who is the best French painter?")])
            said = {"streaming": False, **args}
            try:
                return await ask(name, url, call, "my-deployment", None, said, env), server.requests
            except ModeldError as error:
                return error, server.requests

    return asyncio.run(scene())


@pytest.mark.parametrize("path", ["", "/anthropic", "/anthropic/v1", "/anthropic/v1/messages"])
def test_whatever_address_of_anthropic_people_are_shown_will_do(path):
    output, (seen,) = play("anthropic/azure", path, (200, MESSAGE))
    assert isinstance(output, ModelOutput), output
    assert output.completion == "Hi! My name is Claude."
    assert output.stop_reason == "stop"
    assert seen.head.startswith(b"POST /anthropic/v1/messages HTTP/1.1")
    assert json.loads(seen.body)["model"] == "my-deployment"
    headers = headers_of(seen)
    assert headers["x-api-key"] == KEY
    assert headers["anthropic-version"]  # whichever the SDK is made for
    assert "authorization" not in headers


@pytest.mark.parametrize(
    "path, args, target",
    [
        ("", {}, "/v1/chat/completions"),
        ("/v1", {}, "/v1/chat/completions"),
        ("/openai/v1", {}, "/openai/v1/chat/completions"),
        ("/models", {}, "/models/chat/completions?api-version=2024-05-01-preview"),
        ("/models/", {"api_version": "x"}, "/models/chat/completions?api-version=x"),
    ],
)
def test_the_address_of_mistral_says_which_api_it_is(path, args, target):
    output, (seen,) = play("mistral/azure", path, (200, COMPLETION), **args)
    assert isinstance(output, ModelOutput), output
    assert (output.completion, output.model) == ("Claude Monet.", "mistral-small-latest")
    assert output.usage is not None
    assert (output.usage.input_tokens, output.usage.output_tokens) == (16, 34)
    assert seen.head.startswith(f"POST {target} HTTP/1.1".encode())
    assert json.loads(seen.body)["model"] == "my-deployment"
    assert headers_of(seen)["authorization"] == f"Bearer {KEY}"


def test_a_resource_without_a_path_has_the_api_of_many_models():
    row = BY_NAME["mistral/azure"]
    for url in ("https://r.services.ai.azure.com", "https://r.services.ai.azure.com/models"):
        assert azure_root(row, url) == "https://r.services.ai.azure.com"
    assert azure_root(row, "https://d.eastus2.models.ai.azure.com") is None
    assert azure_root(BY_NAME["mistral"], "https://r.services.ai.azure.com") is None


@pytest.mark.parametrize(
    "path, env, args, target",
    [
        ("", {}, {}, "/openai/deployments/my-deployment/chat/completions?api-version=2025-03-01-preview"),
        ("/openai/v1", {}, {}, "/openai/v1/chat/completions"),
        ("", {"OPENAI_API_VERSION": "v1"}, {}, "/openai/v1/chat/completions"),
        ("", {}, {"api_version": "latest"}, "/openai/v1/chat/completions"),
        ("/openai/deployments/d", {}, {}, "/openai/deployments/d/chat/completions?api-version=2025-03-01-preview"),
    ],
)  # fmt: skip
def test_the_version_says_which_api_of_openai_is_asked(path, env, args, target):
    output, (seen,) = play("openai/azure", path, (200, COMPLETION), env=env, **args)
    assert isinstance(output, ModelOutput), output
    assert seen.head.startswith(f"POST {target} HTTP/1.1".encode())
    assert headers_of(seen)["api-key"] == KEY


# https://learn.microsoft.com/azure/ai-foundry/openai/reference: Azure's gateway answers for all
REFUSED = {"error": {"code": "401", "message": "Access denied due to invalid subscription key."}}
MISSING = {"error": {"code": "DeploymentNotFound", "message": "The deployment does not exist."}}


@pytest.mark.parametrize("name", BUILD)
@pytest.mark.parametrize("status, body, kind", [(401, REFUSED, AuthenticationError), (404, MISSING, ModelNotFound)])  # fmt: skip
def test_what_azures_gateway_refuses_is_an_error_of_its_kind(name, status, body, kind):
    error, _ = play(name, "", (status, body))
    assert isinstance(error, kind), error
    assert body["error"]["message"] in error.message
    assert error.status == status
