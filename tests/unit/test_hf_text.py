"""From tokens to text, with a tokenizer of bytes that needs no package."""

from __future__ import annotations

from typing import Any

import pytest

from modeld_daemon.providers.huggingface.text import Text


class Bytes:
    """Tokens are bytes."""

    def decode(self, ids: list[int], **_: Any) -> str:
        return bytes(ids).decode("utf-8", "replace")


class Words:
    """Tokens are words; the first of what is decoded together has no space before it."""

    def decode(self, ids: list[int], **_: Any) -> str:
        return " ".join(f"w{id}" for id in ids)


def told(text: Text, ids: list[int] | bytes) -> list[str]:
    deltas = []
    for id in ids:
        deltas.append(text.push(id))
        if text.stopped:
            break
    return [delta for delta in [*deltas, text.finish()] if delta]


def test_characters_of_several_tokens_come_whole():
    assert told(Text(Bytes()), "aé東🐶".encode()) == ["a", "é", "東", "🐶"]


def test_what_is_never_completed_comes_at_the_end():
    assert told(Text(Bytes()), "a東".encode()[:-1]) == ["a", "\ufffd"]


def test_a_tokens_text_depends_on_what_stands_before_it():
    assert told(Text(Words()), [1, 2, 3]) == ["w1", " w2", " w3"]


@pytest.mark.parametrize(
    "stops, deltas",
    [
        (["cd"], ["a", "b"]),
        (["bx", "def"], ["a", "bc"]),  # held back while it might be one
        (["xyz"], ["a", "b", "c", "d", "e", "f"]),
        (["", "a"], []),
        (["f!"], ["a", "b", "c", "d", "e", "f"]),  # the last comes at the end
        (["cdx", "d"], ["a", "b", "c"]),
    ],
)
def test_nothing_of_a_stop_is_told(stops: list[str], deltas: list[str]):
    text = Text(Bytes(), stops)
    assert told(text, b"abcdef") == deltas
    assert text.stopped == (stops[-1] in ("cd", "def", "a", "d"))


def test_what_the_prompt_has_begun_comes_first():
    assert told(Text(Bytes(), begun="<think>\n"), b"hm") == ["<think>\nh", "m"]
