"""Thoughts that arrive as text: `<think>…</think>` in front of the answer.

One incremental splitter serves streams and whole answers, so that both see the same. White space
around the thoughts belongs to the tags and is kept with them: `join` gives back the very text.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ThinkSplitter", "Thoughts"]

_OPEN, _CLOSE = "<think>", "</think>"


@dataclass(slots=True)
class Thoughts:
    """The tags with the white space around them, and the reasoning between."""

    open: str
    reasoning: str
    close: str

    def join(self) -> str:
        """The text as it arrived."""
        return self.open + self.reasoning + self.close


class ThinkSplitter:
    """Splits text, fed in pieces, into thoughts and answer."""

    __slots__ = ("_close", "_held", "_open", "_reasoning", "_state")

    def __init__(self) -> None:
        self._state = "start"
        self._held = ""
        self._open = self._close = ""
        self._reasoning: list[str] = []

    @property
    def passive(self) -> bool:
        """Whether all that comes is answer, and need not be fed."""
        return self._state == "text"

    def feed(self, piece: str) -> tuple[str, str]:
        """Reasoning and answer that are certain now."""
        if self._state == "text":
            return "", piece
        self._held += piece
        if self._state == "start" and not self._find_start():
            return "", ""
        reasoning = self._take_reasoning() if self._state == "think" else ""
        text = self._take_text() if self._state in ("gap", "text") else ""
        return reasoning, text

    def finish(self) -> tuple[str, str]:
        """What was held back. Thoughts without an end are thoughts all the same."""
        held, self._held = self._held, ""
        if self._state == "think":
            kept = held.rstrip()
            self._close = held[len(kept) :]
            self._reasoning.append(kept)
            return kept, ""
        if self._state == "gap":
            self._close += held
            return "", ""
        return "", held

    def thoughts(self) -> Thoughts | None:
        """The thoughts, or None where the text had none."""
        if not self._open:
            return None
        return Thoughts(self._open, "".join(self._reasoning), self._close)

    def _find_start(self) -> bool:
        text = self._held.lstrip()
        if text.startswith(_OPEN):
            start = len(self._held) - len(text) + len(_OPEN)
            self._open, self._held = self._held[:start], self._held[start:]
            self._state = "think"
            return True
        if _OPEN.startswith(text):
            return False  # not enough to tell
        self._state = "text"
        return True

    def _take_reasoning(self) -> str:
        if not self._reasoning:
            body = self._held.lstrip()
            self._open += self._held[: len(self._held) - len(body)]
            self._held = body
        end = self._held.find(_CLOSE)
        found = end >= 0
        kept = self._held[:end] if found else _without_partial_close(self._held)
        kept = kept.rstrip()
        if found:
            self._close = self._held[len(kept) : end + len(_CLOSE)]
            self._held = self._held[end + len(_CLOSE) :]
            self._state = "gap"
        else:
            self._held = self._held[len(kept) :]
        if kept:
            self._reasoning.append(kept)
        return kept

    def _take_text(self) -> str:
        held, self._held = self._held, ""
        if self._state == "gap":
            text = held.lstrip()
            self._close += held[: len(held) - len(text)]
            if text:
                self._state = "text"
            return text
        return held


def _without_partial_close(text: str) -> str:
    for size in range(min(len(_CLOSE) - 1, len(text)), 0, -1):
        if text.endswith(_CLOSE[:size]):
            return text[:-size]
    return text
