"""The Google provider against a server that says exactly what a test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from modeld.types import ChatMessageUser, GenerateConfig
from modeld_daemon.core.call import Account, Call, Route
from modeld_daemon.core.ports import Connection
from modeld_daemon.providers.google.adapter import Google, build
from tests.fakes.deltas import Deltas
from tests.fakes.exact_server import Seen, serving
from tests.fakes.recorded_google import ROW

OK = {
    "candidates": [{"content": {"parts": [{"text": "hi"}]}, "finishReason": "STOP"}],
    "usageMetadata": {"promptTokenCount": 1, "totalTokenCount": 2},
    "modelVersion": "m",
    "responseId": "r",
}


def http(status: int, body: Any, kind: str = "application/json") -> bytes:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {len(data)}\r\n\r\n"
    return head.encode() + data


def sse(*chunks: Any) -> bytes:
    body = b"".join(b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n" for chunk in chunks)
    return http(200, body, "text/event-stream")


Scene = Callable[[Google, Any], Any]


def asking(sink: Deltas | None = None, **config: Any) -> Scene:
    def act(provider: Google, route: Route) -> Any:
        return provider.generate(asked(**config), route, sink)

    return act


def scene(
    act: Scene, *answers: bytes, model: str = "gemini-2.5-flash", env: Any = None, key: Any = "secret-key",
    **args: Any,
) -> tuple[Any, list[Seen]]:  # fmt: skip
    """Plays answers one by one, the last for ever; gives what `act` gave and the requests."""

    async def play() -> tuple[Any, list[Seen]]:
        left = list(answers)

        async def answer(seen: Seen) -> None:
            seen.writer.write(left.pop(0) if len(left) > 1 else left[0])

        async with serving(answer) as server:
            url = f"http://127.0.0.1:{server.port}"
            provider = build(ROW, Connection(url, key, args, env or {}))
            try:
                made = await act(provider, Route("google", model, Account("google", url, "f")))
            finally:
                await provider.aclose()
            return made, server.requests

    return asyncio.run(play())


def asked(**config: Any) -> Call:
    return Call("1", [ChatMessageUser("hello")], GenerateConfig(**config))
