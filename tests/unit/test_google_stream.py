"""Chunks of a stream, folded."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeld_daemon.providers.google.response import output_from
from modeld_daemon.providers.google.stream import ChunkFold, StreamError
from tests.fakes.deltas import Deltas


def chunk(*parts: Any, finish: str | None = None, **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate | more],
        "usageMetadata": {"promptTokenCount": 3},
        "modelVersion": "m",
        "responseId": "r1",
    }


def fold(*chunks: Any) -> tuple[ChunkFold, Deltas]:
    sink = Deltas()
    made = ChunkFold(sink)
    for one in chunks:
        made.feed(one)
    return made, sink


def call(name: str, args: Any = None, **more: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": args or {}, **more}}


def test_texts_grow_together_and_signatures_stay_apart():
    made, sink = fold(
        chunk({"text": "h", "thought": True}),
        chunk({"text": "m", "thought": True}),
        chunk({"text": "Hel"}, {"text": ""}),
        chunk({"text": "lo"}),
        chunk({"text": "", "thoughtSignature": "s"}, finish="STOP"),
    )
    assert made.finished
    assert made.body()["candidates"][0]["content"]["parts"] == [
        {"text": "hm", "thought": True},
        {"text": "Hello"},
        {"text": "", "thoughtSignature": "s"},
    ]
    assert (sink.texts, sink.thoughts) == (["Hel", "lo"], ["h", "m"])
    assert output_from(made.body(), "m").completion == "Hello"


def test_calls_have_the_ids_of_the_output():
    made, sink = fold(
        chunk(call("f", {"a": 1})), chunk(call("g", id="x"), call("f"), finish="STOP")
    )
    calls = output_from(made.body(), "m").message.tool_calls or []
    assert [c.id for c in calls] == ["call_r1_0", "x", "call_r1_2"]
    assert sink.names == {c.id: c.function for c in calls}
    assert sink.calls["call_r1_0"] == ['{"a":1}']


def piece(*args: Any, on: bool = True) -> dict[str, Any]:
    call = {"partialArgs": list(args)} if args else {}
    return {"functionCall": {**call, **({"willContinue": True} if on else {})}}


def at(path: str, on: bool = False, **value: Any) -> dict[str, Any]:
    return {"jsonPath": path, **value, **({"willContinue": True} if on else {})}


def test_a_call_whose_arguments_come_in_pieces_is_a_whole_one():
    """https://docs.cloud.google.com/vertex-ai/generative-ai/docs/reference/rest/v1/Content#PartialArg"""
    begins = {"functionCall": {"name": "f", "willContinue": True}, "thoughtSignature": "s"}
    told = [
        chunk(begins),
        chunk(piece(at("$.town", stringValue="New ", on=True))),
        chunk(piece(at("$.town", stringValue="York", on=True), at("$.town", stringValue=""))),
        chunk(piece(at("$.days[0].n", numberValue=1))),
        chunk(piece(at("$.days[1]['a b']", boolValue=True), at("$.days[1].n", nullValue=None))),
        chunk(piece(), piece(on=False)),
        chunk(call("g")),
        chunk({"functionCall": {"name": "f", "willContinue": True}}),
        chunk(piece(at("$.n", numberValue=0.5), on=False)),  # may be the end itself
        chunk(piece(on=False)),
        chunk({"functionCall": {"name": "f", "willContinue": True}}),
        chunk({"text": "so"}, finish="STOP"),  # the end of the call is missing
    ]
    made, sink = fold(*told)
    output = output_from(made.body(), "m")
    days = [{"n": 1}, {"a b": True, "n": None}]
    calls = output.message.tool_calls or []
    wanted = [("f", {"town": "New York", "days": days}), ("g", {}), ("f", {"n": 0.5}), ("f", {})]
    assert [(c.function, c.arguments) for c in calls] == wanted
    assert sink.names == {c.id: c.function for c in calls}
    assert [json.loads("".join(sink.calls[c.id])) for c in calls] == [c.arguments for c in calls]
    first = made.body()["candidates"][0]["content"]["parts"][0]
    assert first["thoughtSignature"] == "s"
    assert first["functionCall"] == {"name": "f", "args": calls[0].arguments}


