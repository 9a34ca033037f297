"""Tool calls that a model writes into its text: `<tool_call>{"name": …, "arguments": …}</tool_call>`.

One incremental reader serves streams and whole answers, so that both see the same. White space
around a call belongs to the call; an empty line is left between the texts before and after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from modeld.types import ToolCall, ToolInfo

from ..tool_arguments import parse_written_call
from .internal import call_id

__all__ = ["CallReader"]

# Some models write the plural; Llama's head of a turn comes through the templates of some servers.
_HEAD = "<|start_header_id|>assistant<|end_header_id|>"
_BEGINS, _ENDS = ("<tool_call>", "<tool_calls>", _HEAD), ("</tool_call>", "</tool_calls>")
_BEGIN = re.compile("|".join(map(re.escape, _BEGINS)))
_END = re.compile("|".join(map(re.escape, _ENDS)))


class CallReader:
    """Reads text, fed in pieces, as text and calls.

    Args:
        response_id: Id of the answer, from which the ids of its calls are made.
        tools: What can be called.
    """

    def __init__(self, response_id: str | None, tools: Sequence[ToolInfo]) -> None:
        self._response_id = response_id
        self._tools = tools
        self._number = 0
        self._held = ""  # the beginning of a tag, perhaps
        self._blank = ""  # white space that belongs to a call, perhaps
        self._opened = ""  # the tag of the call that is being read
        self._inside: list[str] = []
        self._said = self._called = False

    def feed(self, piece: str) -> Iterator[str | ToolCall]:
        """What is certain now."""
        self._held += piece
        while tag := (_END if self._opened else _BEGIN).search(self._held):
            before, self._held = self._held[: tag.start()], self._held[tag.end() :]
            if self._opened:
                yield self._take(self._call(self._close() + before))
            else:
                yield from self._text(before)
                self._opened = tag[0] if tag[0] != _HEAD else ""
        sure = len(self._held) - _doubtful(self._held, _ENDS if self._opened else _BEGINS)
        certain, self._held = self._held[:sure], self._held[sure:]
        if self._opened:
            self._inside.append(certain)
        else:
            yield from self._text(certain)

    def finish(self) -> Iterator[str | ToolCall]:
        """What was held back. A call without its end is one if it can be read, for some servers
        stop at the end and leave it out; else it is text.
        """
        held, self._held = self._held, ""
        if self._opened:
            opened, inside = self._opened, self._close() + held
            call = self._call(inside)
            if call.parse_error is None:
                yield self._take(call)
            else:
                yield from self._text(opened + inside)
        else:
            yield from self._text(held)
        if self._blank and not self._called:
            yield self._blank
        self._blank, self._said, self._called = "", False, False

    def _text(self, text: str) -> Iterator[str]:
        text = self._blank + text
        kept = text.rstrip()
        self._blank = text[len(kept) :]
        if not kept:
            return
        if self._called:
            gap, self._called = "\n\n" if self._said else "", False
            kept = gap + kept.lstrip()
        self._said = True
        yield kept

    def _call(self, inside: str) -> ToolCall:
        return parse_written_call(call_id(self._response_id, self._number), inside, self._tools)

    def _take(self, call: ToolCall) -> ToolCall:
        self._number += 1
        self._blank, self._called = "", True
        return call

    def _close(self) -> str:
        """Ends the call that is being read; returns its text so far."""
        text, self._opened = "".join(self._inside), ""
        self._inside.clear()
        return text


def _doubtful(text: str, tags: Sequence[str]) -> int:
    """How many characters at the end may be the beginning of a tag."""
    start = text.find("<", max(0, len(text) - max(map(len, tags)) + 1))
    while start >= 0:
        if any(tag.startswith(text[start:]) for tag in tags):
            return len(text) - start
        start = text.find("<", start + 1)
    return 0
