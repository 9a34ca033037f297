"""Server-sent events: what they mean does not depend on how the bytes arrive."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modeld_daemon.providers.http.sse import EventParser


def parse(data: bytes, cuts: list[int] | None = None) -> list[tuple[bytes, bytes]]:
    parser = EventParser()
    edges = [0, *sorted(cuts or []), len(data)]
    events = []
    for start, end in pairwise(edges):
        events += parser.feed(data[start:end])
    return events + parser.finish()


@pytest.mark.parametrize(
    "text, events",
    [
        (b"data: a\n\n", [(b"", b"a")]),
        (b"data:a\n\ndata:  b\n\n", [(b"", b"a"), (b"", b" b")]),
        (b"data: a\ndata: b\n\n", [(b"", b"a\nb")]),
        (b"event: x\ndata: a\n\ndata: b\n\n", [(b"x", b"a"), (b"", b"b")]),
        (b": comment\n\n:\n\ndata: a\n\n", [(b"", b"a")]),
        (b"id: 1\nretry: 9\nunknown: y\ndata: a\n\n", [(b"", b"a")]),
        (b"data\n\ndata: a\n\n", [(b"", b""), (b"", b"a")]),
        (b"\xef\xbb\xbfdata: a\n\n", [(b"", b"a")]),
        (b"event: only\n\n", []),
        (b"data: [DONE]\n\n", [(b"", b"[DONE]")]),
        (b"data: last without its blank line", [(b"", b"last without its blank line")]),
        (b"data: a\r\n\r\ndata: b\r\rdata: c\n\n", [(b"", b"a"), (b"", b"b"), (b"", b"c")]),
        ("data: é\u2028ü\x85\n\n".encode(), [(b"", "é\u2028ü\x85".encode())]),
        (b"data: a\x0b\x0cb\x1c\n\n", [(b"", b"a\x0b\x0cb\x1c")]),
    ],
)
def test_streams_are_read_as_the_standard_says(text, events):
    assert parse(text) == events
    assert parse(text, list(range(len(text)))) == events


LINE_END = st.sampled_from([b"\n", b"\r\n", b"\r"])
TEXT = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20)
EVENT = st.tuples(st.sampled_from([b"", b"delta", b"stop"]), st.lists(TEXT, min_size=1, max_size=3))


@given(st.lists(EVENT, max_size=6), LINE_END, st.data())
def test_any_split_gives_the_same_events(events, end, data):
    text = b""
    for name, lines in events:
        text += b": keep-alive" + end + end
        text += b"event: " + name + end if name else b""
        text += b"".join(b"data: " + line.encode() + end for line in lines) + end
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=12))
    expected = [(name, "\n".join(lines).encode()) for name, lines in events]
    assert parse(text, cuts) == expected


@given(
    st.lists(st.recursive(st.text(max_size=9) | st.integers(), st.lists, max_leaves=4)), st.data()
)
def test_json_survives_any_split(values, data):
    text = b"".join(
        b"data: " + json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\r\n\r\n"
        for value in values
    )
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=12))
    assert parse(text, cuts) == parse(text)
    assert len(parse(text)) == len(values)


def test_a_long_line_in_small_pieces_costs_linear_time():
    parser = EventParser()
    assert parser.feed(b"data: ") == []
    for _ in range(200_000):
        parser.feed(b"x")
    (event,) = parser.feed(b"\n\n")
    assert len(event[1]) == 200_000
