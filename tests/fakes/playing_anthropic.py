"""Calls through the Anthropic adapter to a server that plays recordings."""

from __future__ import annotations

import json
from typing import Any

from modeld.types import ModelOutput
from modeld_daemon.core.call import Account, Route
from modeld_daemon.core.ports import Connection, Row, Sink, TokenCount
from modeld_daemon.providers.anthropic.adapter import build
from tests.fakes.keeping import kept
from tests.fakes.recorded_anthropic import Recorded

ROW = Row("anthropic", "anthropic", "", key_variables=("ANTHROPIC_API_KEY",))


async def play(
    base_url: str, recorded: Recorded, model: str, sink: Sink | None, *, row: Row = ROW
) -> ModelOutput:
    """The output of the recorded call."""
    connection = Connection(base_url, "test-key", recorded.args)
    route = Route("anthropic", model, Account("anthropic", base_url, "f"))
    return await kept(lambda: build(row, connection), recorded.call(), route, sink)


async def count(base_url: str, recorded: Recorded, model: str) -> TokenCount:
    """The tokens of the recorded call."""
    provider = build(ROW, Connection(base_url, "test-key", recorded.args))
    try:
        route = Route("anthropic", model, Account("anthropic", base_url, "f"))
        return await provider.count_tokens(recorded.call(), route)
    finally:
        await provider.aclose()


def folded(frames: list[str]) -> dict[str, Any]:
    """The plain answer of a recorded stream, put together without the project's code."""
    lines = [line for line in "".join(frames).splitlines() if line.startswith("data:")]
    body: dict[str, Any] = {}
    texts: dict[int, str] = {}
    for event in (json.loads(line[5:]) for line in lines):
        match event["type"]:
            case "message_start":
                body = event["message"]
            case "content_block_start":
                body["content"].append(event["content_block"])
            case "content_block_delta":
                block, delta = body["content"][event["index"]], event["delta"]
                match delta["type"]:
                    case "text_delta":
                        block["text"] += delta["text"]
                    case "thinking_delta":
                        block["thinking"] += delta["thinking"]
                    case "signature_delta":
                        block["signature"] += delta["signature"]
                    case "citations_delta":
                        block.setdefault("citations", []).append(delta["citation"])
                    case "input_json_delta":
                        texts[event["index"]] = (
                            texts.get(event["index"], "") + delta["partial_json"]
                        )
            case "message_delta":
                body |= event["delta"]
                body["usage"] |= event["usage"]
    for index, text in texts.items():
        if text:
            body["content"][index]["input"] = json.loads(text)
    return body
