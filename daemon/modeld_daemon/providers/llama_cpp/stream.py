"""From the engine's chunks to events and one result. Pure; runs in the engine's process.

The text of the result is the deltas joined, so that both are equal whatever the engine does with
characters that are cut in two by tokens.
"""

from __future__ import annotations

from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]


class Chunks:
    """Collects the chunks of one answer."""

    def __init__(self) -> None:
        self.error: JsonObject | None = None
        """What the engine sent instead of an answer."""
        self.tokens = 0
        """Chunks with text so far: about as many tokens."""
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._blank = ""
        """White space after the thoughts so far."""
        self._logprobs: list[JsonObject] = []
        self._finish: str | None = None
        self._usage: JsonObject = {}
        self._id: str | None = None

    def take(self, chunk: JsonObject) -> JsonObject | None:
        """Takes a chunk; returns the event that it makes, if any."""
        if "error" in chunk:
            error = chunk["error"]
            self.error = error if isinstance(error, dict) else {"message": str(error)}
            return None
        self._id = chunk.get("id", self._id)
        self._usage = chunk.get("usage") or self._usage
        event: JsonObject = {}
        if chunk.get("choices"):
            event = self._take_choice(chunk["choices"][0])
        if progress := chunk.get("prompt_progress"):
            event["progress"] = [progress.get("processed", 0), progress.get("total", 0)]
        return event or None

    def result(self) -> JsonObject:
        """The whole answer."""
        return {
            "text": "".join(self._text),
            "reasoning": "".join(self._reasoning),
            "finish": self._finish,
            "usage": self._usage,
            "logprobs": self._logprobs,
            "id": self._id,
        }

    def _take_choice(self, choice: JsonObject) -> JsonObject:
        self._finish = choice.get("finish_reason") or self._finish
        self._logprobs += (choice.get("logprobs") or {}).get("content") or []
        delta = choice.get("delta") or {}
        event: JsonObject = {}
        if text := delta.get("content"):
            self._text.append(text)
            event["text"] = text
        if reasoning := self._tidy(delta.get("reasoning_content") or ""):
            self._reasoning.append(reasoning)
            event["reasoning"] = reasoning
        self.tokens += bool(event)
        return event

    def _tidy(self, piece: str) -> str:
        """Thoughts without the white space around them, which is the template's."""
        thought = self._blank + piece
        if not self._reasoning:
            thought = thought.lstrip()
        told = thought.rstrip()
        self._blank = thought[len(told) :]
        return told
