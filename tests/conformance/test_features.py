"""What rows claim to offer (`providers/features.py`), held to what their columns show.

A claim that no column of the row shows fails, and so does an ability that nobody claims. One shows it
that sends what is asked for without a warning, or reads what only such an answer has.
"""

from __future__ import annotations

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
from modeld_daemon.providers.features import KNOWN

from .conftest import HOUSED, LOADING, STAGES
from .scene import REGISTRY
from .script import IMAGE_URI, PDF_URI, SCHEMA, TOOLS, call
from .stage import Heard, Stage

WAV_URI = "data:audio/wav;base64,UklGRiQAAABXQVZFZm10IBAAAAABAAEA"
MP4_URI = "data:video/mp4;base64,AAAAIGZ0eXBpc29tAAACAGlzb21pc28y"

ENGINES = {housed.column.provider: housed.column for housed in HOUSED}
ROWS = {row.name: row for row in REGISTRY.rows() if row.network or row.name in ENGINES}
pytestmark = pytest.mark.timeout(LOADING)
UNSAID = {
    ("grok", "audio"): "Responses takes sound for the sake of routers",
    ("openai", "video"): "OpenAI takes none; servers that speak its API do",
    ("openai/azure", "video"): "as OpenAI's own",
    ("openai/bedrock", "video"): "as OpenAI's own",
}
"""Abilities that a dialect has for the sake of other rows, and why these do not claim them."""


def stages_of(name: str) -> list[Stage]:
    """Those of the API that the row is for; other APIs are for those who name them."""
    row = ROWS[name]
    found = [stage for stage in STAGES if stage.column.provider == name]
    if row.quirks.get("usual_api"):
        found = [stage for stage in found if "responses_api" not in stage.column.args]
    return found


def asked(stage: Stage, *messages: ChatMessageUser, **more: object) -> Heard:
    return stage.say("text", call(*messages, **more))


def warned(heard: Heard) -> bool:
    return bool((heard.output.metadata or {}).get("warnings"))


# -- what shows it ---------------------------------------------------------------------------


def streams(stage: Stage) -> bool:
    heard = stage.say("text", call(), stream=True)
    return len(heard.deltas.texts) > 1


def calls_tools(stage: Stage) -> bool:
    return len(stage.readers.tools_of(asked(stage, tools=TOOLS).body)) == len(TOOLS)


def takes(part: Content, uri: str) -> Callable[[Stage], bool]:
    def sends(stage: Stage) -> bool:
        heard = asked(stage, ChatMessageUser([ContentText("What?"), part]))
        return uri.partition(",")[2].encode() in heard.raw[0] and not warned(heard)

    return sends


def thinks(stage: Stage) -> bool:
    if "thoughts" in stage.column.missing:
        return False
    heard = stage.say("thoughts", call(), thinking=True)
    return any(isinstance(part, ContentReasoning) for part in heard.output.message.content_list)


def has_schemas(stage: Stage) -> bool:
    heard = asked(stage, response_schema=SCHEMA)
    return "city" in stage.readers.schema_of(heard.body)["properties"] and not warned(heard)


def has_logprobs(stage: Stage) -> bool:
    heard = asked(stage, logprobs=True)
    return heard.body != asked(stage).body and not warned(heard)


def counts(stage: Stage) -> bool:
    told = stage.count(Call("1", [ChatMessageUser("Hi")]))
    return not told.estimated and told.tokens == stage.counted


def lists(stage: Stage) -> bool:
    listed = stage.models()
    return bool(listed) and listed[0].name.startswith(f"{stage.column.provider}/")


SHOWS: dict[str, Callable[[Stage], bool]] = {
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


def shown(stage: Stage, feature: str) -> bool:
    try:
        return SHOWS[feature](stage)
    except (ModeldError, KeyError):  # it is refused, or not in the request
        return False


# -- the claims ------------------------------------------------------------------------------


def test_every_row_of_a_model_has_a_column():
    scripted = {"mockllm", "none"}
    assert set(ROWS) == {row.name for row in REGISTRY.rows()} - scripted
    assert {stage.column.provider for stage in STAGES} == set(ROWS)


def test_every_row_that_differs_is_run_as_it_is():
    """By its own API, and not only as a caller may ask for."""
    assert [name for name in ROWS if not stages_of(name)] == []


def test_every_feature_can_be_shown():
    assert tuple(SHOWS) == KNOWN


@pytest.mark.parametrize("feature", SHOWS)
@pytest.mark.parametrize("name", ROWS)
def test_a_row_offers_what_it_claims_and_no_more(name, feature):
    claimed = feature in REGISTRY.features(ROWS[name])
    found = any(shown(stage, feature) for stage in stages_of(name))
    if (name, feature) in UNSAID:
        assert (claimed, found) == (False, True)
    else:
        assert claimed == found
