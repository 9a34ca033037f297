"""Chat completions as outputs."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any
from unittest.mock import ANY

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeld.types import (
    ContentData,
    ContentReasoning,
    ContentText,
    JSONSchema,
    ModelOutput,
    ToolInfo,
    ToolParams,
    UrlCitation,
)
from modeld_daemon.providers.http.jsontext import dumps, loads
from modeld_daemon.providers.openai_chat.messages import messages_to_wire
from modeld_daemon.providers.openai_chat.response import output_from
from modeld_daemon.providers.openai_chat.think import ThinkSplitter


def body(message: dict[str, Any], finish: str | None = "stop", **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return {"id": "r1", "model": "m-1", "object": "chat.completion", "choices": [choice], **more}


def output(message: dict[str, Any], finish: str | None = "stop", **more: Any) -> ModelOutput:
    return output_from(body(message, finish, **more))


def function(name: str, arguments: Any, id: str | None = "c1") -> dict[str, Any]:
    call = {"type": "function", "function": {"name": name, "arguments": arguments}}
    return call if id is None else {"id": id, **call}


def replayed(out: ModelOutput) -> dict[str, Any]:
    """The answer as the history of a next request."""
    return messages_to_wire([out.message], "system", None)[0]


def test_an_answer_that_a_filter_took_has_no_message():
    # https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter
    choice = {"index": 0, "finish_reason": "content_filter", "content_filter_results": {}}
    out = output_from({"id": "r1", "model": "m-1", "choices": [choice]})
    assert (out.completion, out.stop_reason) == ("", "content_filter")
    with pytest.raises(KeyError):
        output_from({"id": "r1", "model": "m-1", "choices": [{"index": 0}]})


def test_a_plain_answer():
    out = output({"content": "hi", "refusal": None, "annotations": []})
    assert (out.completion, out.message.content, out.model, out.response_id) == (
        "hi",
        "hi",
        "m-1",
        "r1",
    )
    assert (out.message.source, out.message.model, out.stop_reason) == ("generate", "m-1", "stop")
    assert (out.usage, out.metadata, out.error) == (None, None, None)


@pytest.mark.parametrize(
    "finish, reason",
    [
        ("stop", "stop"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_calls"),
        ("function_call", "tool_calls"),
        ("content_filter", "content_filter"),
        ("eos", "stop"),
        ("weird", "unknown"),
        (None, "unknown"),
    ],
)
def test_finish_reasons_have_their_words(finish, reason):
    assert output({"content": ""}, finish).stop_reason == reason


def test_usage_leaves_cached_tokens_out_of_the_input():
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30, "audio_tokens": 7},
        "completion_tokens_details": {"reasoning_tokens": 5, "accepted_prediction_tokens": 0},
    }
    out = output({"content": "x"}, usage=usage, service_tier="default", system_fingerprint=None)
    assert out.usage is not None
    assert (out.usage.input_tokens, out.usage.output_tokens, out.usage.total_tokens) == (
        10,
        20,
        120,
    )
    assert (out.usage.input_tokens_cache_read, out.usage.input_tokens_cache_write) == (60, 30)
    assert out.usage.reasoning_tokens == 5
    assert out.input_context_tokens == 100
    assert out.metadata == {
        "service_tier": "default",
        "usage": {"prompt_tokens_details": {"audio_tokens": 7}},
    }


def test_absent_counters_are_not_zero():
    out = output({"content": "x"}, usage={"prompt_tokens": 3, "completion_tokens": 4})
    assert out.usage is not None
    assert (out.usage.input_tokens_cache_read, out.usage.reasoning_tokens) == (None, None)
    assert out.usage.total_tokens == 7


def test_calls_are_parsed():
    calls = [function("a", '{"x":1}'), function("b", '{"y":2}', "c2")]
    out = output({"content": None, "tool_calls": calls}, "tool_calls")
    assert out.message.content == ""
    assert [(c.id, c.function, c.arguments) for c in out.message.tool_calls or []] == [
        ("c1", "a", {"x": 1}),
        ("c2", "b", {"y": 2}),
    ]
    assert replayed(out)["tool_calls"] == calls


TOOLS = [
    ToolInfo("one", "", ToolParams(properties={"code": JSONSchema(), "other": JSONSchema()})),
    ToolInfo("texts", "", ToolParams(properties={"code": JSONSchema(type="string")})),
    ToolInfo("bare", ""),
]


@pytest.mark.parametrize(
    "tool, text, arguments, fails",
    [
        ("one", '{"code": 1}', {"code": 1}, False),
        ("one", ' {"code": 1}"\n', {"code": 1}, False),
        ("one", '{"code": 1}\'"', {"code": 1}, False),
        ("one", '{"code": 1} x', {}, True),
        ("one", '{"code": ', {}, True),
        ("one", '{"a":' * 5000 + "1" + "}" * 5000, {}, True),
        ("one", f'{{"code": {2**80}}}', {"code": 2**80}, False),
        ("one", "", {}, False),
        ("one", "print(1)", {"code": "print(1)"}, False),
        ("one", "42", {"code": 42}, False),
        ("one", "true", {"code": True}, False),
        ("one", "[1, 2]", {"code": [1, 2]}, False),
        ("one", "'it''s'", {"code": "it's"}, False),
        ("one", "- a\n- b: 1", {"code": ["a", {"b": 1}]}, False),
        ("one", "[1, 2", {"code": "[1, 2"}, False),
        ("one", "2024-01-01", {"code": "2024-01-01"}, False),
        ("one", "&a [1, *a]", {"code": "&a [1, *a]"}, False),
        ("texts", "42", {"code": "42"}, False),
        ("texts", "x: int = 1", {"code": "x: int = 1"}, False),
        ("texts", "'it''s'", {"code": "it's"}, False),
        ("bare", "42", {}, True),
        ("unknown", "42", {}, True),
        ("unknown", '{"a": 1}', {"a": 1}, False),
    ],
)
def test_arguments_are_read_kindly(tool, text, arguments, fails):
    out = output_from(body({"tool_calls": [function(tool, text)]}), TOOLS)
    (call,) = out.message.tool_calls or []
    assert call.arguments == arguments
    assert (call.parse_error is not None) == fails
    if fails:
        assert text.strip()[:20] in str(call.parse_error)


def test_old_and_odd_calls_are_understood():
    old = output({"content": None, "function_call": {"name": "f", "arguments": "{}"}})
    (call,) = old.message.tool_calls or []
    assert (call.function, call.id) == ("f", "call_r1_0")
    odd = output({"tool_calls": [function("f", {"a": 1}, id=None), function("g", None, "")]})
    assert [(c.id, c.arguments) for c in odd.message.tool_calls or []] == [
        ("call_r1_0", {"a": 1}),
        ("call_r1_1", {}),
    ]


def test_a_custom_call_has_text():
    call = {"id": "c1", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}
    out = output({"content": None, "tool_calls": [call]})
    (made,) = out.message.tool_calls or []
    assert (made.type, made.arguments) == ("custom", {"input": "select 1"})
    assert replayed(out)["tool_calls"] == [call]


def test_a_refusal_is_marked():
    out = output({"content": None, "refusal": "No."})
    assert out.message.content == [ContentText("No.", refusal=True)]
    assert out.completion == "No."


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_thoughts_of_a_member_are_kept_and_go_back(field):
    out = output({"content": "yes", field: "hm"})
    assert out.completion == "yes"
    (thoughts, _) = out.message.content_list
    assert isinstance(thoughts, ContentReasoning)
    assert thoughts.reasoning == "hm"
    assert replayed(out) == {"role": "assistant", "content": "yes", field: "hm"}


def test_reasoning_details_are_kept_and_go_back():
    details = [{"type": "reasoning.encrypted", "data": "xyz", "signature": "s"}]
    out = output({"content": "yes", "reasoning": "hm", "reasoning_details": details})
    thoughts = out.message.content_list[0]
    assert isinstance(thoughts, ContentReasoning)
    assert (thoughts.reasoning, thoughts.signature) == ("hm", "s")
    assert replayed(out)["reasoning_details"] == details


@pytest.mark.parametrize(
    "text, reasoning, answer",
    [
        ("<think>hm</think>yes", "hm", "yes"),
        ("\n<think>\nhm\nso\n</think>\n\nyes ", "hm\nso", "yes "),
        ("<think></think>yes", "", "yes"),
        ("<think>hm</think>", "hm", ""),
        ("<think>never closed", "never closed", ""),
        ("<think>a</thi b</think>c<think>d</think>", "a</thi b", "c<think>d</think>"),
    ],
)
def test_tagged_thoughts_are_kept_and_go_back_byte_for_byte(text, reasoning, answer):
    out = output({"content": text})
    thoughts = out.message.content_list[0]
    assert isinstance(thoughts, ContentReasoning)
    assert (thoughts.reasoning, out.completion) == (reasoning, answer)
    assert replayed(out)["content"] == text


@pytest.mark.parametrize("text", ["yes <think>no</think>", "<thin", "<b>x</b>", "  ", "< think>x"])
def test_other_text_is_left_alone(text):
    assert output({"content": text}).completion == text


@given(
    st.lists(
        st.sampled_from(["<think>", "</think>", "<", "</th", "ink>", " ", "\n", "a", "b c"]),
        max_size=12,
    ),
    st.data(),
)
def test_thoughts_do_not_depend_on_how_the_text_arrives(words, data):
    text = "".join(words)

    def split(pieces: list[str]) -> tuple[str, str, Any]:
        splitter = ThinkSplitter()
        made = [splitter.feed(piece) for piece in pieces] + [splitter.finish()]
        thoughts = splitter.thoughts()
        return "".join(r for r, _ in made), "".join(t for _, t in made), thoughts

    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    edges = [0, *cuts, len(text)]
    pieces = [text[a:b] for a, b in pairwise(edges)]
    reasoning, answer, thoughts = split([text])
    assert split(pieces) == (reasoning, answer, thoughts)
    if thoughts is None:
        assert answer == text
    else:
        assert thoughts.reasoning == reasoning
        assert thoughts.join() + answer == text


def test_citations_are_kept():
    page = {"url": "https://a", "title": "A", "start_index": 1, "end_index": 4}
    annotations = [{"type": "url_citation", "url_citation": page}, {"type": "file", "x": 1}]
    out = output({"content": "text", "annotations": annotations})
    text, rest = out.message.content_list
    assert isinstance(text, ContentText)
    assert text.citations == [UrlCitation("https://a", title="A", cited_text=(1, 4))]
    assert isinstance(rest, ContentData)
    assert rest.data == {"annotations": [{"type": "file", "x": 1}]}
    assert replayed(out) == {"role": "assistant", "content": "text"}


def test_tools_that_groq_ran_are_kept_and_do_not_go_back():
    """https://console.groq.com/docs/compound: of an answer; no member of a request's message."""
    ran = [{"index": 0, "type": "search", "arguments": "{}", "output": "found"}]
    out = output({"content": "text", "executed_tools": ran})
    assert ContentData({"executed_tools": ran}, internal=ANY) in out.message.content_list
    assert replayed(out) == {"role": "assistant", "content": "text"}


