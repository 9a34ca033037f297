"""What a model says about itself, and tokens of tools."""

from __future__ import annotations

import asyncio

import pytest

from modeld.handle import Model
from modeld.model import ModelName
from modeld.spec import ModelSpec
from modeld.tool import tool
from tests.fakes.scripted import scripted


@pytest.mark.parametrize(
    "name, canonical",
    [
        ("openai/gpt-4o", "openai/gpt-4o"),
        ("openai/azure/gpt-4o", "openai/gpt-4o"),
        ("anthropic/bedrock/claude-3-5-haiku", "anthropic/claude-3-5-haiku"),
        ("google/vertex/gemini-2.0-flash", "google/gemini-2.0-flash"),
        ("openai-api/here/azure/m", "here/azure/m"),
        ("hf/openai-community/gpt2", "openai-community/gpt2"),
        ("openai/gpt/4", "openai/gpt/4"),
    ],
)
def test_the_canonical_name_is_that_of_the_maker(name, canonical):
    model = Model(ModelSpec(name))
    assert model.canonical_name() == model.input_tokens_name() == canonical


def test_a_model_name_equals_each_part_of_it():
    name = ModelName(Model(ModelSpec("openai/azure/gpt-4o")))
    assert (name.api, name.name, str(name)) == ("openai", "azure/gpt-4o", "openai/azure/gpt-4o")
    assert name == "gpt-4o"
    assert name == "openai/azure/gpt-4o"
    assert name != "gpt-5"


@tool
def add():
    async def execute(x: int) -> int:
        """Adds one.

        Args:
            x: A number.
        """
        return x + 1

    return execute


def test_tokens_of_tools_are_counted_as_the_model_is_told_of_them():
    model = scripted()
    assert asyncio.run(model.count_tool_tokens([])) == 0
    one = asyncio.run(model.count_tool_tokens([add()]))
    assert one > asyncio.run(model.count_tokens("Adds one. A number."))
    assert asyncio.run(model.count_tool_tokens([add(), add()])) > 1.5 * one
