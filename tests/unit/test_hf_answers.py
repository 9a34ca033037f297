"""What `hf/` makes of its engine's text: thoughts, calls, answers."""

from __future__ import annotations

from typing import Any

import pytest

from modeld.types import (
    ContentReasoning,
    ContentText,
    GenerateConfig,
    JSONSchema,
    ToolInfo,
    ToolParams,
)
from modeld_daemon.providers.huggingface.response import build_output
from modeld_daemon.providers.huggingface.stream import Answer
from modeld_daemon.providers.huggingface.tool_calls import ToolSplitter
from tests.fakes.deltas import Deltas

ADD = ToolInfo("add", "Adds.", ToolParams(properties={"a": JSONSchema(type="integer")}))
LOOK = ToolInfo("look", "Looks.", ToolParams(properties={"at": JSONSchema(type="string")}))


def pieces(text: str, size: int) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)]


HERMES = 'Let me see.\n\n<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>'
CALLS = {
    "hermes": (HERMES, "Let me see.", [("add", {"a": 1})]),
    "two": (
        """<tool_call>{"name": "add", "arguments": {"a": 1}}</tool_call>
        <tool_call>{"name": "look", "arguments": {"at": "it"}}</tool_call> There.""",
        "There.",
        [("add", {"a": 1}), ("look", {"at": "it"})],
    ),
    "unclosed": ('<tool_call>{"name": "add", "arguments": {"a": 1}}', "", [("add", {"a": 1})]),
    "around": (f"{HERMES}\nDone.", "Let me see.\n\nDone.", [("add", {"a": 1})]),
    "function": ('<function>{"name": "add", "parameters": {}}</function>', "", [("add", {})]),
    "fenced": (
        'So:\n```json\n{"name": "add", "arguments": {"a": 1}}\n```', "So:", [("add", {"a": 1})],
    ),
    "llama": ('{"name": "add", "parameters": {"a": 1}}', "", [("add", {"a": 1})]),
    "llama twice": (
        '{"name": "add", "parameters": {}}; {"name": "look", "parameters": {}}',
        "", [("add", {}), ("look", {})],
    ),
    "mistral": (
        '[TOOL_CALLS][{"name": "add", "arguments": {"a": 1}}]', "", [("add", {"a": 1})],
    ),
    "arguments as text": (
        '<tool_call>{"name": "add", "arguments": "{\\"a\\": 1}"}</tool_call>', "",
        [("add", {"a": 1})],
    ),
    "no call": ("a < b, and `x`\n", "a < b, and `x`\n", []),
    "an answer in JSON": ('{"name": "Bob", "age": 3}', '{"name": "Bob", "age": 3}', []),
    "a name that is a list": ('{"name": ["add"]}', '{"name": ["add"]}', []),
    "a fence that is no call": ("```json\n{}\n```", "```json\n{}\n```", []),
    "begun and not gone on": ("see <tool_", "see <tool_", []),
}  # fmt: skip


@pytest.mark.parametrize("size", [1, 3, 1000])
@pytest.mark.parametrize("name", CALLS)
def test_calls_in_a_text(name: str, size: int):
    text, rest, calls = CALLS[name]
    sink = Deltas()
    answer = Answer([ADD, LOOK], sink)
    for piece in pieces(text, size):
        answer.feed(piece)
    answer.finish()
    assert answer.text == "".join(sink.texts) == rest
    assert [(call.function, call.arguments) for call in answer.calls] == calls
    assert list(sink.names.values()) == [function for function, _ in calls]
    assert len({call.id for call in answer.calls}) == len(calls)
    assert all(len(call.id) == 9 and call.id.isalnum() for call in answer.calls)


def test_a_call_that_cannot_be_read_is_told_to_the_model():
    for body in ('{"name": "add", "arguments": {"a":', "[1]", '{"arguments": {}}'):
        splitter = ToolSplitter([ADD])
        assert splitter.feed(f"<tool_call>{body}</tool_call>") == ""
        _, (call,) = splitter.finish()
        assert call.function == "unknown"
        assert body in (call.parse_error or "")


def test_without_tools_all_is_text():
    answer = Answer([])
    answer.feed(HERMES)
    answer.finish()
    assert (answer.text, answer.calls) == (HERMES, [])


@pytest.mark.parametrize("size", [1, 4, 1000])
def test_thoughts_and_a_call(size: int):
    sink = Deltas()
    answer = Answer([ADD], sink)
    for piece in pieces(f"<think>\n<tool_call> or not?\n</think>\n\n{HERMES}", size):
        answer.feed(piece)
    answer.finish()
    assert answer.reasoning == "".join(sink.thoughts) == "<tool_call> or not?"
    assert answer.text == "Let me see."
    assert [call.function for call in answer.calls] == ["add"]


def a_result(**more: Any) -> dict[str, Any]:
    result = {"prompt_tokens": 4, "tokens": 2, "finish": "stop", "seconds": 0.5, "logprobs": []}
    return {**result, **more}


def test_an_output_of_two_choices():
    one, two = Answer([]), Answer([ADD])
    one.feed("<think>hm</think>Yes")
    two.feed(HERMES)
    one.finish()
    two.finish()
    output = build_output("a/b", [(one, a_result()), (two, a_result(tokens=9))], GenerateConfig())
    assert [choice.stop_reason for choice in output.choices] == ["stop", "tool_calls"]
    assert output.choices[0].message.content == [ContentReasoning("hm"), ContentText("Yes")]
    usage = output.usage
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (4, 11, 15)
    assert output.choices[0].logprobs is None
    cut = Answer([ADD])
    cut.feed(HERMES[:-40])
    cut.finish()
    output = build_output("a/b", [(cut, a_result(finish="max_tokens"))], GenerateConfig())
    assert output.stop_reason == "max_tokens"


def test_logprobs_of_an_output():
    told = [{"token": "Ġa", "logprob": -0.5, "top": [{"token": "b", "logprob": -0.1}]}]
    answer = Answer([])
    for config, tops in ((GenerateConfig(logprobs=True, top_logprobs=1), 1), (GenerateConfig(logprobs=True), None)):  # fmt: skip
        output = build_output("a/b", [(answer, a_result(logprobs=told))], config)
        (entry,) = output.choices[0].logprobs.content
        assert (entry.token, entry.logprob) == ("Ġa", -0.5)
        assert (entry.top_logprobs and len(entry.top_logprobs)) == tops