def test_spoken_answers_are_kept_and_go_back_by_their_id():
    audio = {"id": "audio_1", "data": "QUJD", "transcript": "Hello!", "expires_at": 1}
    out = output({"content": None, "audio": audio})
    assert out.completion == "Hello!"
    assert replayed(out) == {"role": "assistant", "content": None, "audio": {"id": "audio_1"}}
    data = out.message.content_list[1]
    assert isinstance(data, ContentData)
    assert data.data == {"audio": audio}


def test_what_is_not_modelled_is_kept():
    call = {**function("f", "{}"), "extra_content": {"google": {"thought_signature": "s"}}}
    message = {"content": "x", "new_thing": {"a": 1}, "tool_calls": [call]}
    wire = body(message, citations=["https://a"], x_groq={"id": "q"})
    wire["choices"][0]["provider_note"] = "n"
    out = output_from(wire)
    assert out.metadata == {
        "citations": ["https://a"],
        "x_groq": {"id": "q"},
        "choices": {"0": {"provider_note": "n"}},
    }
    sent = replayed(out)
    assert sent["new_thing"] == {"a": 1}
    assert sent["tool_calls"] == [call]
    again = ModelOutput.from_dict(json.loads(json.dumps(out.to_dict())))
    assert replayed(again) == sent


