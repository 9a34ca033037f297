"""Events of ConverseStream: the deltas that they are, and the answer that they make.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlockDelta.html
"""

from __future__ import annotations

import json
from typing import Any

from modeld.types import ModelOutput
from modeld_daemon.providers.aws.eventstream import Frame
from modeld_daemon.providers.bedrock.response import output_from
from modeld_daemon.providers.bedrock.stream import EventFold
from tests.fakes.deltas import Deltas


def frame(name: str, **event: Any) -> Frame:
    headers = {":message-type": "event", ":event-type": name}
    return Frame(headers, json.dumps(event).encode())


def delta(index: int, **said: Any) -> Frame:
    return frame("contentBlockDelta", contentBlockIndex=index, delta=said)


def folded(*frames: Frame) -> tuple[ModelOutput, Deltas]:
    sink = Deltas()
    fold = EventFold(sink)
    for one in (*frames, frame("messageStop", stopReason="end_turn")):
        fold.feed(one)
    return output_from(fold.body(), "m", (), None), sink


def test_a_text_that_citations_cut_in_pieces_is_one():
    citation = {"title": "a", "location": {"documentPage": {"documentIndex": 0, "start": 1}}}
    output, sink = folded(
        delta(0, text="It says "),
        delta(1, citation=citation),
        delta(1, text="so"),
        delta(2, text="."),
    )
    assert "".join(sink.texts) == output.completion == "It says so."


def test_texts_that_stand_apart_are_lines():
    use = {"toolUse": {"toolUseId": "t1", "name": "f"}}
    output, sink = folded(
        delta(0, text="first"),
        delta(1, reasoningContent={"text": "hm"}),
        delta(2, text="second"),
        frame("contentBlockStart", contentBlockIndex=3, start=use),
        delta(3, toolUse={"input": "{}"}),
        delta(4, text="third"),
    )
    assert "".join(sink.texts) == output.completion == "first\nsecond\nthird"
