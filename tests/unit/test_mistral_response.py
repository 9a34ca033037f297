"""Answers of Mistral's chat completions, plain and streamed, as outputs that go back as they came."""

from __future__ import annotations

from typing import Any

import pytest

from modeld.types import (
    ChatMessageUser,
    ContentCitation,
    ContentData,
    ContentReasoning,
    ContentText,
    ModelOutput,
)
from modeld_daemon.core.replay import replay_output
from modeld_daemon.providers.mistral.messages import messages_to_wire
from modeld_daemon.providers.mistral.response import output_from
from modeld_daemon.providers.mistral.stream import ChunkFold, StreamError
from tests.unit.test_openai_chat_stream import Deltas

USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
TEXT = {"type": "text", "text": "42"}
REFERENCE = {"type": "reference", "reference_ids": [1, "b"]}
IMAGE = {"type": "image_url", "image_url": "https://x.example/a.png"}


def thought(*texts: str, **more: Any) -> dict[str, Any]:
    pieces = [{"type": "text", "text": text} for text in texts]
    return {"type": "thinking", "thinking": pieces, **more}


def body(content: Any = "42", finish: str = "stop", **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, **more}
    choice = {"index": 0, "finish_reason": finish, "message": message}
    return {"id": "r1", "model": "m", "object": "o", "usage": USAGE, "choices": [choice]}


def call(id: str | None = "abcdefghi", arguments: Any = '{"a": 1}', **more: Any) -> dict[str, Any]:
    return {"id": id, "function": {"name": "f", "arguments": arguments}, **more}


def replayed(output: ModelOutput) -> list[dict[str, Any]]:
    """What the next turn sends for the answer."""
    history = [ChatMessageUser("a"), output.message, ChatMessageUser("b")]
    return messages_to_wire(history, thinks=True)[1:-1]


def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "r1", "model": "m", "object": "o.chunk", "p": "abc", "choices": [choice], **more}


def streamed(*chunks: dict[str, Any]) -> tuple[ModelOutput, Deltas]:
    deltas = Deltas()
    fold = ChunkFold(deltas)
    for one in chunks:
        fold.feed(one)
    return output_from(fold.body()), deltas


def equal(one: ModelOutput, two: ModelOutput) -> bool:
    first, second = one.to_dict(), two.to_dict()
    for data in (first, second):
        for choice in data["choices"]:
            del choice["message"]["id"]
    return first == second


# -- plain answers ---------------------------------------------------------------------------


def test_a_text_is_a_text():
    output = output_from(body())
    assert (output.completion, output.model, output.response_id) == ("42", "m", "r1")
    assert output.message.content == "42"
    assert output.metadata is None
    assert replayed(output) == [{"role": "assistant", "content": "42"}]


@pytest.mark.parametrize(
    "word, reason",
    [
        ("stop", "stop"),
        ("length", "max_tokens"),
        ("model_length", "model_length"),
        ("tool_calls", "tool_calls"),
        ("error", "unknown"),
    ],
)
def test_the_end_has_its_reason(word, reason):
    output = output_from(body(finish=word))
    assert output.stop_reason == reason
    details = output.choices[0].stop_details
    assert (details.type if details else None) == ("error" if word == "error" else None)


@pytest.mark.parametrize(
    "chunk",
    [
        thought("hm"),
        thought("hm", closed=True),
        thought("hm", signature="s", closed=True),
        thought("h", "m"),
        thought(signature="s"),
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}, REFERENCE]},
        {"type": "thinking", "thinking": "hm"},
    ],
)
def test_thoughts_go_back_byte_for_byte(chunk):
    output = output_from(body([chunk, TEXT]))
    reasoning, _ = output.message.content
    assert isinstance(reasoning, ContentReasoning)
    assert reasoning.signature == chunk.get("signature")
    assert reasoning.redacted == (chunk["thinking"] == [])
    assert reasoning.reasoning == ("" if reasoning.redacted else "hm")
    assert output.completion == "42"
    assert replayed(output) == [{"role": "assistant", "content": [chunk, TEXT]}]
    assert equal(ModelOutput.from_dict(output.to_dict()), output)


def test_tagged_thoughts_go_back_as_text():
    text = "<think>\nhm\n</think>\n\n42"
    output = output_from(body(text))
    assert [type(part) for part in output.message.content_list] == [ContentReasoning, ContentText]
    assert output.completion == "42"
    assert replayed(output) == [{"role": "assistant", "content": text}]


