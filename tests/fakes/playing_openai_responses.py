"""Calls through the Responses adapter to a server that plays recordings, and the wire's own words.

`folded` and `said` read recorded answers without the project's code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from modeld.types import ModelOutput
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection, Row
from modeld_daemon.providers.openai.adapter import OpenAI
from modeld_daemon.providers.openai.adapter import build as build_openai
from modeld_daemon.providers.openai_responses.adapter import OpenAIResponses, build
from tests.fakes.deltas import Deltas
from tests.fakes.keeping import kept

ROW = Row(
    name="openai", dialect="openai_responses", description="", key_variables=("OPENAI_API_KEY",)
)


def provider(
    base_url: str, args: Mapping[str, Any] | None = None, row: Row = ROW
) -> OpenAIResponses | OpenAI:
    if row is ROW:
        return build(ROW, Connection(f"{base_url}/v1", "test-key", args or {}))
    said = {"responses_api": True, **(args or {})}
    return build_openai(row, Connection(f"{base_url}/v1", "test-key", said))


def route(model: str) -> Route:
    return Route("openai", model, Account("openai", None, "f"))


async def play(
    base_url: str,
    call: Call,
    model: str,
    sink: Deltas | None = None,
    args: Mapping[str, Any] | None = None,
    row: Row = ROW,
) -> ModelOutput:
    return await kept(lambda: provider(base_url, args, row), call, route(model), sink)


def events(frames: list[str]) -> list[dict[str, Any]]:
    """The events of a recorded stream."""
    lines = [line for line in "".join(frames).splitlines() if line.startswith("data:")]
    return [json.loads(line[5:]) for line in lines if line[5:].strip() != "[DONE]"]


def folded(frames: list[str]) -> dict[str, Any]:
    """The response of a recorded stream."""
    last = [e for e in events(frames) if e["type"] in ("response.completed", "response.incomplete")]
    response: dict[str, Any] = last[-1]["response"]
    return response


def answer_of(response: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = folded(response["sse"]) if "sse" in response else response["body"]
    return body


def parts_of(body: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The parts of that kind in a response's messages."""
    items = [item for item in body["output"] if item["type"] == "message"]
    return [part for item in items for part in item["content"] if part["type"] == kind]
