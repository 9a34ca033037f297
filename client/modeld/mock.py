"""mockllm scripts that cannot cross the wire: callables and iterators run here, in the client.

Their outputs carry the same metadata as those of the daemon, with `where` saying "client".
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextvars import copy_context
from importlib import import_module
from inspect import isawaitable
from typing import TYPE_CHECKING, TypeAlias

from . import types  # its names load when they are first used, so that importing costs little
from .errors import InvalidRequest, ModelRefusalError

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

    def __init__(self, script: Script) -> None:
        self._lock = threading.Lock()
        self._function = script if callable(script) else None
        self._outputs = None if callable(script) else iter(script)

    def stream_sync(self, asked: GenerateInput, config: GenerateConfig) -> Iterator[StreamEvent]:
        """The answer as events. What an async function gives is awaited in a thread of its own.

        Args:
            asked: What is asked.
            config: The model's, under that of the call.
        """
        asked, began = _prepared(asked, config), time.perf_counter()
        output = self._answer(asked)
        if isawaitable(output):
            output = _awaited(output)
        return iter(self._events(asked, output, time.perf_counter() - began))

    async def stream(
        self, asked: GenerateInput, config: GenerateConfig
    ) -> AsyncGenerator[StreamEvent, None]:
        """The answer as events. Arguments as for `stream_sync`."""
        asked, began = _prepared(asked, config), time.perf_counter()
        output = self._answer(asked)
        if isawaitable(output):
            output = await output
        for event in self._events(asked, output, time.perf_counter() - began):
            yield event

    def count_tokens(self, asked: GenerateInput) -> int:
        """An estimate: four characters or so make one token."""
        letters = sum(len(message.text) for message in asked.input)
        return max(1, math.ceil(letters / 4)) + 3 * len(asked.input)

    def _answer(self, asked: GenerateInput) -> Answer:
        if self._function is not None:
            return self._function(asked.input, *_offered(asked), asked.config)
        assert self._outputs is not None  # a script is a function or it has outputs
        with self._lock:
            output = next(self._outputs, None)
        if output is None:
            raise InvalidRequest("custom_outputs ran out of values")
        return output

    def _events(self, asked: GenerateInput, output: object, seconds: float) -> list[StreamEvent]:
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
        if (
            asked.config.fail_on_refusal
            and output.choices
            and output.stop_reason == "content_filter"
        ):
            raise ModelRefusalError(f"Model refusal ({output.model}): {output.completion[:200]}")
        info = types.CallInfo(attempts=1, provider_time=seconds).to_dict() | {"where": "client"}
        output.metadata = {**(output.metadata or {}), "modeld": info}
        events: list[StreamEvent] = []
        if output.completion:
            events.append(types.StreamTextEvent(output.completion, seq=1))
        events.append(types.StreamFinishedEvent(output, seq=len(events) + 1))
        return events


def _prepared(asked: GenerateInput, config: GenerateConfig) -> GenerateInput:
    """What a model would see: with the whole config, and the system message that it says."""
    whole, messages = config.merge(asked.config), asked.input
    if whole.system_message is not None:
        messages = [types.ChatMessageSystem(content=whole.system_message), *messages]
    return types.GenerateInput(messages, asked.tools, asked.tool_choice, whole)


def _awaited(answer: Awaitable[ModelOutput]) -> ModelOutput:
    """The answer, by an event loop in a thread of its own: the caller's may be running."""
    asyncio, futures = import_module("asyncio"), import_module("concurrent.futures")

    async def whole() -> ModelOutput:
        return await answer

    with futures.ThreadPoolExecutor(1) as thread:
        output: ModelOutput = thread.submit(copy_context().run, asyncio.run, whole()).result()
    return output


def _offered(asked: GenerateInput) -> tuple[list[ToolInfo], ToolChoice]:
    """The tools that a model would see: of a forced one only that, with "none" none."""
    tools, choice = asked.tools, asked.tool_choice or "auto"
    if isinstance(choice, types.ToolFunction):
        tools = [tool for tool in tools if tool.name == choice.name]
    if not tools or choice == "none":
        return [], "none"
    return tools, choice
