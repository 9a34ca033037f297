"""mockllm scripts that cannot cross the wire: callables and iterators run here, in the client.

Their outputs carry the same metadata as those of the daemon, with `where` saying "client".
"""

from __future__ import annotations

import math
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from inspect import isawaitable
from typing import TYPE_CHECKING, TypeAlias

from . import types  # its names load when they are first used, so that importing costs little
from .errors import InvalidRequest

if TYPE_CHECKING:
    from .types import (
        ChatMessage,
        GenerateConfig,
        GenerateInput,
        ModelOutput,
        StreamEvent,
        ToolChoice,
        ToolInfo,
    )

    Answer: TypeAlias = ModelOutput | Awaitable[ModelOutput]
    Script: TypeAlias = (
        Iterable[ModelOutput]
        | Callable[[list[ChatMessage], list[ToolInfo], ToolChoice, GenerateConfig], Answer]
    )

__all__ = ["ScriptedModel"]


class ScriptedModel:
    """Answers from a script of the user's own process."""

    def __init__(self, script: Script, config: GenerateConfig) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._function = script if callable(script) else None
        self._outputs = None if callable(script) else iter(script)

    def stream_sync(self, asked: GenerateInput) -> Iterator[StreamEvent]:
        """The answer as events."""
        output = self._answer(asked)
        if isawaitable(output):
            raise InvalidRequest("an async custom_outputs function needs generate(), not _sync")
        return iter(self._events(asked, output))

    async def stream(self, asked: GenerateInput) -> AsyncGenerator[StreamEvent, None]:
        """The answer as events."""
        output = self._answer(asked)
        if isawaitable(output):
            output = await output
        for event in self._events(asked, output):
            yield event

    def count_tokens(self, asked: GenerateInput) -> int:
        """An estimate: four characters or so make one token."""
        letters = sum(len(message.text) for message in asked.input)
        return max(1, math.ceil(letters / 4)) + 3 * len(asked.input)

    def _answer(self, asked: GenerateInput) -> Answer:
        if self._function is not None:
            config = self._config.merge(asked.config)
            return self._function(asked.input, *_offered(asked), config)
        assert self._outputs is not None  # a script is a function or it has outputs
        with self._lock:
            output = next(self._outputs, None)
        if output is None:
            raise InvalidRequest("custom_outputs ran out of values")
        return output

    def _events(self, asked: GenerateInput, output: object) -> list[StreamEvent]:
        if not isinstance(output, types.ModelOutput):
            raise InvalidRequest(
                f"custom_outputs gave a {type(output).__name__}, not a ModelOutput"
            )
        output = types.ModelOutput.from_dict(output.to_dict())  # a script may give one object twice
        if output.usage is None:
            told, said = self.count_tokens(asked), len(output.completion)
            output.usage = types.ModelUsage(
                input_tokens=told, output_tokens=said, total_tokens=told + said
            )
        info = {**types.CallInfo(attempts=1).to_dict(), "where": "client"}
        output.metadata = {**(output.metadata or {}), "modeld": info}
        events: list[StreamEvent] = []
        if output.completion:
            events.append(types.StreamTextEvent(output.completion, seq=1))
        events.append(types.StreamFinishedEvent(output, seq=len(events) + 1))
        return events


def _offered(asked: GenerateInput) -> tuple[list[ToolInfo], ToolChoice]:
    """The tools that a model would see: of a forced one only that, with "none" none."""
    tools, choice = asked.tools, asked.tool_choice or "auto"
    if isinstance(choice, types.ToolFunction):
        tools = [tool for tool in tools if tool.name == choice.name]
    if not tools or choice == "none":
        return [], "none"
    return tools, choice
