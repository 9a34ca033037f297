"""Calls through the OpenAI adapter to a server that plays recordings."""

from __future__ import annotations

from modeld.types import (
    ModelOutput,
)
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection, Row
from modeld_daemon.providers.openai.adapter import build as build_openai
from modeld_daemon.providers.openai_chat.adapter import build
from tests.fakes.deltas import Deltas
from tests.fakes.keeping import kept
from tests.fakes.recorded_openai import (
    Recorded,
)

ROW = Row(name="openai", dialect="openai_chat", description="", key_variables=("OPENAI_API_KEY",))


def make_call(recorded: Recorded) -> Call:
    return Call(
        "1", recorded.messages, recorded.config, recorded.tools, tool_choice=recorded.tool_choice
    )


async def play(
    base_url: str, call: Call, model: str, sink: Deltas | None, row: Row = ROW
) -> ModelOutput:
    """The output through chat completions; streams are asked for when somebody listens."""
    args = {"responses_api": False, "streaming": sink is not None}
    connection = Connection(f"{base_url}/v1", "test-key", args)
    made = build if row is ROW else build_openai
    route = Route(row.name, model, Account(row.name, base_url, "f"))
    return await kept(lambda: made(row, connection), call, route, sink)
