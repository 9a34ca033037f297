"""The rows for servers of one's own, through a daemon, against a real one: llama.cpp's HTTP server with
the embedded model. It answers whichever model is named, and this model calls no tools."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modeld import Model, api, get_model, rpc
from modeld.environment import Environment
from modeld.errors import AuthenticationError
from modeld.rpc.hub import Hub
from modeld.types import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageTool,
    ChatMessageUser,
    GenerateConfig,
    JSONSchema,
    ResponseSchema,
    ToolCall,
    ToolInfo,
    ToolParams,
)
from tests.conftest import short_folder, stop_daemons
from tests.fakes.llama_server import ALIAS, LlamaServer, llama_server

pytestmark = [pytest.mark.timeout(90), pytest.mark.beside]

ROWS = ("llama-cpp-python", "ollama", "sglang", "vllm")
GREEDY = GenerateConfig(temperature=0, max_tokens=12, extra_body={"cache_prompt": False})
ROLL = ToolInfo(
    "roll",
    "Rolls a die",
    ToolParams(properties={"sides": JSONSchema(type="integer")}, required=["sides"]),
)


@pytest.fixture(scope="module")
def server() -> Iterator[LlamaServer]:
    pytest.importorskip("xllamacpp")
    home = short_folder()
    with pytest.MonkeyPatch.context() as patch, llama_server() as server:
        patch.setenv("MODELD_HOME", str(home))
        patch.delenv("MODELD_AUTOSTART", raising=False)
        patch.setattr(api, "_memo", {})
        own = Hub(Environment())
        patch.setattr(rpc, "_hubs", [own])
        for row in ROWS:
            name = row.upper().replace("-", "_")
            patch.setenv(f"{name}_BASE_URL", server.url)
            patch.setenv(f"{name}_API_KEY", server.key)
        yield server
        own.close()
    stop_daemons(home)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(params=ROWS)
def row(request: pytest.FixtureRequest, server: LlamaServer) -> str:
    name: str = request.param
    return name


@pytest.fixture
def model(row: str) -> Model:
    return get_model(f"{row}/{ALIAS}")


def test_an_answer_is_streamed_as_it_is_given_at_once(model):
    whole = model.generate_sync("Say hello", config=GREEDY)
    events = list(model.stream_sync("Say hello", config=GREEDY))
    deltas = [event.text for event in events if event.type == "text"]
    streamed = events[-1].output
    assert "".join(deltas) == whole.completion == streamed.completion != ""
    assert len(deltas) > 1
    for output in (whole, streamed):
        assert (output.model, output.stop_reason, output.error) == (ALIAS, "max_tokens", None)
        assert output.usage.output_tokens == 12
        assert output.usage.total_tokens == output.usage.input_tokens + 12 > 20
        assert "warnings" not in output.metadata


def test_a_seed_repeats_what_chance_made(model):
    def said(seed: int) -> str:
        config = GREEDY.merge(GenerateConfig(temperature=1.5, seed=seed))
        return model.generate_sync("Tell a story", config=config).completion

    assert said(1) == said(1)
    assert len({said(1), said(2), said(3)}) > 1


def test_a_stop_sequence_ends_an_answer_and_is_not_in_it(model):
    whole = model.generate_sync("Count: one, two", config=GREEDY).completion
    word = whole.split()[2]
    output = model.generate_sync(
        "Count: one, two", config=GREEDY.merge(GenerateConfig(stop_seqs=[word]))
    )
    assert output.stop_reason == "stop"
    assert output.completion == whole.partition(word)[0]


def test_log_probabilities_are_those_of_the_answer(model):
    config = GREEDY.merge(GenerateConfig(logprobs=True, top_logprobs=2))
    output = model.generate_sync("Say hello", config=config)
    logprobs = output.choices[0].logprobs.content
    assert "".join(one.token for one in logprobs) == output.completion
    for one in logprobs:
        assert one.logprob <= 0
        assert [top.token for top in one.top_logprobs][:1] == [one.token]
        assert len(one.top_logprobs) == 2


def test_a_schema_shapes_the_answer(model):
    properties = {"name": JSONSchema(type="string", enum=["Ada", "Bo"])}
    schema = JSONSchema(type="object", properties=properties, required=["name"])
    config = GREEDY.merge(
        GenerateConfig(max_tokens=40, response_schema=ResponseSchema("person", schema))
    )
    output = model.generate_sync("Who was first?", config=config)
    assert json.loads(output.completion)["name"] in ("Ada", "Bo")


def test_tools_and_what_they_gave_are_part_of_the_prompt(model):
    asked: list[ChatMessage] = [ChatMessageUser("Roll a die")]
    bare = model.generate_sync(asked, config=GREEDY)
    offered = model.generate_sync(asked, tools=[ROLL], config=GREEDY)
    assert offered.usage.input_tokens > bare.usage.input_tokens + 50
    assert offered.completion
    call = ToolCall("c1", "roll", {"sides": 6})
    asked += [
        ChatMessageAssistant("", tool_calls=[call]),
        ChatMessageTool("four", tool_call_id="c1", function="roll"),
    ]
    answered = model.generate_sync(asked, tools=[ROLL], config=GREEDY)
    assert answered.usage.input_tokens > offered.usage.input_tokens + 20
    assert answered.stop_reason in ("stop", "max_tokens")


def test_several_choices_are_several_answers(model):
    config = GREEDY.merge(GenerateConfig(num_choices=2, temperature=1.5, max_tokens=8))
    output = model.generate_sync("Tell a story", config=config)
    assert len(output.choices) == 2
    assert all(choice.message.text for choice in output.choices)


def test_a_prompt_that_is_too_long_is_a_result(model):
    output = model.generate_sync("word " * 3000, config=GREEDY)
    assert output.stop_reason == "model_length"
    assert "exceeds the available context size" in (output.error or "")


def test_tokens_are_estimated(model):
    assert 1 <= model.count_tokens_sync("Say hello") < 20


def test_a_wrong_key_is_refused_and_not_told(row):
    key = "wrong-key-0123456789"
    with pytest.raises(AuthenticationError) as refused:
        get_model(f"{row}/{ALIAS}", api_key=key).generate_sync("Say hello", config=GREEDY)
    assert refused.value.status == 401
    assert key not in str(refused.value)


def test_the_server_tells_which_models_it_has(row):
    command = [sys.executable, "-m", "modeld", "models", row, "--json"]
    listed: Any = json.loads(subprocess.check_output(command, cwd=Path("/")))
    assert [model["name"] for model in listed] == [f"{row}/{ALIAS}"]


def test_which_model_answered_is_what_the_server_says(row):
    output = get_model(f"{row}/another").generate_sync("Say hello", config=GREEDY)
    assert output.model == ALIAS
