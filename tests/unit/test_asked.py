"""What a call asks for, as a name."""

from __future__ import annotations

import hashlib
import json
import random

import pytest

from modeld.types import ChatMessageUser, GenerateConfig
from modeld_daemon.core import asked
from modeld_daemon.core.asked import claim
from modeld_daemon.core.call import Account, Call, Route

ROUTE = Route("p", "m", Account("p", "https://p.example", "f"))
SIZES = (0, 1, asked._LONG, asked._LONG + 1, asked._SLICE, 3 * asked._SLICE + 7)


def name(text: str) -> bytes:
    call = Call("1", [ChatMessageUser(content=text)], GenerateConfig(cache=True))
    return claim(call, ROUTE, {}).body


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("letters", ["a", 'a"\\\n', "\u00e4\u2028\U0001f600", "\ud800\x00"])
def test_a_long_text_is_named_as_any_other(size, letters):
    dice = random.Random(size)
    text = "".join(dice.choices(letters, k=size))
    value = [text, {"b": [text + "x", 1, None, 0.5, float("nan")], "a": {text[:5]: text}}, "", True]
    plain = json.dumps(value, sort_keys=True, ensure_ascii=False).encode("utf-8", "surrogatepass")
    assert asked._digest(value) == hashlib.sha256(plain).digest()
    assert asked._digest(value, asked._LONG) == hashlib.sha256(plain).digest()


def test_long_texts_that_differ_anywhere_have_other_names():
    text = "x" * 300_000
    names = {name(text[:at] + "y" + text[at + 1 :]) for at in (0, 65_535, 65_536, 299_999)}
    names |= {name(text), name(text + "x"), name(text[:-1])}
    assert len(names) == 7
    assert name(text) == name("x" * 300_000)
