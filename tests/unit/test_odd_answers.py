"""Answers of servers that are nearly OpenAI's: what is there is read, and nothing of it fails."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modeld.types import (
    ChatMessageUser,
    ContentData,
    ContentReasoning,
    ContentText,
    ModelOutput,
)
from modeld_daemon.providers.openai_chat.errors import choice_error
from modeld_daemon.providers.openai_chat.messages import messages_to_wire
from modeld_daemon.providers.openai_chat.response import output_from
from modeld_daemon.providers.openai_chat.stream import ChunkFold
from modeld_daemon.providers.openai_responses.response import output_from as response_from
from tests.fakes.deltas import Deltas

# https://docs.databricks.com/aws/en/machine-learning/model-serving/query-reason-models
SUMMARY = {
    "type": "reasoning",
    "summary": [{"type": "summary_text", "text": "hm", "signature": "s"}],
}
# https://docs.mistral.ai/capabilities/reasoning
THINKING = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
TEXT = {"type": "text", "text": "Hi"}


def body(choice: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    said = {"index": 0, "finish_reason": "stop", **(choice or {})}
    if "message" not in said and "text" not in said:
        said["message"] = {"role": "assistant", "content": "Hi"}
    return {"id": "1", "model": "m", "choices": [said], **more}


def message(**said: Any) -> dict[str, Any]:
    return body({"message": {"role": "assistant", "content": "Hi", **said}})


def streamed(whole: dict[str, Any]) -> tuple[ModelOutput, Deltas]:
    """The same as one chunk of a stream."""
    deltas = Deltas()
    fold = ChunkFold(deltas)
    choices = [
        {"delta" if name == "message" else name: value for name, value in choice.items()}
        for choice in whole.get("choices") or ()
    ]
    fold.feed({**whole, "choices": choices})
    return output_from(fold.body()), deltas


ODD: dict[str, dict[str, Any]] = {
    "reasoning is an object": message(reasoning={"effort": "low"}),
    "reasoning is a list": message(reasoning_content=[{"type": "text", "text": "hm"}]),
    "details are a text": message(reasoning_details="hm"),
    "details have null": message(reasoning="hm", reasoning_details=[None, {"data": "x"}]),
    "details have no signature": message(reasoning_details=[{"signature": None}]),
    "annotations are a text": message(annotations="none"),
    "annotations have null": message(annotations=[None]),
    "annotations are null": message(annotations=None),
    "citations of a part": message(citations=[{"start": 0, "end": 1, "text": "H"}]),
    "citations have null": body(citations=[None, "https://a.example"]),
    "citations are objects": body(citations=[{"url": "https://a.example"}]),
    "pages without an address": body(search_results=[{"title": None}]),
    "a refusal is false": message(refusal=False),
    "a refusal is true": message(refusal=True),
    "audio is a text": message(audio="none"),
    "calls are null": message(tool_calls=None),
    "calls have null": message(tool_calls=[None]),
    "a function is null": message(tool_calls=[{"id": "c", "type": "function", "function": None}]),
    "a function has no name": message(tool_calls=[{"id": "c", "function": {"arguments": "{}"}}]),
    "arguments are null": message(tool_calls=[{"id": "c", "function": {"name": "f", "arguments": None}}]),
    "arguments are a list": message(tool_calls=[{"id": "c", "function": {"name": "f", "arguments": [1]}}]),
    "the old call is null": message(function_call=None),
    "usage is null": body(usage=None),
    "counters are null": body(usage={"prompt_tokens": None, "completion_tokens": None}),
    "details of usage are null": body(usage={"prompt_tokens": 1, "prompt_tokens_details": None}),
    "details of usage are a list": body(usage={"prompt_tokens": 1, "prompt_tokens_details": [1]}),
    "a counter is a text": body(usage={"prompt_tokens": "1", "completion_tokens": "many"}),
    "a cost is a text": body(usage={"prompt_tokens": 1, "cost": "0.1"}),
    "the role is null": message(role=None),
    "the index is null": body({"index": None}),
    "the reason is null": body({"finish_reason": None}),
    "details of the end are null": body({"finish_details": None, "content_filter_results": None}),
    "a filter is null": body({"content_filter_results": {"hate": None}}),
    "log probabilities are empty": body({"logprobs": {"content": None}}),
    "the model is null": body(model=None),
    "the error is null": body(error=None),
}  # fmt: skip


@pytest.mark.parametrize("whole", ODD.values(), ids=ODD)
def test_what_is_odd_beside_the_text_costs_nothing(whole):
    assert choice_error(whole) is None
    plain = output_from(json.loads(json.dumps(whole)))
    assert "Hi" in plain.completion
    assert ModelOutput.from_dict(plain.to_dict()) == plain
    again, deltas = streamed(json.loads(json.dumps(whole)))
    assert again.completion == "".join(deltas.texts) == plain.completion
    assert [call.arguments for call in again.message.tool_calls or ()] == [
        call.arguments for call in plain.message.tool_calls or ()
    ]
    messages_to_wire([ChatMessageUser("hi"), plain.message], "system", "all")  # it goes back


def test_odd_members_are_kept():
    for value in ({"a": 1}, [{"a": 1}]):
        parts = output_from(message(reasoning=value)).message.content
        assert ContentData({"reasoning": value}, internal={"source": "message_member"}) in parts


def test_counters_are_read_from_texts_and_floats():
    usage = output_from(
        body(usage={"prompt_tokens": "5", "completion_tokens": 2.0, "total_tokens": 7.0})
    ).usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (5, 2, 7)


def test_no_choice_is_an_empty_answer_and_null_is_no_answer():
    assert output_from({"id": "1", "model": "m", "choices": []}).empty
    for choices in (None, [None]):
        assert choice_error({"choices": choices}) is None
        with pytest.raises((TypeError, AttributeError)):  # which the caller is told as garbage
            output_from({"id": "1", "model": "m", "choices": choices})
    assert output_from(ChunkFold(None).body()).empty


def test_a_choice_may_be_a_text():
    assert output_from(body({"text": "Hi"})).completion == "Hi"
    assert output_from(body({"message": None})).completion == ""


# -- a content that is a list ----------------------------------------------------------------


@pytest.mark.parametrize("thoughts", [SUMMARY, THINKING])
def test_thoughts_may_be_a_part_of_the_content(thoughts):
    plain = output_from(message(content=[thoughts, TEXT]))
    reasoning, text = plain.message.content
    assert isinstance(reasoning, ContentReasoning)
    assert (reasoning.reasoning, text) == ("hm", ContentText("Hi"))
    again, deltas = streamed(message(content=[thoughts, TEXT]))
    assert again.message.content == plain.message.content
    assert (deltas.thoughts, deltas.texts) == (["hm"], ["Hi"])
    sent = messages_to_wire([plain.message], "system", "all")
    assert sent == [{"role": "assistant", "content": [thoughts, TEXT]}]
    assert messages_to_wire([plain.message], "system", "none")[0]["content"] == "Hi"


def test_a_list_grows_in_a_stream():
    deltas = Deltas()
    fold = ChunkFold(deltas)
    pieces: list[Any] = [
        [{"type": "thinking", "thinking": [{"type": "text", "text": "h"}]}],
        [{"type": "thinking", "thinking": [{"type": "text", "text": "m"}]}],
        [{"type": "text", "text": "H"}],
        "i",
        [{"type": "reference", "reference_ids": [1]}],
        [{"type": "text", "text": "there"}],
    ]
    for piece in pieces:
        fold.feed({"id": "1", "choices": [{"index": 0, "delta": {"content": piece}}]})
    output = output_from(fold.body())
    assert [part.type for part in output.message.content] == ["reasoning", "text", "data", "text"]
    assert output.message.content[0].reasoning == "".join(deltas.thoughts) == "hm"
    assert output.completion == "".join(deltas.texts) == "Hi\nthere"


def test_texts_of_a_list_may_be_bare():
    assert output_from(message(content=["a", None, {"type": "output_text", "text": "b"}, 5])).message.content == [
        ContentText("a"), ContentText("b"), ContentData({"content": 5})
    ]  # fmt: skip


# -- reasoning_details alone -----------------------------------------------------------------


def test_details_are_the_thoughts_where_there_is_nothing_else():
    details = [
        {"type": "reasoning.summary", "summary": "h", "index": 0},
        {"type": "reasoning.text", "text": "m", "index": 1},
        {"type": "reasoning.encrypted", "data": "xyz", "index": 2},
    ]
    plain = output_from(message(reasoning_details=details))
    again, deltas = streamed(message(reasoning_details=details))
    for output in (plain, again):
        thoughts = output.message.content[0]
        assert isinstance(thoughts, ContentReasoning)
        assert (thoughts.reasoning, thoughts.redacted) == ("hm", False)
        sent = messages_to_wire([output.message], "system", "all")[0]
        assert sent["reasoning_details"] == details
    assert deltas.thoughts == ["hm"]
    _, told = streamed(message(reasoning="hm", reasoning_details=details))
    assert told.thoughts == ["hm"]


# -- Responses -------------------------------------------------------------------------------


SAID = {"type": "message", "id": "i", "role": "assistant", "content": "Hi"}
PART = {"type": "output_text", "text": "Hi", "annotations": []}


@pytest.mark.parametrize(
    "items, more",
    [
        ([SAID], {}),
        ([{**SAID, "content": [None, PART]}], {}),
        ([{**SAID, "content": [{**PART, "annotations": [None]}]}], {}),
        ([{**SAID, "content": [{**PART, "annotations": None, "logprobs": None}]}], {}),
        ([{**SAID, "content": [PART, {"type": "refusal", "refusal": None}]}], {}),
        ([{"type": "reasoning", "id": "r", "summary": "hm", "content": "hm"}, SAID], {}),
        ([{"type": "reasoning", "id": "r", "summary": None, "content": [None]}, SAID], {}),
        ([SAID], {"usage": {"input_tokens": 1, "input_tokens_details": [1]}}),
        ([SAID], {"usage": {"input_tokens": None, "output_tokens_details": None}}),
        ([SAID], {"incomplete_details": None, "content_filters": None, "error": None}),
    ],
)
def test_responses_of_nearly_the_same_shape_are_read(items, more):
    output = response_from(
        {"id": "1", "model": "m", "status": "completed", "output": items, **more}
    )
    assert output.completion == "Hi"
    assert ModelOutput.from_dict(output.to_dict()) == output


def test_a_call_without_an_id_of_its_own_has_its_items():
    item = {"type": "function_call", "id": "fc_1", "name": "f", "arguments": {"a": 1}}
    (call,) = response_from({"output": [item]}).message.tool_calls or ()
    assert (call.id, call.arguments) == ("fc_1", {"a": 1})
