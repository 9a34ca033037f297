"""Tools in words: what a model is told, and how what it writes is read."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeld.errors import InvalidRequest
from modeld.types import (
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    ContentImage,
    ContentReasoning,
    ContentText,
    GenerateConfig,
    JSONSchema,
    ModelOutput,
    ToolCall,
    ToolCallError,
    ToolFunction,
    ToolInfo,
    ToolParams,
)
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection
from modeld_daemon.providers.openai.adapter import build
from modeld_daemon.providers.openai.choice import check
from modeld_daemon.providers.openai_chat.options import read_options
from modeld_daemon.providers.openai_chat.quirks import read_quirks
from modeld_daemon.providers.openai_chat.request import WireRequest, build_request
from modeld_daemon.providers.openai_chat.response import output_from
from modeld_daemon.providers.openai_chat.stream import ChunkFold
from modeld_daemon.providers.openai_chat.written_calls import CallReader
from modeld_daemon.providers.profiles import openai_profile
from tests.fakes.deltas import Deltas
from tests.fakes.recorded_rows import row_of

PNG = "data:image/png;base64,aGk="
CITY = ToolParams(properties={"city": JSONSchema(type="string")}, required=["city"])
WEATHER = ToolInfo("weather", "Tells the weather", CITY)
ROME = '<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call>'
HEAD = "<|start_header_id|>assistant<|end_header_id|>"


def request(
    *messages: Any,
    model: str = "m",
    row: str = "ollama",
    args: dict[str, Any] | None = None,
    tools: list[ToolInfo] | None = None,
    tool_choice: Any = "auto",
    **config: Any,
) -> WireRequest:
    tools = [WEATHER] if tools is None else tools
    said = list(messages) or [ChatMessageUser("hi")]
    call = Call("1", said, GenerateConfig(**config), tools, tool_choice)
    return build_request(
        call,
        Route(row, model, Account(row, None, "f")),
        openai_profile(model),
        options=read_options({"emulate_tools": True} if args is None else args, {}),
        quirks=read_quirks(row_of(row).quirks, model),
        stream=False,
    )


# -- what the model is told ------------------------------------------------------------------


def test_tools_are_described_in_the_system_message_and_nowhere_else():
    made = request(ChatMessageSystem("Be brief."), ChatMessageUser("hi"))
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & made.body.keys()
    system, user = made.body["messages"]
    assert (system["role"], user) == ("system", {"role": "user", "content": "hi"})
    described = re.findall(r"<tools>\n(.*?)\n</tools>", system["content"], re.DOTALL)
    assert json.loads(described[0]) == {
        "name": "weather",
        "description": "Tells the weather",
        "parameters": CITY.to_dict(),
    }
    assert system["content"].endswith("\n\nBe brief.")
    assert '{"name": <function-name>, "arguments": <args-dict>}' in system["content"]
    assert made.warnings == []


def test_a_custom_tool_takes_a_text():
    tool = ToolInfo("shell", "Runs it", options={"custom": {"format": {"type": "text"}}})
    content = request(tools=[tool]).body["messages"][0]["content"]
    assert '"required": [\n      "input"\n    ]' in content


def test_without_tools_the_model_is_told_nothing():
    assert request(tools=[]).body["messages"] == [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize("choice, must", [("auto", False), ("any", True)])
def test_a_call_that_is_demanded_is_demanded_in_words(choice, must):
    said = request(tool_choice=choice).body["messages"][0]["content"]
    assert ("you must call a function" in said) is must
    named = request(tool_choice=ToolFunction("weather")).body["messages"][0]["content"]
    assert "you must call a function" in named


def test_calls_and_answers_of_earlier_turns_are_text():
    thoughts = ContentReasoning("hm", internal={"source": "reasoning_content"})
    call = ToolCall("c1", "weather", {"city": "Zürich"})
    wire = request(
        ChatMessageUser("hi"),
        ChatMessageAssistant([thoughts, ContentText("I look.")], tool_calls=[call]),
        ChatMessageTool("fair", tool_call_id="c1"),
        ChatMessageAssistant("", tool_calls=[call, call]),
        ChatMessageTool("", tool_call_id="c9", error=ToolCallError("timeout", "too slow")),
        ChatMessageTool([ContentText("see"), ContentImage(PNG)], tool_call_id="c1", function="w"),
        ChatMessageAssistant("It is fair."),
        tools=[],
    ).body["messages"]
    written = '<tool_call>\n{"name": "weather", "arguments": {"city": "Zürich"}}\n</tool_call>'
    assert wire[1] == {
        "role": "assistant",
        "content": f"I look.\n\n{written}",
        "reasoning_content": "hm",
    }
    first = "The function 'weather' was called. The result is:\n\nfair"
    assert wire[2] == {"role": "user", "content": first}
    assert wire[3] == {"role": "assistant", "content": f"{written}\n\n{written}"}
    second = "The function was called. The result is:\n\nError: too slow"
    assert wire[4] == {"role": "user", "content": second}
    text, picture = wire[5]["content"]
    assert text["text"].startswith("The function 'w' was called. The result is:\n\nsee\nImage")
    assert picture["type"] == "image_url"
    assert wire[6] == {"role": "assistant", "content": "It is fair."}


def test_calls_side_by_side_are_not_promised():
    assert "parallel_tool_calls" in request(parallel_tool_calls=True).warnings[0]
    assert request(parallel_tool_calls=False).warnings == []
    assert request(parallel_tool_calls=True, tools=[]).warnings == []


@pytest.mark.parametrize(
    "row, model, said, emulated",
    [
        ("ollama", "llama3", None, False),
        ("azureai", "Meta-Llama-3.1-70B", None, True),
        ("azureai", "Meta-Llama-3.1-70B", False, False),
        ("azureai", "Mistral-large", None, False),
        ("azureai", "Mistral-large", True, True),
        *((name, "m", True, True) for name in ("openai-api/x", "vllm", "sglang", "together")),
    ],
)
def test_who_decides(row, model, said, emulated):
    args = {} if said is None else {"emulate_tools": said}
    assert ("tools" not in request(row=row, model=model, args=args).body) is emulated


def test_the_argument_is_true_or_false():
    with pytest.raises(InvalidRequest, match="'emulate_tools' must be bool"):
        read_options({"emulate_tools": "yes"}, {})


@pytest.mark.parametrize("other", ["responses_api", "background"])
def test_responses_have_tools_of_their_own(other):
    connection = Connection(None, "k", {"emulate_tools": True, other: True})
    with pytest.raises(InvalidRequest):
        check(row_of("openai"), "gpt-5", connection)


def test_a_model_of_the_responses_api_takes_chat_completions_where_tools_are_emulated():
    provider = build(row_of("openai"), Connection(None, "k", {"emulate_tools": True}))
    assert provider._asked is False


# -- what the model writes -------------------------------------------------------------------


def answer(text: str, reason: str = "stop", **message: Any) -> ModelOutput:
    said = {"role": "assistant", "content": text, **message}
    choice = {"index": 0, "message": said, "finish_reason": reason}
    return output_from({"id": "r", "model": "m", "choices": [choice]}, [WEATHER], emulated=True)


def calls_of(output: ModelOutput) -> list[tuple[str, str, Any]]:
    return [(call.id, call.function, call.arguments) for call in output.message.tool_calls or ()]


def test_a_call_is_taken_out_of_the_text():
    output = answer(f"I look.\n\n{ROME}\n")
    assert calls_of(output) == [("call_r_0", "weather", {"city": "Rome"})]
    assert (output.message.content, output.stop_reason) == ("I look.", "tool_calls")


def test_calls_may_be_many_and_text_may_follow():
    output = answer(f"{ROME}{ROME.replace('tool_call', 'tool_calls')}\n and \n{ROME} so.")
    assert [id for id, _, _ in calls_of(output)] == ["call_r_0", "call_r_1", "call_r_2"]
    assert output.completion == "and\n\nso."


def test_thoughts_stay_and_are_not_read():
    output = answer(f"<think>maybe {ROME}</think>\n{ROME}")
    (thoughts,) = output.message.content
    assert isinstance(thoughts, ContentReasoning)
    assert thoughts.reasoning == f"maybe {ROME}"
    assert len(calls_of(output)) == 1
    apart = answer(ROME, reasoning_content="hm")
    assert [part.type for part in apart.message.content] == ["reasoning"]


@pytest.mark.parametrize("text", ["Hi", " a <b> \n", "<tool_cal", "</tool_call>", ""])
def test_a_text_without_a_call_is_left_as_it_is(text):
    output = answer(text)
    assert (output.completion, output.stop_reason, calls_of(output)) == (text, "stop", [])


def test_only_those_who_were_asked_for_text_are_read():
    body = {"choices": [{"message": {"content": ROME}, "finish_reason": "stop"}]}
    assert output_from(body, [WEATHER]).completion == ROME


def test_the_head_of_a_llama_turn_is_left_out():
    assert answer(f"{HEAD}\n\nI look. {HEAD}{ROME}").completion == "\n\nI look."


@pytest.mark.parametrize(
    "inside, function, words",
    [
        ('{"name": "weather", "arguments": {"city": Rome}}', "unknown", "Rome"),
        ("[1]", "unknown", "JSON object"),
        ("", "unknown", ""),
        ('{"arguments": {}}', "unknown", "'name'"),
        ('{"name": 7, "arguments": {}}', "unknown", "'name'"),
        ('{"name": "weather"}', "weather", "'arguments'"),
        ('{"name": "weather", "arguments": null}', "weather", "'arguments'"),
        ("[" * 10_000, "unknown", "nested"),
    ],
)
def test_a_call_that_cannot_be_read_is_told_back(inside, function, words):
    output = answer(f"So. <tool_call>{inside}</tool_call>")
    (call,) = output.message.tool_calls or ()
    assert (call.id, call.function, call.arguments) == ("call_r_0", function, {})
    assert call.parse_error is not None
    assert call.parse_error.startswith(f"Error parsing the following tool call:\n\n{inside}")
    assert words in call.parse_error
    assert (output.completion, output.stop_reason) == ("So.", "tool_calls")


@pytest.mark.parametrize("arguments", ['"Rome"', '"{\\"city\\": \\"Rome\\"}"'])
def test_arguments_may_be_a_text(arguments):
    output = answer(f'<tool_call>{{"name": "weather", "arguments": {arguments}}}</tool_call>')
    assert calls_of(output) == [("call_r_0", "weather", {"city": "Rome"})]


def test_a_call_without_an_end_is_one_if_it_is_whole():
    whole = ROME.removesuffix("\n</tool_call>")
    assert calls_of(answer(f"So. {whole}")) == [("call_r_0", "weather", {"city": "Rome"})]
    cut = answer(f"So. {whole[:-3]}", "length")
    assert (cut.completion, cut.stop_reason) == (f"So. {whole[:-3]}", "max_tokens")
    assert calls_of(cut) == []


def test_each_choice_has_its_own_calls():
    choices = [
        {"index": at, "message": {"content": text}, "finish_reason": "stop"}
        for at, text in enumerate((ROME, "no"))
    ]
    output = output_from({"id": "r", "choices": choices}, [WEATHER], emulated=True)
    assert [choice.stop_reason for choice in output.choices] == ["tool_calls", "stop"]


# -- streams ---------------------------------------------------------------------------------


def streamed(pieces: list[str]) -> tuple[ModelOutput, Deltas]:
    deltas = Deltas()
    fold = ChunkFold(deltas, [WEATHER])
    for piece in pieces:
        fold.feed({"id": "r", "model": "m", "choices": [{"index": 0, "delta": {"content": piece}}]})
    fold.feed({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    return output_from(fold.body(), [WEATHER], emulated=True), deltas


def test_no_piece_of_a_call_is_told_as_text():
    text = f"<think>hm</think>\nI look: a < b.\n\n{ROME}"
    output, deltas = streamed(list(text))
    assert "".join(deltas.texts) == output.completion == "I look: a < b."
    assert "".join(deltas.thoughts) == "hm"
    assert deltas.names == {"call_r_0": "weather"}
    assert deltas.calls == {"call_r_0": ['{"city":"Rome"}']}


def test_text_is_told_as_soon_as_it_is_no_tag():
    reader = CallReader("r", [WEATHER])
    assert list(reader.feed("a<")) == ["a"]
    assert list(reader.feed("tool")) == []
    assert list(reader.feed("box> b ")) == ["<toolbox> b"]
    assert list(reader.feed("c")) == [" c"]


_TOKENS = st.sampled_from(
    (
        *("<tool_call>", "</tool_call>", "<tool_calls>", "</tool_calls>", ROME, HEAD, " ", "\n"),
        *("<", "a", '{"name": "f", "arguments": {}}', "<|start_header_id|>", "<tool_", "</tool"),
    )
)


@given(st.lists(_TOKENS, max_size=8).map("".join), st.data())
def test_a_stream_says_what_the_whole_answer_says(text, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    output, deltas = streamed(pieces)
    whole = answer(text)
    assert (output.message.content, output.stop_reason) == (
        whole.message.content,
        whole.stop_reason,
    )
    assert output.message.tool_calls == whole.message.tool_calls
    assert "".join(deltas.texts) == whole.completion
    assert deltas.names == {id: name for id, name, _ in calls_of(whole)}
    assert {id: json.loads("".join(said)) for id, said in deltas.calls.items()} == {
        id: arguments for id, _, arguments in calls_of(whole)
    }
