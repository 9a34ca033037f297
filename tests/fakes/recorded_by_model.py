"""Recorded answers behind a base URL per provider, chosen by what is asked of whom.

The replay server finds a recording by the request's body; a prompt of the test's own has none. So
this corpus answers with the recorded response of that provider, to the same operation, plain or
streamed as asked, whose model's name begins most like the one that is asked for.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any
from urllib.parse import unquote

from tests.fakes.playing_anthropic import folded
from tests.fakes.recorded_openai import recordings_folder, replay_module

__all__ = ["Answers", "answering", "said"]

FOLDERS = {
    "anthropic": ("anthropic.messages",),
    "azure": ("azure.chat",),
    "bedrock": ("bedrock.converse",),
    "cloudflare": ("cloudflare.chat",),
    "deepseek": ("deepseek.chat",),
    "google": ("google.generate_content",),
    "grok": ("xai.responses",),
    "groq": ("groq.chat",),
    "mistral": ("mistral.chat",),
    "ollama": ("ollama.chat",),
    "openai": ("openai.responses", "openai.chat"),
    "openrouter": ("openrouter.chat",),
    "perplexity": ("perplexity.chat",),
    "together": ("together.chat",),
    "vertex": ("vertex.generate_content",),
}
"""Recordings of each provider, by the first part of the path below which it is served."""

# What an answer is rather without, unless it is asked for.
_UNUSUAL = {"content_filter", "error", "max_tokens", "multi_turn", "output_media", "reasoning"}
_UNUSUAL |= {"refusal", "server_tools", "structured", "tools", "vision"}
_CALLS = ('"tool_use"', '"toolUse"', '"functionCall"', '"function_call"', '"tool_calls": [{')


def said(body: dict[str, Any]) -> str:
    """The text of a recorded answer that is no stream, read without the project's code."""
    match body:
        case {"choices": [{"message": {"content": content}}, *_]}:
            parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
        case {"output": {"message": {"content": parts}}}:
            pass
        case {"output": items}:
            parts = [p for i in items if i["type"] == "message" for p in i["content"]]
        case {"candidates": [{"content": {"parts": parts}}, *_]}:
            parts = [part for part in parts if not part.get("thought")]
        case {"content": parts}:
            pass
        case _:
            raise ValueError(f"no answer: {sorted(body)}")
    return "".join(part.get("text") or "" for part in parts)


def model_of(path: str, body: Any) -> str:
    """The model that a request names, in its body or in its path."""
    if isinstance(body, dict) and "model" in body:
        return str(body["model"])
    for word in ("models/", "model/", "deployments/"):
        if word in path:
            return (
                unquote(path.split(word)[1]).split(":generate")[0].split(":stream")[0].split("/")[0]
            )
    return ""


def _is_text(response: dict[str, Any]) -> bool:
    """Whether a recorded answer is a text for the user and asks for no tool; streams may be."""
    body = response.get("body")
    if response["status"] != 200 or body is None:
        return response["status"] == 200
    written = json.dumps(body)
    return not any(sign in written for sign in _CALLS) and bool(said(body))


def _likeness(model: str, request: dict[str, Any], features: set[str]) -> tuple[bool, int, int]:
    """How well a recording stands for a model: its own, or one of a like name; little unusual."""
    named = model_of(request["url"], request.get("body"))
    pairs = zip(named.lower(), model.lower(), strict=False)
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return named == model, alike, -len(_UNUSUAL & features)


@dataclass
class Answers:
    """What is served, and what was asked."""

    replay: Any
    corpus: Any
    connections: set[asyncio.Task[None]] = field(default_factory=set)
    """Those over which something was asked, each served by a task."""

    def url(self, place: str, *features: str) -> str:
        """The base URL of a provider; its answers have all of the recordings' features."""
        assert place in FOLDERS
        return "/".join([self.replay.url, "+".join([place, *features])])

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The requests, the oldest first; each one was answered by a recording."""
        assert [r for r in self.replay.requests if r["status"] not in (200, None)] == []
        return list(self.replay.requests)

    def bodies(self, model: str) -> list[dict[str, Any]]:
        """What was sent to a model."""
        return [r["body"] for r in self.requests if model_of(r["path"], r["body"]) == model]

    def recorded(self, request: dict[str, Any]) -> dict[str, Any]:
        """The recorded body that answered a request; of streams, those of Anthropic are put together."""
        exchange = self.corpus.get(request["case"])["exchanges"][request["exchange"]]
        response = exchange["response"]
        body: dict[str, Any] = response["body"] if "body" in response else folded(response["sse"])
        return body

    def answered(self, model: str) -> list[dict[str, Any]]:
        """The recorded bodies that have answered for a model."""
        asked = [r for r in self.requests if model_of(r["path"], r["body"]) == model]
        return [self.recorded(request) for request in asked]

    def texts(self, model: str) -> list[str]:
        """What the recordings have said for a model."""
        return [said(body) for body in self.answered(model)]

    def slow(self, place: str, seconds: float) -> str:
        """The base URL of a provider that answers after so long a time."""
        return f"{self.replay.url}/fault/slow;first_ms={1000 * seconds:.0f}/{place}"

    def most_at_once(self, model: str, seconds: float) -> int:
        """The most requests for a model that waited together, when each waits for so long."""
        asked = [r["time"] for r in self.requests if model_of(r["path"], r["body"]) == model]
        return max(sum(end - seconds < begun <= end for begun in asked) for end in asked)

    def connected(self) -> int:
        """How many of the connections are open."""
        return sum(not task.done() for task in self.connections)

    def forget(self) -> None:
        self.connections.clear()
        self.replay.reset()


@contextmanager
def answering() -> Iterator[Answers]:
    """Serves the recordings."""
    replay = replay_module()

    class ByModel(replay.Corpus):  # type: ignore[misc, name-defined]
        def find(self, method: str, path: str, body: Any) -> tuple[str, int] | None:
            place, *features = path.split("/")[1].split("+")
            model = model_of(path, body)
            answers.connections.add(asyncio.current_task())
            fitting = [
                (_likeness(model, exchange["request"], set(case["features"]) - set(features)), at)
                for case in self.of(place, {"text", *features})
                for number, exchange in enumerate(case["exchanges"])
                if replay.fits(exchange, method, path, body) and _is_text(exchange["response"])
                for at in [(case["id"], number)]
            ]
            return max(fitting, key=lambda one: one[0], default=(None, None))[1]

        def of(self, place: str, features: set[str]) -> Iterator[dict[str, Any]]:
            for id in self.ids():
                if id.partition("-")[0] in FOLDERS.get(place, ()):
                    case = self.get(id)
                    if features <= set(case["features"]):
                        yield case

    folders = {folder for folders in FOLDERS.values() for folder in folders}
    corpus = ByModel([recordings_folder() / folder for folder in sorted(folders)])
    with replay.ThreadedReplayServer(corpus) as server:
        answers = Answers(server, corpus)
        yield answers


if __name__ == "__main__":  # what would be answered: place, operation's path, model
    import sys

    with answering() as answers:
        place, path, model = sys.argv[1:4]
        found = answers.corpus.find("POST", f"/{place}/{path}", {"model": model})
        print(
            found and json.dumps(answers.recorded({"case": found[0], "exchange": found[1]}))[:600]
        )
