"""What a dialect says of itself: the table that `wires/<dialect>.py` fills in.

An answer is written by hand from the provider's published API, once as a plain body and once as the
events of a stream. Readers say in modeld's words what a request asked for. The suite knows nothing
else of a wire.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .column import AnswerName, Body, Column, FailureName


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


KEY = "test-key"


@dataclass(frozen=True, kw_only=True)
class Wire(Column):
    """A dialect as its server knows it."""

    key: str | None = KEY
    """None: a service account of Google's gets tokens, which are the same text."""
    environment: Mapping[str, str] = field(default_factory=dict)
    thinker: str = ""
    """Model of the calls that think; `model` where it is the same."""
    base_path: str = ""
    """What the base URL has after the server's address."""
    place: str
    """First line of a plain request, in lower case. Headers are the SDK's, but for the key."""
    answers: Mapping[AnswerName, Answer]
    failures: Mapping[FailureName, Failure]
    stream_error: list[Any]
    """Events that say that the server is in trouble."""
    counters: frozenset[str]
    """Counters of `ModelUsage`, beyond input and output, that the API has."""

    def answer(self, name: AnswerName) -> Answer:
        """The answer of that name; skips the test where the provider has none."""
        self.offers(name)
        return self.answers[name]

    def failure(self, name: FailureName) -> Failure:
        """The failure of that name; skips the test where the provider has none."""
        self.offers(name)
        return self.failures[name]


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()
