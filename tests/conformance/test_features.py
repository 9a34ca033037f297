"""What rows claim to offer (`providers/features.py`), held to what their wires show.

A claim that no wire of the row shows fails, and so does an ability that nobody claims. One shows it
that sends what is asked for without a warning, or reads what only such an answer has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from modeld.errors import ModeldError
from modeld.types import (
    ChatMessageUser,
    Content,
    ContentAudio,
    ContentDocument,
    ContentImage,
    ContentReasoning,
    ContentText,
    ContentVideo,
)
from modeld_daemon.core.call import Call
from modeld_daemon.core.ports import Provider
from modeld_daemon.providers.features import KNOWN
from tests.fakes.exact_server import Seen, serving

from .conftest import WIRES
from .scene import JSON, REGISTRY, Heard, ask, provider_of, response, route_of, saying, wants_stream
from .script import IMAGE_URI, PDF_URI, SCHEMA, TOOLS, call
from .wire import Wire, as_json

WAV_URI = "data:audio/wav;base64,UklGRiQAAABXQVZFZm10IBAAAAABAAEA"
MP4_URI = "data:video/mp4;base64,AAAAIGZ0eXBpc29tAAACAGlzb21pc28y"
COUNTED = {"input_tokens": 42, "totalTokens": 42, "inputTokens": 42}
LISTED = {
    "data": [{"id": "m-1"}],
    "models": [{"name": "models/m-1"}],
    "publisherModels": [{"name": "publishers/p/models/m-1"}],
    "modelSummaries": [{"modelId": "anthropic.m-1"}],
}
"""In the words of each API."""

ROWS = {row.name: row for row in REGISTRY.rows() if row.network}
UNSAID = {
    ("grok", "audio"): "Responses takes sound for the sake of routers",
    ("openai", "video"): "OpenAI takes none; servers that speak its API do",
    ("openai/azure", "video"): "as OpenAI's own",
    ("openai/bedrock", "video"): "as OpenAI's own",
}
"""Abilities that a dialect has for the sake of other rows, and why these do not claim them."""


def wires_of(name: str) -> list[Wire]:
    """Those of the API that the row is for; other APIs are for those who name them."""
    row = ROWS[name]
    found = [wire for wire in WIRES if wire.provider == name]
    if row.quirks.get("usual_api"):
        found = [wire for wire in found if "responses_api" not in wire.args]
    return found


def asked(wire: Wire, *messages: ChatMessageUser, **more: object) -> Heard:
    return ask(wire, saying(wire.answers["text"]), call(*messages, **more))


def warned(heard: Heard) -> bool:
    return bool((heard.output.metadata or {}).get("warnings"))


# -- what shows it ---------------------------------------------------------------------------


def streams(wire: Wire) -> bool:
    heard = ask(wire, saying(wire.answers["text"]), call(), stream=True)
    return len(heard.deltas.texts) > 1


def calls_tools(wire: Wire) -> bool:
    return len(wire.readers.tools_of(asked(wire, tools=TOOLS).body)) == len(TOOLS)


def takes(part: Content, uri: str) -> Callable[[Wire], bool]:
    def sends(wire: Wire) -> bool:
        heard = asked(wire, ChatMessageUser([ContentText("What?"), part]))
        return uri.partition(",")[2].encode() in heard.raw[0] and not warned(heard)

    return sends


def thinks(wire: Wire) -> bool:
    if "thoughts" in wire.missing:
        return False
    heard = ask(wire, saying(wire.answers["thoughts"]), call(), model=wire.thinker)
    return any(isinstance(part, ContentReasoning) for part in heard.output.message.content_list)


def has_schemas(wire: Wire) -> bool:
    heard = asked(wire, response_schema=SCHEMA)
    return "city" in wire.readers.schema_of(heard.body)["properties"] and not warned(heard)


def has_logprobs(wire: Wire) -> bool:
    heard = asked(wire, logprobs=True)
    return heard.body != asked(wire).body and not warned(heard)


def counts(wire: Wire) -> bool:
    async def count(provider: Provider) -> bool:
        told = await provider.count_tokens(Call("1", [ChatMessageUser("Hi")]), route_of(wire))
        return not told.estimated and told.tokens == 42

    return with_provider(wire, count)


def lists(wire: Wire) -> bool:
    async def list_models(provider: Provider) -> bool:
        models = getattr(provider, "models", None)
        listed = await models() if models is not None else None
        return bool(listed) and listed[0].name.startswith(f"{wire.provider}/")

    return with_provider(wire, list_models)


def with_provider(wire: Wire, act: Callable[[Provider], object]) -> bool:
    """What is found at a server that counts and lists."""

    async def answer(seen: Seen) -> None:
        assert not (seen.body and wants_stream(seen))
        body = LISTED if seen.head.startswith(b"GET") else COUNTED
        seen.writer.write(response(as_json(body), JSON))

    async def scene() -> bool:
        async with serving(answer) as server, provider_of(wire, server.port) as provider:
            found: bool = await act(provider)  # type: ignore[misc]
            return found

    return asyncio.run(scene())


SHOWS: dict[str, Callable[[Wire], bool]] = {
    "streaming": streams,
    "tools": calls_tools,
    "images": takes(ContentImage(IMAGE_URI), IMAGE_URI),
    "audio": takes(ContentAudio(WAV_URI, "wav"), WAV_URI),
    "video": takes(ContentVideo(MP4_URI, "mp4"), MP4_URI),
    "documents": takes(ContentDocument(PDF_URI), PDF_URI),
    "reasoning": thinks,
    "schema": has_schemas,
    "logprobs": has_logprobs,
    "count": counts,
    "list": lists,
}


def shown(wire: Wire, feature: str) -> bool:
    try:
        return SHOWS[feature](wire)
    except (ModeldError, KeyError):  # it is refused, or not in the request
        return False


# -- the claims ------------------------------------------------------------------------------


def test_every_row_with_a_network_has_a_wire():
    assert {wire.provider for wire in WIRES} == set(ROWS)


def test_every_row_that_differs_is_run_as_it_is():
    """By its own API, and not only as a caller may ask for."""
    assert [name for name in ROWS if not wires_of(name)] == []


def test_every_feature_can_be_shown():
    assert tuple(SHOWS) == KNOWN


@pytest.mark.parametrize("feature", SHOWS)
@pytest.mark.parametrize("name", ROWS)
def test_a_row_offers_what_it_claims_and_no_more(name, feature):
    claimed = feature in REGISTRY.features(ROWS[name])
    found = any(shown(wire, feature) for wire in wires_of(name))
    if (name, feature) in UNSAID:
        assert (claimed, found) == (False, True)
    else:
        assert claimed == found