@pytest.mark.parametrize("path", ["$", "town", "$.a..b", "$.a[x]", "$.a[0]"])
def test_a_piece_without_a_place_is_no_answer(path):
    begins = {"functionCall": {"name": "f", "args": {"a": "text"}, "willContinue": True}}
    with pytest.raises(ValueError, match="no place of an argument"):
        fold(chunk(begins), chunk(piece(at(path, numberValue=1))))


def test_texts_around_other_parts_are_lines():
    code = {"executableCode": {"language": "PYTHON", "code": "1"}}
    made, sink = fold(chunk({"text": "a"}), chunk(code), chunk({"text": "b"}, finish="STOP"))
    assert output_from(made.body(), "m").completion == "a\nb"
    assert "".join(sink.texts) == "a\nb"


def test_the_last_counters_count():
    last = chunk({"text": "b"}, finish="STOP") | {"usageMetadata": {"promptTokenCount": 9}}
    made, _ = fold(chunk({"text": "a"}), last)
    assert made.body()["usageMetadata"] == {"promptTokenCount": 9}


def test_members_of_a_candidate_grow():
    made, _ = fold(
        chunk({"text": "a"}, logprobsResult={"chosenCandidates": [{"token": "a"}]}),
        chunk({"text": "b"}, logprobsResult={"chosenCandidates": [{"token": "b"}]}, groundingMetadata={}),
        chunk(finish="STOP", groundingMetadata={"webSearchQueries": ["q"]}, safetyRatings=[{"x": 1}]),
        chunk(groundingMetadata={"webSearchQueries": ["q", "r"]}, safetyRatings=[{"x": 2}]),
    )  # fmt: skip
    candidate = made.body()["candidates"][0]
    assert candidate["logprobsResult"] == {"chosenCandidates": [{"token": "a"}, {"token": "b"}]}
    assert candidate["groundingMetadata"] == {"webSearchQueries": ["q", "r"]}
    assert candidate["safetyRatings"] == [{"x": 2}]


def test_candidates_are_told_apart_and_only_the_first_is_told():
    second = chunk({"text": "b"}, finish="STOP")
    second["candidates"][0]["index"] = 1
    made, sink = fold(second, chunk({"text": "a"}))
    assert not made.finished
    made.feed(chunk(finish="STOP"))
    assert [c.message.content for c in output_from(made.body(), "m").choices] == ["a", "b"]
    assert sink.texts == ["a"]


def test_an_array_is_all_chunks_at_once():
    made, sink = fold([chunk({"text": "a"}), chunk({"text": "b"}, finish="STOP")])
    assert made.finished
    assert sink.texts == ["a", "b"]


def test_a_blocked_prompt_ends_a_stream():
    made, _ = fold({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {}})
    assert made.finished
    assert output_from(made.body(), "m").stop_reason == "content_filter"


def test_an_error_in_a_stream_is_one():
    with pytest.raises(StreamError):
        fold({"error": {"code": 503, "status": "UNAVAILABLE", "message": "busy"}})


@given(
    st.lists(
        st.sampled_from(
            [
                {"text": "a"},
                {"text": "b\n"},
                {"text": ""},
                {"text": "t", "thought": True},
                {"text": "s", "thoughtSignature": "1"},
                {"text": "", "thoughtSignature": "2"},
                {"text": "", "thought": True, "thoughtSignature": "3"},
                {"executableCode": {"code": "1"}},
                {"codeExecutionResult": {"output": "1"}},
                {"unknown": 1},
                {"functionCall": {"name": "f"}},
            ]
        ),
        max_size=12,
    ),
    st.data(),
)
def test_the_result_does_not_depend_on_how_parts_are_cut_into_chunks(parts, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(parts)), max_size=4)))
    edges = [0, *cuts, len(parts)]
    chunks = [chunk(*parts[a:b]) for a, b in pairwise(edges)]
    made, sink = fold(*chunks, chunk(finish="STOP"))
    whole, _ = fold(chunk(*parts, finish="STOP"))
    output = output_from(made.body(), "m")
    assert made.body() == whole.body()
    assert "".join(sink.texts) == output.completion
    assert sink.names == {c.id: c.function for c in output.message.tool_calls or []}
