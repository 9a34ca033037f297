"""What a dialect says of itself: the table that `wires/<dialect>.py` fills in.

An answer is written by hand from the provider's published API, once as a plain body and once as the
events of a stream. Readers say in modeld's words what a request asked for. The suite knows nothing
else of a wire.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

import pytest

from modeld.types import ToolChoice

Body: TypeAlias = dict[str, Any]

AnswerName: TypeAlias = Literal[
    "text", "tool", "parallel", "thoughts", "thoughts_and_tool", "structured",
    "max_tokens", "content_filter", "model_length", "logprobs",
]  # fmt: skip
"""The answers that every table holds, or says in `missing` why not. `script.py` says what is in
each, in modeld's values.
"""

FailureName: TypeAlias = Literal[
    "unauthorized", "forbidden", "no_model", "bad_request", "rate_limit", "server", "overloaded",
    "quota",
]  # fmt: skip


WORDS = ("choice_none", "error_in_answer", "conversation")
"""Further words of `missing`: a choice of no tool at all; an error in an answer with a good status;
anything but one text of the user's.
"""


class Piece(NamedTuple):
    """One thing of a conversation, as a request has it."""

    kind: Literal["user", "assistant", "call", "answer", "image", "document"]
    text: str = ""
    """The text; of media the data: URI."""
    id: str = ""
    name: str = ""
    arguments: Body | None = None


class Framing(NamedTuple):
    """How a stream has its events."""

    kind: str
    """Its content type."""
    written: Callable[[list[Any]], list[bytes]]
    """Each event as the server writes it."""
    garbage: bytes
    """What is no event."""


def as_events(events: list[Any]) -> list[bytes]:
    """Server-sent events; one whose data has a type is named by it, as the APIs do that have names."""
    written = []
    for event in events:
        named = isinstance(event, dict) and isinstance(event.get("type"), str)
        name = f"event: {event['type']}\n" if named else ""
        data = event if isinstance(event, str) else json.dumps(event)
        written.append(f"{name}data: {data}\n\n".encode())
    return written


SSE = Framing("text/event-stream; charset=utf-8", as_events, b"data: {oops\n\n")


class Answer(NamedTuple):
    """What the server says: plain, and the data of each event where it is asked to stream."""

    body: Body
    events: list[Any]
    """JSON values, or texts such as `[DONE]`."""
    status: int = 200
    """Other than 200: the body is said in both ways."""
    framing: Framing = SSE
    headers: Mapping[str, str] = {}


class Failure(NamedTuple):
    """How the API says that it did not work out."""

    status: int
    body: Body
    headers: Mapping[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class Readers:
    """How to read what was sent."""

    system_of: Callable[[Body], str]
    said: Callable[[Body], list[Piece]]
    """The conversation without system messages and thoughts."""
    thoughts_of: Callable[[Body], list[Any]]
    """Thoughts in the conversation, as the wire has them."""
    tools_of: Callable[[Body], dict[str, Body]]
    """Schemas of the parameters by the tool's name."""
    choice_of: Callable[[Body], ToolChoice | None]
    """None where nothing is said, which is "auto"."""
    schema_of: Callable[[Body], Body]
    """The schema that the answer must have."""
    max_tokens_of: Callable[[Body], int]
    top_logprobs_of: Callable[[Body], int] | None = None


KEY = "test-key"


@dataclass(frozen=True, kw_only=True)
class Wire:
    """A dialect as its server knows it."""

    name: str
    provider: str
    """Name of the row in the catalog."""
    of_row: bool = False
    """Whether it is a row with quirks, of a dialect that has a table of its own. What is about
    servers and networks that fail below the dialect is not tried again.
    """
    key: str | None = KEY
    """None: a service account of Google's gets tokens, which are the same text."""
    environment: Mapping[str, str] = field(default_factory=dict)
    model: str
    thinker: str = ""
    """Model of the calls that think; `model` where it is the same."""
    args: Mapping[str, Any] = field(default_factory=dict)
    """Model args."""
    base_path: str = ""
    """What the base URL has after the server's address."""
    place: str
    """First line of a plain request, in lower case. Headers are the SDK's, but for the key."""
    readers: Readers
    answers: Mapping[AnswerName, Answer]
    failures: Mapping[FailureName, Failure]
    stream_error: list[Any]
    """Events that say that the server is in trouble."""
    counters: frozenset[str]
    """Counters of `ModelUsage`, beyond input and output, that the API has."""
    thoughts: Mapping[AnswerName, list[Any]]
    """What `thoughts_of` must find after an answer with thoughts went back."""
    signature: str | None = None
    """What thoughts are signed with, or their ciphertext."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Why the provider does not offer an answer, a failure or one of `WORDS`, by name."""

    def answer(self, name: AnswerName) -> Answer:
        """The answer of that name; skips the test where the provider has none."""
        self.offers(name)
        return self.answers[name]

    def failure(self, name: FailureName) -> Failure:
        """The failure of that name; skips the test where the provider has none."""
        self.offers(name)
        return self.failures[name]

    def offers(self, name: str) -> None:
        """Skips the test where the provider does not offer this."""
        if name in self.missing:
            pytest.skip(f"{self.name}: {self.missing[name]}")


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()
