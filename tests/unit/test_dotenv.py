"""The own reader of `.env` files against python-dotenv, which people test theirs with."""

from __future__ import annotations

import io
import logging
import os

import dotenv.main
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeld.environment import DotEnv

logging.getLogger("dotenv.main").setLevel(logging.ERROR)

SAMPLES = [
    "",
    "\n\n  \n",
    "A=1",
    "A=1\nB=2\n",
    "A=1\r\nB=2\r\n",
    "\ufeffA=1",
    "  A = 1  ",
    "export A=1\nexport\tB=2\nexport=3\nexport =4",
    "# comment\nA=1 # trailing\nB=1#kept\nC= # empty\nD=#kept\nE=   x   # y",
    "A='single $x ${x}'\nB=\"double ${A}\"",
    "A='it\\'s'\nB=\"say \\\"hi\\\"\\n\\t\\\\ \\q\"\nC='a\\nb\\\\'",
    "A='two\nlines'\nB=\"two\nlines\"\nC=3",
    "A='unclosed\nB=2",
    'A="unclosed\nB=2',
    "A='x' trailing\nB=2",
    "A='x' # comment\nB=2",
    "A\nB=\nC=''\n=x\n==\nD==x=",
    "'quoted key'=1\n'open key=2\nB=3",
    "A=${B}\nB=1\nC=${B}${A}\nD=${X:-default}\nE=${B:-no}\nF=${}\nG=${A:x}\nH=$B\nI=${B",
    "HOME=mine\nA=${HOME}",
    "A=1\nA=2\nB=${A}",
    "A\nB=${A:-x}",
    "A=ümläut\nB='日本'",
    "no equal sign here\nA=1",
    "A=b c d\nA.b-c=1\n",
    "A=\\n\nB=x\\",
    "\x0bA=1\x0c\nB=2",
    'K="-----BEGIN\nabc\n-----END"',
]


def theirs(text: str) -> dict[str, str | None]:
    read = dotenv.main.DotEnv(None, stream=io.StringIO(text), override=False)
    return dict(read.dict())


@pytest.mark.parametrize("text", SAMPLES)
def test_samples_are_read_as_python_dotenv_reads_them(text):
    assert dict(DotEnv(text).values(os.environ)) == theirs(text)


WORDS = "A B HOME = ' \" \\ # x ${A} ${B:-d} ${ } :- $A \\n \\' é"
SPACES = ["export ", "\n", "\r", "\r\n", " ", "\t", "\x0b", "\u2028", "\x85"]


@settings(max_examples=1000, deadline=None)
@given(st.lists(st.sampled_from([*WORDS.split(), *SPACES]), max_size=30).map("".join))
def test_any_text_is_read_as_python_dotenv_reads_it(text):
    assert dict(DotEnv(text).values(os.environ)) == theirs(text)


def test_references_follow_the_process_environment():
    read = DotEnv("A=${X:-none}/v1")
    assert read.values({})["A"] == "none/v1"
    assert read.values({"X": "one"})["A"] == "one/v1"
    assert read.values({"X": "two"})["A"] == "two/v1"


def test_the_repr_shows_names_and_no_values():
    assert repr(DotEnv("KEY=canary\nURL=${KEY}")) == "DotEnv(['KEY', 'URL'])"
