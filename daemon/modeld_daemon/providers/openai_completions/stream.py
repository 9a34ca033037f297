"""Chunks of a streamed text completion: texts stand where chat has deltas."""

from __future__ import annotations

from modeld.types import JsonObject

from ..openai_chat.stream import ChunkFold

__all__ = ["TextFold"]


class TextFold(ChunkFold):
    """Puts the chunks of one stream together; tells a sink about the first choice."""

    def feed(self, chunk: JsonObject) -> None:
        """Adds a chunk."""
        choices = [_as_chat(choice) for choice in chunk.get("choices") or ()]
        super().feed({**chunk, "choices": choices})


def _as_chat(choice: JsonObject) -> JsonObject:
    rest = {name: value for name, value in choice.items() if name != "text"}
    return {**rest, "delta": {"content": choice.get("text")}}