def test_choices_come_in_order():
    wire = body({"content": "a"})
    second = {"index": 1, "message": {"content": "b"}, "finish_reason": "length"}
    wire["choices"] = [second, wire["choices"][0]]
    out = output_from(wire)
    assert [c.message.content for c in out.choices] == ["a", "b"]
    assert [c.stop_reason for c in out.choices] == ["stop", "max_tokens"]


def test_logprobs_are_read():
    top = {"token": "ho", "logprob": -2.5, "bytes": None}
    tokens = [{"token": "hi", "logprob": -0.5, "bytes": [104, 105], "top_logprobs": [top]}]
    wire = body({"content": "hi"})
    wire["choices"][0]["logprobs"] = {"content": tokens, "refusal": None}
    (choice,) = output_from(wire).choices
    assert choice.logprobs is not None
    (token,) = choice.logprobs.content
    assert (token.token, token.logprob, token.bytes) == ("hi", -0.5, [104, 105])
    assert token.top_logprobs is not None
    assert token.top_logprobs[0].logprob == -2.5


def test_azures_filter_says_what_it_filtered():
    wire = body({"content": ""}, "content_filter")
    wire["choices"][0]["content_filter_results"] = {
        "hate": {"filtered": True, "severity": "high"},
        "violence": {"filtered": False, "severity": "safe"},
    }
    (choice,) = output_from(wire).choices
    assert choice.stop_details is not None
    assert [(c.category, c.level) for c in choice.stop_details.categories] == [("hate", "high")]


@pytest.mark.parametrize("wire", [{}, {"choices": None}, {"choices": [{}]}, [], "x"])
def test_another_shape_is_an_error(wire):
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        output_from(wire)


# -- JSON text -------------------------------------------------------------------------------

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
def test_json_text_is_read_as_the_standard_library_reads_it(value):
    text = json.dumps(value).encode()
    assert loads(text) == loads(dumps(loads(text)))


@pytest.mark.parametrize("number", [2**53 + 1, 2**64 + 1, -(2**200), 1.5, 0])
def test_numbers_are_not_lost(number):
    assert loads(dumps({"n": number})) == {"n": number}


def test_what_servers_send_though_it_is_no_json_is_read():
    assert loads(b'{"a": NaN, "b": [1]}')["b"] == [1]
    assert loads(b'"\\ud83d"') == "?"
    assert loads('"😀"'.encode()) == "😀"
    assert loads(b'"\\ud83d\\ude00"') == "😀"
    assert loads(b'"\xff"') == "\ufffd"
    for text in (b"{", b"", b"{} x", b"[" * 100_000):
        with pytest.raises(ValueError):
            loads(text)


def test_half_of_a_character_does_not_stop_a_request():
    assert loads(dumps({"a": "x\ud83d"})) == {"a": "x?"}
