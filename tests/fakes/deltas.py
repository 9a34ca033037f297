"""A sink that keeps everything."""

from __future__ import annotations

import asyncio
from typing import Any


class Deltas:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.thoughts: list[str] = []
        self.calls: dict[str, list[str]] = {}
        self.names: dict[str, str] = {}
        self.first = asyncio.Event()

    def text(self, text: str) -> None:
        self.texts.append(text)
        self.first.set()

    def reasoning(self, reasoning: str) -> None:
        self.thoughts.append(reasoning)

    def tool_call(self, id: str, function: str, arguments: str) -> None:
        self.calls.setdefault(id, []).append(arguments)
        if function:
            assert id not in self.names
            self.names[id] = function

    def queued(self, *args: Any) -> None:
        raise AssertionError("nothing is queued here")
