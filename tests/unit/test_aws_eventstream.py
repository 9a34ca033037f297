"""Amazon's frames: whole, cut anywhere, and broken."""

from __future__ import annotations

import pytest

from modeld_daemon.providers.aws.eventstream import FrameParser
from tests.fakes.aws_frames import frame

ONE = frame(b'{"a": 1}', **{":message-type": "event", ":event-type": "chunk"})
TWO = frame(b"", **{":message-type": "exception", ":exception-type": "throttlingException"})


@pytest.mark.parametrize("step", [1, 3, 16, 1000])
def test_frames_are_read_however_they_are_cut(step):
    data = ONE + TWO
    parser = FrameParser()
    found = []
    for at in range(0, len(data), step):
        found += parser.feed(data[at : at + step])
    assert [(f.kind, f.name, f.payload) for f in found] == [
        ("event", "chunk", b'{"a": 1}'),
        ("exception", "throttlingException", b""),
    ]
    assert parser.empty


@pytest.mark.parametrize("place", [0, 5, 9, 14, len(ONE) - 6, len(ONE) - 1])
def test_a_wrong_byte_is_noticed(place):
    broken = bytearray(ONE)
    broken[place] ^= 0x10
    with pytest.raises(ValueError, match="frame"):
        list(FrameParser().feed(bytes(broken) + bytes(64)))


def test_headers_of_other_types_are_passed_over():
    extra = b"\x01t\x00" + b"\x01n\x04\x00\x00\x00\x07" + b"\x01u\x09" + bytes(16)
    (found,) = FrameParser().feed(frame(b"x", extra, **{":event-type": "e"}))
    assert found.headers == {":event-type": "e"}