def test_references_are_citations_of_the_text_before_them():
    chunks = [{"type": "text", "text": "Ada"}, REFERENCE, {"type": "text", "text": " wrote."}]
    output = output_from(body(chunks))
    assert output.completion == "Ada wrote."
    (text,) = output.message.content
    assert isinstance(text, ContentText)
    (citation,) = text.citations or ()
    assert isinstance(citation, ContentCitation)
    assert citation.cited_text == (0, 3)
    assert citation.internal == {"reference_ids": [1, "b"]}
    assert replayed(output) == [{"role": "assistant", "content": chunks}]


def test_chunks_and_members_without_a_class_are_kept_and_go_back():
    output = output_from(body([IMAGE, REFERENCE, TEXT][:1], tool_calls=[call(extra=1)], mood="x"))
    datas = [part.data for part in output.message.content_list if isinstance(part, ContentData)]
    assert datas == [IMAGE, {"mood": "x"}, {"abcdefghi": {"extra": 1}}]
    (message,) = replayed(output)
    assert message["content"] == [IMAGE]
    assert message["mood"] == "x"
    assert message["tool_calls"][0]["extra"] == 1


def test_messages_of_a_servers_own_tools_are_kept_and_go_back_before_the_answer():
    asked = {"role": "assistant", "content": "", "tool_calls": [call()]}
    told = {"role": "tool", "content": "sunny", "tool_call_id": "abcdefghi"}
    answer = body()
    answer["choices"][0]["messages"] = [asked, told, answer["choices"][0].pop("message")]
    output = output_from(answer)
    assert output.completion == "42"
    assert output.message.tool_calls is None
    assert replayed(output) == [asked, told, {"role": "assistant", "content": "42"}]


def test_tool_calls_are_read_whatever_their_form():
    calls = [call(), call("bcdefghij", {"a": 2}), call("null", ""), call("cdefghijk", "{oops")]
    made = output_from(body("", "tool_calls", tool_calls=calls)).message.tool_calls or []
    assert [(c.id, c.arguments) for c in made] == [
        ("abcdefghi", {"a": 1}),
        ("bcdefghij", {"a": 2}),
        ("call_r1_2", {}),
        ("cdefghijk", {}),
    ]
    assert [bool(c.parse_error) for c in made] == [False, False, False, True]


def test_every_counter_of_the_usage_is_somewhere():
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 201,
        "total_tokens": 585,
        "prompt_audio_seconds": 4,
        "prompt_tokens_details": {"cached_tokens": 2, "audio_tokens": 375},
        "completion_tokens_details": {"reasoning_tokens": 7},
        "num_cached_tokens": 2,
        "service_tier": "standard",
    }
    output = output_from({**body(), "usage": usage})
    assert output.usage is not None
    assert output.usage.to_dict() == {
        **output.usage.to_dict(),
        "input_tokens": 7,
        "output_tokens": 201,
        "total_tokens": 585,
        "input_tokens_cache_read": 2,
        "reasoning_tokens": 7,
    }
    assert output.input_context_tokens == 384
    assert output.metadata == {
        "usage": {
            "prompt_audio_seconds": 4,
            "prompt_tokens_details": {"audio_tokens": 375},
            "service_tier": "standard",
        }
    }


def test_the_older_counter_of_cached_tokens_counts_too():
    output = output_from({**body(), "usage": {**USAGE, "num_cached_tokens": 4}})
    assert output.usage is not None
    assert (output.usage.input_tokens, output.usage.input_tokens_cache_read) == (5, 4)


def test_log_probabilities_of_answer_and_prompt():
    token = {"token": "4", "logprob": -0.5, "bytes": [52], "token_id": 9}
    answer = body()
    answer["choices"][0]["logprobs"] = {"content": [{**token, "top_logprobs": [token]}]}
    answer["choices"][0]["prompt_logprobs"] = {"content": [token]}
    choice = output_from(answer).choices[0]
    assert choice.logprobs is not None
    assert choice.prompt_logprobs is not None
    (made,) = choice.logprobs.content
    assert (made.token, made.logprob, made.bytes) == ("4", -0.5, [52])
    assert [top.token for top in made.top_logprobs or ()] == ["4"]
    assert choice.prompt_logprobs.content[0].top_logprobs is None


def test_what_belongs_to_choices_and_the_whole_is_in_the_metadata():
    answer = {**body(), "region": "eu"}
    answer["choices"][0]["grade"] = "A"
    assert output_from(answer).metadata == {"region": "eu", "choices": {"0": {"grade": "A"}}}


# -- streams ---------------------------------------------------------------------------------

START = chunk({"role": "assistant", "content": ""})
END = chunk({"content": ""}, "stop", usage=USAGE)


def test_a_streamed_text_is_the_plain_one():
    output, deltas = streamed(START, chunk({"content": "4"}), chunk({"content": "2"}), END)
    assert deltas.said == [("text", "4"), ("text", "2")]
    assert equal(output, output_from(body()))


