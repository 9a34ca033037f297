"""From the engine's text to reasoning, answer and tool calls, in pieces or at once."""

from __future__ import annotations

from collections.abc import Sequence

from modeld.types import ToolCall, ToolInfo

from ...core.ports import Sink
from ..http.jsontext import dumps
from ..openai_chat.think import ThinkSplitter
from .tool_calls import ToolSplitter

__all__ = ["Answer"]


class Answer:
    """One answer.

    Args:
        tools: Tools that the model knows of.
        sink: Where parts go as they come, if somebody wants them.
    """

    def __init__(self, tools: Sequence[ToolInfo], sink: Sink | None = None) -> None:
        self.calls: list[ToolCall] = []
        self._sink = sink
        self._thinking = ThinkSplitter()
        self._calling = ToolSplitter(tools)
        self._text: list[str] = []
        self._reasoning: list[str] = []

    @property
    def text(self) -> str:
        """What is neither thought nor call."""
        return "".join(self._text)

    @property
    def reasoning(self) -> str:
        """What stood in `<think>` at the begin."""
        return "".join(self._reasoning)

    def feed(self, piece: str) -> None:
        """Takes more of the engine's text."""
        reasoning, text = self._thinking.feed(piece)
        self._tell(reasoning, self._calling.feed(text))

    def finish(self) -> None:
        """The engine has said all."""
        reasoning, text = self._thinking.finish()
        text = self._calling.feed(text)
        rest, self.calls = self._calling.finish()
        self._tell(reasoning, text + rest)
        if self._sink is not None:
            for call in self.calls:
                self._sink.tool_call(call.id, call.function, dumps(call.arguments).decode())

    def _tell(self, reasoning: str, text: str) -> None:
        if reasoning:
            self._reasoning.append(reasoning)
        if text:
            self._text.append(text)
        if self._sink is not None:
            if reasoning:
                self._sink.reasoning(reasoning)
            if text:
                self._sink.text(text)
