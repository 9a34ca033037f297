"""Tool calls in a model's text.

Models write them as they were trained: JSON in `<tool_call>` (Hermes, Qwen) or `<function>`, in a
fence, or as the whole answer (Llama, Mistral). One incremental splitter serves streams and whole
answers, so that both see the same.
"""

from __future__ import annotations

import json
import re
import secrets
import string
from collections.abc import Iterator, Sequence
from typing import Any

from modeld.types import ToolCall, ToolInfo

from ..tool_arguments import parse_written_call

__all__ = ["ToolSplitter"]

_MARKS = ("<tool_call>", "<function>", "```json")
_WHOLE = "{["
"""With one of these the whole answer may be calls."""
_PREFIX = "[TOOL_CALLS]"
# A model that ends its turn after the call may leave out the closing tag.
_TAGGED = re.compile(r"<(tool_call|function)>(.*?)(?:</\1>|\Z)", re.DOTALL)
_FENCED = re.compile(r"```json\s*(\{.*?\})\s*```", re.DOTALL)
_DECODER = json.JSONDecoder(strict=False)
_ID = string.ascii_letters + string.digits


class ToolSplitter:
    """Splits text, fed in pieces, into text and calls.

    Args:
        tools: Tools that the model knows of; without any, all is text.
    """

    def __init__(self, tools: Sequence[ToolInfo]) -> None:
        self._tools = tools
        self._held = ""
        self._marked = False
        """Whether what is held may be calls."""
        self._told = False
        """Whether there was text before it."""

    def feed(self, piece: str) -> str:
        """Text that is certain now."""
        if not self._tools:
            return piece
        self._held += piece
        if self._marked:
            return ""
        if not self._told:
            begin = self._held.lstrip()[:1]
            if not begin:
                return ""
            if begin in _WHOLE:
                self._marked = True
                return ""
        ends = [at for mark in _MARKS if (at := self._held.find(mark)) >= 0]
        self._marked = bool(ends)
        end = min(ends) if ends else len(self._held) - _begun(self._held)
        # White space in front of a call belongs to the call.
        text = self._held[:end].rstrip()
        self._held = self._held[len(text) :]
        self._told = self._told or bool(text)
        return text

    def finish(self) -> tuple[str, list[ToolCall]]:
        """The rest of the text, and the calls."""
        held, self._held = self._held, ""
        if not self._marked:
            return held, []
        rest, calls = self._calls(held)
        if not calls:
            return held, []
        return (f"\n\n{rest}" if rest and self._told else rest), calls

    def _calls(self, text: str) -> tuple[str, list[ToolCall]]:
        if tagged := _TAGGED.findall(text):
            calls = [parse_written_call(_new_id(), body, self._tools) for _, body in tagged]
            return _tidy(_TAGGED.sub("\n\n", text)), calls
        if fenced := _FENCED.findall(text):
            calls = self._whole(";".join(fenced))
            return (_tidy(_FENCED.sub("\n\n", text)), calls) if calls else (text, [])
        return "", self._whole(text)

    def _whole(self, text: str) -> list[ToolCall]:
        """The calls, if the text is nothing else and names tools that there are."""
        names = [tool.name for tool in self._tools]  # what the model wrote may not be hashable
        try:
            found = list(_values(text))
        except (ValueError, RecursionError):
            return []
        if not all(isinstance(one, dict) and one.get("name") in names for one in found):
            return []
        return [parse_written_call(_new_id(), json.dumps(one), self._tools) for one in found]


def _values(text: str) -> Iterator[Any]:
    """The JSON values in a text that holds nothing else; lists are taken apart."""
    text = text.strip().removeprefix(_PREFIX)
    while text := text.strip(" \t\r\n;"):
        value, end = _DECODER.raw_decode(text)
        yield from value if isinstance(value, list) else [value]
        text = text[end:]


def _begun(text: str) -> int:
    """Letters at the end of the text that a mark may begin with."""
    return max(size for mark in _MARKS for size in range(len(mark)) if text.endswith(mark[:size]))


def _tidy(text: str) -> str:
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _new_id() -> str:
    """Nine letters and digits: what the strictest template takes, Mistral's."""
    return "".join(secrets.choice(_ID) for _ in range(9))
