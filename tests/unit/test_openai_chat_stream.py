"""Chunks of a stream: the deltas that they are, and the answer that they make."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeld.types import ContentText, ModelOutput
from modeld_daemon.core.replay import replay_output
from modeld_daemon.providers.openai_chat.response import output_from
from modeld_daemon.providers.openai_chat.stream import ChunkFold, StreamError


class Deltas:
    def __init__(self) -> None:
        self.said: list[tuple[str, ...]] = []

    def text(self, text: str) -> None:
        self.said.append(("text", text))

    def reasoning(self, reasoning: str) -> None:
        self.said.append(("reasoning", reasoning))

    def tool_call(self, id: str, function: str, arguments: str) -> None:
        self.said.append(("call", id, function, arguments))

    def queued(self, *args: Any) -> None:
        raise AssertionError

    def joined(self, kind: str) -> str:
        return "".join(said[1] for said in self.said if said[0] == kind)


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> Any:
    made = {"id": "r1", "model": "m", "object": "chat.completion.chunk", "obfuscation": "x"}
    if delta is not None:
        made["choices"] = [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {"choices": [], **made, **more}


def fold(*chunks: Any) -> tuple[ModelOutput, Deltas]:
    deltas = Deltas()
    folding = ChunkFold(deltas)
    for one in chunks:
        folding.feed(one)
    return output_from(folding.body()), deltas


def call(index: int | None, id: str | None = None, name: str | None = None, text: str = "") -> Any:
    delta: dict[str, Any] = {"function": {"arguments": text}}
    if index is not None:
        delta["index"] = index
    if id is not None:
        delta |= {"id": id, "type": "function"}
    if name is not None:
        delta["function"]["name"] = name
    return chunk({"tool_calls": [delta]})


def test_text_grows():
    output, deltas = fold(
        chunk({"role": "assistant", "content": "", "refusal": None}),
        chunk({"content": "Hel"}),
        chunk({"content": "lo"}),
        chunk({}, "stop"),
        chunk(usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}),
    )
    assert deltas.said == [("text", "Hel"), ("text", "lo")]
    assert (output.completion, output.stop_reason, output.response_id) == ("Hello", "stop", "r1")
    assert output.usage is not None
    assert output.usage.total_tokens == 3
    assert output.metadata is None


def test_calls_grow_side_by_side():
    output, deltas = fold(
        call(0, "c1", "one", ""),
        call(0, text='{"a"'),
        call(1, "c2", "two", '{"b"'),
        call(0, text=":1}"),
        call(1, text=":2}"),
        chunk({}, "tool_calls"),
    )
    assert [(c.id, c.function, c.arguments) for c in output.message.tool_calls or []] == [
        ("c1", "one", {"a": 1}),
        ("c2", "two", {"b": 2}),
    ]
    assert deltas.said == [
        ("call", "c1", "one", ""),
        ("call", "c1", "", '{"a"'),
        ("call", "c2", "two", '{"b"'),
        ("call", "c1", "", ":1}"),
        ("call", "c2", "", ":2}"),
    ]


@pytest.mark.parametrize("index", [None, 0])
def test_calls_of_servers_without_good_indices_are_told_apart_by_id(index):
    output, _ = fold(
        call(index, "c1", "one", "{}"), call(index, "c2", "two", "{"), call(index, None, None, "}")
    )
    assert [(c.id, c.function) for c in output.message.tool_calls or []] == [
        ("c1", "one"),
        ("c2", "two"),
    ]
    assert all(c.parse_error is None for c in output.message.tool_calls or [])


@pytest.mark.parametrize("index", [None, 0])
def test_a_piece_with_an_id_of_its_own_but_no_name_goes_on_with_its_call(index):
    """vLLM made up an id for each: https://github.com/vllm-project/vllm (DeltaToolCall)."""
    output, deltas = fold(call(index, "c1", "one", '{"a"'), call(index, "c2", None, ":1}"))
    (made,) = output.message.tool_calls or []
    assert (made.id, made.function, made.arguments) == ("c1", "one", {"a": 1})
    assert deltas.said == [("call", "c1", "one", '{"a"'), ("call", "c1", "", ":1}")]


