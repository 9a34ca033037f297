"""From tokens to text, one token at a time. Runs in the engine's process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_CUT = "\ufffd"
"""What a decoder writes for a character whose bytes are not all there yet."""


class Text:
    """The text of one answer. Its deltas joined are the text, with no character cut in two.

    Args:
        tokenizer: Decodes; used by one thread only.
        stops: The text ends before the first of these.
        begun: What the prompt already holds of the answer.
    """

    def __init__(self, tokenizer: Any, stops: Sequence[str] = (), begun: str = "") -> None:
        self.stopped = False
        """Whether one of the stops has come."""
        self._tokenizer = tokenizer
        self._stops = [stop for stop in stops if stop]
        self._ids: list[int] = []
        self._from = 0
        """Where decoding begins: a little before what is new, since a token's text depends on its
        neighbours."""
        self._told = 0
        """Tokens whose text has been taken."""
        self._held = ""
        """Text that may be the begin of a stop."""
        self._begun = begun

    def push(self, token: int) -> str:
        """Takes a token; returns the text that is certain now."""
        self._ids.append(token)
        before = self._decode(self._from, self._told)
        now = self._decode(self._from, len(self._ids))
        if len(now) <= len(before) or now.endswith(_CUT):
            return self._take("")
        self._from, self._told = self._told, len(self._ids)
        return self._take(now[len(before) :])

    def finish(self) -> str:
        """What was held back, at the end of the answer."""
        if self.stopped:
            return ""
        before = self._decode(self._from, self._told)
        rest = self._decode(self._from, len(self._ids))[len(before) :]
        text = self._take(rest)
        held, self._held = self._held, ""
        return text + held

    def _decode(self, begin: int, end: int) -> str:
        if begin == end:
            return ""
        text: str = self._tokenizer.decode(
            self._ids[begin:end], skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def _take(self, piece: str) -> str:
        begun, self._begun = self._begun, ""
        text = self._held + piece
        found = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            self.stopped, self._held = True, ""
            return begun + text[: min(found)]
        held = max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - held :]
        return begun + text[: len(text) - held]


def _overlap(text: str, stop: str) -> int:
    """Letters at the end of the text that a stop may begin with."""
    for size in range(min(len(stop) - 1, len(text)), 0, -1):
        if text.endswith(stop[:size]):
            return size
    return 0
