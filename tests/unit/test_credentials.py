from __future__ import annotations

import pytest

from modeld.errors import InvalidRequest
from modeld_daemon.providers.http.credentials import Cutter, credentials_in
from modeld_daemon.providers.http.endpoint import Endpoint

KEY = b"sk-1234567890-sk-12345"


def test_the_credentials_of_a_head_are_known_without_their_schemes():
    headers = [
        ("Authorization", "Bearer sk-1234567890"),
        ("X-Api-Key", "a-key-of-some-length"),
        ("x-goog-api-key", "EMPTY"),
        ("user-agent", "modeld/1.0 of a machine"),
    ]
    found = (b"a-key-of-some-length", b"sk-1234567890")
    assert credentials_in(headers) == found
    endpoint = Endpoint.make("POST", "https://a.example/v1", iter(headers))
    assert endpoint.credentials == found
    assert "sk-" not in repr(endpoint)
    assert b"x-api-key: a-key-of-some-length" in endpoint.head


@pytest.mark.parametrize("word", ["EMPTY", "none", "ollama", "lm-studio"])
def test_words_that_stand_for_a_key_stay_in_answers(word):
    cutter = Cutter(credentials_in([("authorization", f"Bearer {word}")]))
    assert cutter.cut(word.encode()) == cutter.feed(word.encode()) == word.encode()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 22, 23, 60])
def test_a_stream_is_cut_like_the_whole(size):
    data = b"s sk-12 " + KEY + b"sk-\n" + KEY[:-1] + b"\nsk-123" + KEY + b" sk-1234567890-sk-1"
    cutter = Cutter((KEY,))
    told = b"".join(cutter.feed(data[at : at + size]) for at in range(0, len(data), size))
    assert told + cutter.finish() == data.replace(KEY, b"***")
    assert cutter.finish() == b""


def test_complete_lines_never_wait():
    cutter = Cutter((KEY,))
    assert cutter.feed(b"data: sk\n") == b"data: sk\n"
    assert cutter.feed(b"data: sk") == b"data: "
    assert cutter.feed(b"y\n") == b"sky\n"


def test_an_error_may_quote_bytes_that_are_no_text():
    assert Cutter((KEY,)).cut_text(f"\udcff {KEY.decode()}") == "\udcff ***"


@pytest.mark.parametrize("end", ["\n", "\r\nx: 1", "\0", "\udcff"])
def test_a_key_that_no_header_can_hold_is_refused_unseen(end):
    with pytest.raises(InvalidRequest) as caught:
        Endpoint.make("POST", "https://a.example/v1", [("authorization", f"Bearer sk-secret{end}")])
    assert "sk-secret" not in repr((caught.value, caught.value.__context__))
