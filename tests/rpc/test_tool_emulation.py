"""Tools for a server that has none, from get_model() to the server and back."""

from __future__ import annotations

import asyncio

import pytest

from modeld import errors, get_model
from modeld.tool import tool
from modeld_daemon.providers.registry import Registry
from tests.fakes.serving import House
from tests.fakes.writing_model import WritingModel

CALL = '<tool_call>\n{"name": "add", "arguments": {"x": 1, "y": 2}}\n</tool_call>'


@tool
def add():
    async def execute(x: int, y: int) -> int:
        """Adds.

        Args:
            x: One number.
            y: Another.
        """
        return x + y

    return execute


@pytest.fixture
def house(home, tmp_path):
    with House(Registry(tmp_path)) as running:
        yield running


def model_of(server: WritingModel, **args):
    return get_model("ollama/m", base_url=server.url, emulate_tools=True, memoize=False, **args)


def test_a_loop_of_tools_runs_in_words(house):
    with WritingModel(f"I add.\n{CALL}", "<tool_call>{oops}</tool_call>", "It is 3.") as server:
        model = model_of(server)
        messages, output = asyncio.run(model.generate_loop("1+2?", tools=[add()]))
    assert output.completion == "It is 3."
    first, result, second, problem, _ = messages
    assert (first.text, first.tool_calls[0].arguments) == ("I add.", {"x": 1, "y": 2})
    assert (result.text, problem.error.type) == ("3", "parsing")
    assert second.tool_calls[0].parse_error is not None
    assert not any("tools" in request for request in server.requests)
    roles = [[message["role"] for message in request["messages"]] for request in server.requests]
    turn = ["assistant", "user"]
    assert roles == [["system", "user", *turn * times] for times in range(3)]
    last = server.requests[-1]["messages"]
    assert last[2]["content"] == f"I add.\n\n{CALL}"
    assert last[3]["content"].endswith("is:\n\n3")
    assert "{oops}" in last[5]["content"]


def test_a_stream_tells_text_and_calls_apart(house):
    async def scene(server: WritingModel) -> None:
        events = [event async for event in model_of(server).stream("1+2?", tools=[add()])]
        output = events[-1].output
        texts = [event.text for event in events if event.type == "text"]
        told = [event for event in events if event.type == "tool_call"]
        calls = [(event.id, event.function, event.arguments) for event in told]
        assert "".join(texts) == output.completion == "I add 1 < 2."
        (made,) = output.message.tool_calls
        assert calls == [(made.id, "add", '{"x":1,"y":2}')]
        assert output.stop_reason == "tool_calls"
        assert server.requests[0]["stream"] is True

    with WritingModel(f"I add 1 < 2.\n{CALL}\n") as server:
        asyncio.run(scene(server))


def test_with_responses_it_is_refused_at_once(house):
    with pytest.raises(errors.InvalidRequest, match="emulate_tools"):
        get_model(
            "openai-api/x/m",
            base_url="http://127.0.0.1:9",
            api_key="key-0123456789",
            emulate_tools=True,
            responses_api=True,
        ).generate_sync("hi")