def test_streamed_thoughts_are_the_plain_ones():
    output, deltas = streamed(
        START,
        chunk({"content": [thought("h")]}),
        chunk({"content": [thought("m")]}),
        chunk({"content": [thought(closed=True)]}),
        chunk({"content": "4"}),
        chunk({"content": [{"type": "text", "text": "2"}]}),
        END,
    )
    assert deltas.joined("reasoning") == "hm"
    assert deltas.joined("text") == "42"
    assert equal(output, output_from(body([thought("hm", closed=True), TEXT])))


CONTENTS = [
    "42",
    "<think>hm</think>42",
    " <thin",
    [thought("hm"), TEXT, thought("ah", signature="s"), TEXT],
    [{"type": "text", "text": "a"}, REFERENCE, TEXT, IMAGE, TEXT],
    [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}, REFERENCE]}, TEXT],
    [{"type": "text", "text": " "}, thought("hm"), TEXT],
    [IMAGE],
    "",
]


@pytest.mark.parametrize("content", CONTENTS)
def test_a_stream_says_and_makes_what_the_plain_answer_is(content):
    pieces = list(content) if isinstance(content, str) else [[part] for part in content]
    output, deltas = streamed(START, *[chunk({"content": piece}) for piece in pieces], END)
    plain = output_from(body(content))
    assert equal(output, plain)
    replay = Deltas()
    replay_output(plain, replay)
    for kind in ("text", "reasoning"):
        assert deltas.joined(kind) == replay.joined(kind)
    assert deltas.joined("text") == plain.completion


def test_streamed_calls_are_the_plain_ones_whole_or_in_pieces():
    calls = [call(index=0), call("bcdefghij", '{"a": 2}', index=1)]
    whole, _ = streamed(START, chunk({"tool_calls": calls}, "tool_calls", usage=USAGE))
    pieces, deltas = streamed(
        START,
        chunk({"tool_calls": [call(arguments='{"a"', index=0)]}),
        chunk({"tool_calls": [call("null", ": 1}", index=0)]}),
        chunk({"tool_calls": [call("bcdefghij", {"a": 2}, index=0)]}, "tool_calls", usage=USAGE),
    )
    plain = output_from(body("", "tool_calls", tool_calls=calls))
    assert equal(whole, plain)
    assert equal(pieces, plain)
    assert deltas.said == [
        ("call", "abcdefghi", "f", '{"a"'),
        ("call", "abcdefghi", "", ": 1}"),
        ("call", "bcdefghij", "f", '{"a":2}'),
    ]


def test_a_streamed_tool_loop_of_the_server_is_the_plain_one():
    asked = {"role": "assistant", "content": "", "tool_calls": [call()]}
    told = {"role": "tool", "content": "sunny", "tool_call_id": "abcdefghi"}
    deltas = [{**asked, "index": 0}, {**told, "index": 1}, {"content": "42", "index": 2}]
    output, said = streamed(*[chunk(delta) for delta in deltas], END | chunk({"index": 2}, "stop"))
    assert output.completion == "42"
    assert output.message.tool_calls is None
    assert said.joined("text") == "42"
    kept = [part.data for part in output.message.content_list if isinstance(part, ContentData)]
    assert [message["role"] for message in kept] == ["assistant", "tool"]


def test_only_the_first_choice_is_told_and_all_are_kept():
    second = {"index": 1, "delta": {"content": "no"}, "finish_reason": "length"}
    more = chunk({"content": "42"}, "stop", usage=USAGE)
    more["choices"].append(second)
    output, deltas = streamed(START, more)
    assert deltas.said == [("text", "42")]
    assert [choice.message.text for choice in output.choices] == ["42", "no"]
    assert output.choices[1].stop_reason == "max_tokens"


def test_log_probabilities_are_collected():
    token = {"token": "4", "logprob": -0.5, "bytes": [52]}
    pieces = [chunk({"content": "4"}) for _ in range(2)]
    for piece in pieces:
        piece["choices"][0]["logprobs"] = {"content": [token]}
    output, _ = streamed(START, *pieces, END)
    logprobs = output.choices[0].logprobs
    assert logprobs is not None
    assert len(logprobs.content) == 2


@pytest.mark.parametrize(
    "chunk",
    [
        {"error": {"message": "no"}},
        {"object": "error", "message": "no", "type": "internal_server_error"},
        {"detail": "no"},
    ],
)
def test_an_error_stops_the_stream(chunk):
    with pytest.raises(StreamError):
        ChunkFold(None).feed(chunk)


def test_a_fold_knows_when_it_is_done():
    fold = ChunkFold(None)
    assert fold.empty
    fold.feed(START)
    assert (fold.empty, fold.finished) == (False, False)
    fold.feed(END)
    assert fold.finished