def test_a_call_without_an_id_gets_the_same_one_as_in_a_plain_answer():
    output, deltas = fold(call(0, None, "one", "{}"))
    (made,) = output.message.tool_calls or []
    plain = {"tool_calls": [{"function": {"name": "one", "arguments": "{}"}}]}
    whole = output_from({"id": "r1", "choices": [{"message": plain}]})
    assert made.id == deltas.said[0][1] == (whole.message.tool_calls or [made])[0].id


def test_a_custom_call_grows():
    first = {"index": 0, "id": "c1", "type": "custom", "custom": {"name": "sql", "input": "sel"}}
    output, deltas = fold(
        chunk({"tool_calls": [first]}),
        chunk({"tool_calls": [{"index": 0, "custom": {"input": "ect"}}]}),
    )
    (made,) = output.message.tool_calls or []
    assert (made.type, made.arguments) == ("custom", {"input": "select"})
    assert deltas.said == [("call", "c1", "sql", "sel"), ("call", "c1", "", "ect")]


def test_an_old_function_call_grows():
    output, _ = fold(
        chunk({"function_call": {"name": "f", "arguments": '{"a":'}}),
        chunk({"function_call": {"arguments": "1}"}}),
        chunk({}, "function_call"),
    )
    (made,) = output.message.tool_calls or []
    assert (made.function, made.arguments, output.stop_reason) == ("f", {"a": 1}, "tool_calls")


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_thoughts_grow(field):
    output, deltas = fold(chunk({field: "h"}), chunk({field: "m"}), chunk({"content": "yes"}))
    assert (deltas.joined("reasoning"), deltas.joined("text")) == ("hm", "yes")
    assert output.completion == "yes"


def test_thoughts_that_come_twice_are_told_once():
    both = {"reasoning": "hm", "reasoning_content": "hm"}
    _, deltas = fold(chunk(both), chunk(both))
    assert deltas.joined("reasoning") == "hmhm"


def test_tagged_thoughts_are_thoughts():
    pieces = ["<th", "ink>\nh", "m\n", "</thi", "nk>\n", "\nyes", " <think>"]
    output, deltas = fold(*(chunk({"content": piece}) for piece in pieces))
    assert (deltas.joined("reasoning"), deltas.joined("text")) == ("hm", "yes <think>")
    assert output.completion == "yes <think>"


def test_a_refusal_is_text():
    output, deltas = fold(chunk({"refusal": "I "}), chunk({"refusal": "can't."}))
    assert output.message.content == [ContentText("I can't.", refusal=True)]
    assert deltas.joined("text") == output.completion == "I can't."
    output, deltas = fold(chunk({"content": "Well."}), chunk({"refusal": "No."}))
    assert deltas.joined("text") == output.completion == "Well.\nNo."


def test_only_the_first_choice_is_told():
    def of(index: int, text: str, finish: str | None = None) -> Any:
        choice = {"index": index, "delta": {"content": text}, "finish_reason": finish}
        return chunk(None, choices=[choice])

    output, deltas = fold(of(1, "b"), of(0, "a"), of(1, "B", "length"), of(0, "A", "stop"))
    assert deltas.joined("text") == "aA"
    assert [c.message.content for c in output.choices] == ["aA", "bB"]
    assert [c.stop_reason for c in output.choices] == ["stop", "max_tokens"]


def test_logprobs_grow():
    def token(text: str) -> Any:
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
        tokens = [{"token": text, "logprob": -1.0, "bytes": None, "top_logprobs": []}]
        return chunk(None, choices=[{**choice, "logprobs": {"content": tokens, "refusal": None}}])

    output, _ = fold(token("a"), token("b"))
    logprobs = output.choices[0].logprobs
    assert logprobs is not None
    assert [t.token for t in logprobs.content] == ["a", "b"]


