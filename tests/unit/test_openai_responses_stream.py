"""Events of a streamed response: the deltas that they are, and the answer that they make."""

from __future__ import annotations

from typing import Any

import pytest

from modeld_daemon.providers.openai_responses.response import output_from
from modeld_daemon.providers.openai_responses.stream import EventFold, StreamError
from tests.fakes.deltas import Deltas

TEXT: dict[str, Any] = {
    "id": "m1",
    "type": "message",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "hello"}, {"type": "refusal", "refusal": "no"}],
}
THOUGHTS: dict[str, Any] = {
    "id": "r1",
    "type": "reasoning",
    "summary": [{"text": "one"}, {"text": "two"}],
}
CALL: dict[str, Any] = {
    "id": "f1",
    "type": "function_call",
    "call_id": "c1",
    "name": "add",
    "arguments": '{"a":1}',
}


def event(kind: str, index: int = 0, **more: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", "output_index": index, **more}


def done(*items: dict[str, Any]) -> dict[str, Any]:
    response = {"id": "resp", "model": "m", "status": "completed", "output": list(items)}
    return {"type": "response.completed", "response": response}


def folded(*events: dict[str, Any]) -> tuple[EventFold, Deltas]:
    sink = Deltas()
    fold = EventFold(sink)
    for one in events:
        fold.feed(one)
    return fold, sink


def heard(sink: Deltas) -> tuple[str, str, dict[str, str]]:
    calls = {id: "".join(pieces) for id, pieces in sink.calls.items()}
    return "".join(sink.texts), "".join(sink.thoughts), calls


ALL = ("hello\nno", "one\n\ntwo", {"c1": '{"a":1}'})
DELTAS = [
    event("output_item.added", 0, item={**THOUGHTS, "summary": []}),
    event("reasoning_summary_text.delta", 0, summary_index=0, delta="on"),
    event("reasoning_summary_text.delta", 0, summary_index=0, delta="e"),
    event("reasoning_summary_text.delta", 0, summary_index=1, delta="two"),
    event("output_item.done", 0, item=THOUGHTS),
    event("content_part.added", 1, content_index=0, part={"type": "output_text", "text": ""}),
    event("output_text.delta", 1, content_index=0, delta="hel"),
    event("output_text.delta", 1, content_index=0, delta="lo"),
    event("refusal.delta", 1, content_index=1, delta="no"),
    event("output_item.done", 1, item=TEXT),
    event("output_item.added", 2, item={**CALL, "arguments": ""}),
    event("function_call_arguments.delta", 2, delta='{"a"'),
    event("function_call_arguments.delta", 2, delta=":1}"),
    event("output_item.done", 2, item=CALL),
    event("never_heard_of", 2, something=1),
    done(THOUGHTS, TEXT, CALL),
]


def test_deltas_are_told_once_and_make_the_plain_answer():
    fold, sink = folded(*DELTAS)
    assert heard(sink) == ALL
    assert sink.names == {"c1": "add"}
    assert fold.finished
    output = output_from(fold.body())
    assert output.completion == ALL[0]
    assert output.stop_reason == "tool_calls"


@pytest.mark.parametrize("kept", ["deltas", "done", "last"])
def test_what_a_server_does_not_stream_is_told_at_the_end(kept):
    """Some send no deltas, some do not say that items are done."""
    events = {
        "deltas": [e for e in DELTAS if not e["type"].endswith("item.done")],
        "done": [e for e in DELTAS if not e["type"].endswith("delta")],
        "last": DELTAS[-1:],
    }[kept]
    _, sink = folded(*events)
    assert heard(sink) == ALL


def test_items_that_the_last_event_leaves_out_are_kept():
    fold, sink = folded(*DELTAS[:-1], done())
    assert heard(sink) == ALL
    assert [item["id"] for item in fold.body()["output"]] == ["r1", "m1", "f1"]


def test_indices_of_a_stream_need_not_be_those_of_the_response():
    text = {**TEXT, "content": TEXT["content"][:1]}
    _, sink = folded(
        event("content_part.added", 3, content_index=1, part={"type": "output_text", "text": ""}),
        event("output_text.delta", 3, content_index=1, delta="hello"),
        event("output_item.done", 3, item=text),
        done(text),
    )
    assert heard(sink)[0] == "hello"


def test_of_thoughts_and_their_summary_one_is_told():
    both = {**THOUGHTS, "content": [{"type": "reasoning_text", "text": "deep"}]}
    _, sink = folded(
        event("reasoning_text.delta", content_index=0, delta="de"),
        event("reasoning_summary_text.delta", summary_index=0, delta="one"),
        event("output_item.done", item=both),
        done(both),
    )
    assert heard(sink)[1] == "deep"


def test_calls_of_other_kinds():
    custom = {"type": "custom_tool_call", "call_id": "c1", "name": "f", "input": "4+4"}
    computer = {"type": "computer_call", "call_id": "c2", "action": {"type": "click"}}
    plain = {**CALL, "call_id": "c3", "arguments": {"a": 1}}  # an object in place of its text
    _, sink = folded(
        event("output_item.added", item={**custom, "input": ""}),
        event("custom_tool_call_input.delta", delta="4+"),
        event("output_item.done", item=custom),
        event("output_item.done", 1, item=computer),
        event("output_item.done", 2, item=plain),
        done(custom, computer, plain),
    )
    assert heard(sink)[2] == {"c1": "4+4", "c2": '{"action":{"type":"click"}}', "c3": '{"a":1}'}
    assert sink.names == {"c1": "f", "c2": "computer", "c3": "add"}


@pytest.mark.parametrize(
    "error",
    [
        {"type": "error", "code": "server_error", "message": "m"},
        {"type": "error", "error": {"code": "server_error", "message": "m"}},
        {"error": {"message": "m"}},
    ],
)
def test_an_error_in_the_stream_is_reported(error):
    with pytest.raises(StreamError):
        folded(error)


def test_nobody_need_listen():
    fold = EventFold(None)
    assert fold.empty
    for one in DELTAS:
        fold.feed(one)
    assert fold.finished
    assert len(fold.body()["output"]) == 3
