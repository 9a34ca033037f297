"""Events of Anthropic's streams: the deltas that they are, and the answer that they make."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modeld.types import ContentData, ModelOutput
from modeld_daemon.providers.anthropic.response import output_from
from modeld_daemon.providers.anthropic.stream import EventFold, StreamError
from tests.fakes.anthropic_wire import ALL, CALL, STRANGE, THINKING, USAGE, body, text
from tests.fakes.deltas import Deltas


def start(index: int, block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, kind: str, name: str, value: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, name: value}}


def events(made: dict[str, Any]) -> list[dict[str, Any]]:
    """The stream of a plain answer."""
    head = {**made, "content": [], "stop_reason": None, "usage": {**USAGE, "output_tokens": 1}}
    told: list[dict[str, Any]] = [{"type": "message_start", "message": head}, {"type": "ping"}]
    for index, block in enumerate(made["content"]):
        match block["type"]:
            case "text":
                told.append(start(index, {"type": "text", "text": ""}))
                half = len(block["text"]) // 2
                pieces = (block["text"][:half], block["text"][half:])
                cited = block.get("citations") or ()
                told += [delta(index, "text_delta", "text", piece) for piece in pieces]
                told += [delta(index, "citations_delta", "citation", one) for one in cited]
            case "thinking":
                told.append(start(index, {"type": "thinking", "thinking": "", "signature": ""}))
                told.append(delta(index, "thinking_delta", "thinking", block["thinking"]))
                told.append(delta(index, "signature_delta", "signature", block["signature"]))
            case "tool_use" | "server_tool_use" | "mcp_tool_use":
                told.append(start(index, {**block, "input": {}}))
                said = json.dumps(block["input"])
                pieces = ("", said[:3], said[3:])
                told += [delta(index, "input_json_delta", "partial_json", one) for one in pieces]
            case _:
                told.append(start(index, block))
        told.append({"type": "content_block_stop", "index": index})
    end = {"stop_reason": made["stop_reason"], "stop_sequence": None}
    told.append({"type": "message_delta", "delta": end, "usage": {"output_tokens": 5}})
    told.append({"type": "message_stop"})
    return told


def fold(told: list[dict[str, Any]], sink: Deltas | None = None) -> EventFold:
    folding = EventFold(sink)
    for event in told:
        folding.feed(event)
    return folding


def unnamed(output: ModelOutput) -> dict[str, Any]:
    made = output.to_dict()
    made["choices"][0]["message"].pop("id")
    return made


@pytest.mark.parametrize("blocks", [ALL, (text("x"),), (CALL,), ()])
def test_a_folded_stream_is_the_plain_answer(blocks):
    made, sink = body(*blocks, stop="tool_use"), Deltas()
    folding = fold(events(made), sink)
    assert folding.finished
    output = output_from(folding.body())
    assert unnamed(output) == unnamed(output_from(made))
    assert "".join(sink.texts) == output.completion
    assert "".join(sink.thoughts) == ("hm" if THINKING in blocks else "")
    calls = output.message.tool_calls or []
    assert sink.names == {call.id: call.function for call in calls}
    assert {id: json.loads("".join(said)) for id, said in sink.calls.items()} == {
        call.id: call.arguments for call in calls
    }


def test_members_that_are_null_say_nothing():
    """As servers that imitate the API have them."""
    end = [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": None}]
    end += [{"type": "message_delta", "delta": None}, {"type": "message_stop"}]
    made = output_from(fold([*events(body(text("x")))[:-2], *end]).body())
    assert (made.completion, made.stop_reason) == ("x", "stop")


def test_an_input_that_comes_whole_is_told_once():
    """That of a call which code of the server makes has no deltas.

    https://platform.claude.com/docs/en/agents-and-tools/tool-use/programmatic-tool-calling
    """
    caller = {"type": "code_execution_20250825", "tool_id": "srvtoolu_1"}
    call = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": "x"}}
    whole = [start(0, {**call, "caller": caller}), {"type": "content_block_stop", "index": 0}]
    head = {"type": "message_start", "message": {**body(), "content": []}}
    told, asked = Deltas(), Deltas()
    fold([head, *whole, {"type": "message_stop"}], told)
    message = {**body(), "content": [{**call, "caller": caller}]}
    fold([{"type": "message_start", "message": message}, {"type": "message_stop"}], asked)
    for sink in (told, asked):
        assert sink.names == {"toolu_1": "look"}
        assert json.loads("".join(sink.calls["toolu_1"])) == {"at": "x"}


def test_input_that_is_no_json_is_the_models_error():
    told = events(body(CALL))
    told = [e for e in told if e.get("delta", {}).get("partial_json") is None]
    told.insert(3, delta(0, "input_json_delta", "partial_json", '{"a": '))
    call = output_from(fold(told).body()).message.tool_calls[0]
    assert call.parse_error is not None
    assert call.arguments == {}


def test_a_block_or_delta_of_the_future_is_kept():
    told = events(body(STRANGE))
    told.insert(3, delta(0, "new_delta", "content", "abc"))
    told.insert(4, {"type": "new_event", "x": 1})
    part = output_from(fold(told).body()).message.content_list[0]
    assert part == ContentData({**STRANGE, "content": "abc"}, internal={"source": "anthropic"})


def test_an_error_in_the_stream_is_one():
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    with pytest.raises(StreamError):
        fold([*events(body(text("x")))[:4], error])