def test_members_without_a_class_grow_too():
    output, _ = fold(
        chunk({"audio": {"id": "a1", "data": "QU", "transcript": "He"}}, service_tier="default"),
        chunk({"audio": {"data": "JD", "transcript": "y"}}, citations=["https://a"]),
        chunk({"reasoning_details": [{"index": 0, "type": "t", "text": "h"}]}),
        chunk({"reasoning_details": [{"index": 0, "type": "t", "text": "m"}]}),
    )
    assert output.completion == "Hey"
    assert output.metadata == {"service_tier": "default", "citations": ["https://a"]}
    thoughts, _, audio = output.message.content_list
    assert thoughts.internal["details"] == [{"index": 0, "type": "t", "text": "hm"}]
    assert audio.data["audio"] == {"id": "a1", "data": "QUJD", "transcript": "Hey"}


def test_azures_empty_first_chunk_hides_nothing():
    empty = {"id": "", "model": "", "choices": [], "prompt_filter_results": [{"x": 1}]}
    output, _ = fold(empty, chunk({"content": "hi"}, "stop"))
    assert (output.response_id, output.model, output.completion) == ("r1", "m", "hi")


def test_an_error_in_the_stream_is_one():
    with pytest.raises(StreamError) as caught:
        fold(chunk({"content": "x"}), {"error": {"message": "overloaded", "code": "server_error"}})
    assert caught.value.error["message"] == "overloaded"


def test_the_end_is_known():
    folding = ChunkFold(None)
    assert (folding.empty, folding.finished) == (True, False)
    folding.feed(chunk({"content": "x"}))
    assert (folding.empty, folding.finished) == (False, False)
    folding.feed(chunk({}, "stop"))
    assert folding.finished


PIECES = st.lists(
    st.sampled_from(["<think>", "</think>", " ", "\n", "a", "é", "😀", "</", "b\nc"]), max_size=10
)


@given(PIECES, PIECES, PIECES, st.sampled_from(["stop", "length", "tool_calls"]))
def test_a_stream_is_the_same_as_the_plain_answer(texts, thoughts, arguments, finish):
    chunks = [chunk({"role": "assistant"})]
    chunks += [chunk({"reasoning_content": piece}) for piece in thoughts]
    chunks += [chunk({"content": piece}) for piece in texts]
    if arguments:
        chunks += [call(0, "c1", "f")] + [call(0, text=piece) for piece in arguments]
    streamed, deltas = fold(*chunks, chunk({}, finish))
    message: dict[str, Any] = {"content": "".join(texts) or None}
    if thoughts:
        message["reasoning_content"] = "".join(thoughts)
    if arguments:
        said = {"name": "f", "arguments": "".join(arguments)}
        message["tool_calls"] = [{"id": "c1", "type": "function", "function": said}]
    choice = {"index": 0, "message": message, "finish_reason": finish}
    plain = output_from({"id": "r1", "model": "m", "choices": [choice]})
    for output in (streamed, plain):
        for one in output.choices:
            one.message.id = None
    assert streamed == plain
    assert deltas.joined("text") == plain.completion
    whole = Deltas()
    replay_output(plain, whole)
    assert whole.joined("text") == deltas.joined("text")
    assert whole.joined("reasoning") == deltas.joined("reasoning")


def test_a_plain_answer_can_be_told_as_deltas():
    calls = [{"id": "c1", "function": {"name": "f", "arguments": '{"a": 1}'}}]
    message = {"content": "yes", "reasoning": "hm", "tool_calls": calls}
    deltas = Deltas()
    replay_output(output_from({"choices": [{"message": message}]}), deltas)
    assert [said[0] for said in deltas.said] == ["reasoning", "text", "call"]
    assert json.loads(deltas.said[2][3]) == {"a": 1}
