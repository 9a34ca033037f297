"""An answer as the cache gives it back: equal to the last byte.

What a test plays through an adapter is compared with what the stores make of it and, while a
`KeepingHouse` is open, asked again through a daemon: made and kept, then taken from the cache,
whole and as a stream.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Self

from modeld import Model, get_model
from modeld.types import (
    CachePolicy,
    ChatMessageUser,
    ContentReasoning,
    GenerateConfig,
    ModelOutput,
    StreamFinishedEvent,
    StreamReasoningEvent,
    StreamTextEvent,
    StreamToolCallEvent,
)
from modeld.wire import output_to_proto
from modeld_daemon.core.call import Call, Route
from modeld_daemon.core.ports import Provider, Sink
from modeld_daemon.core.replay import replay_output
from modeld_daemon.stores.cache import SqliteCache
from modeld_daemon.stores.packing import pack, unpack
from tests.fakes.deltas import Deltas
from tests.fakes.serving import House
from tests.fakes.watching import FakeSource

__all__ = ["KeepingHouse", "kept"]

KEY = b"k" * 32


async def kept(
    build: Callable[[], Provider], call: Call, route: Route, sink: Sink | None
) -> ModelOutput:
    """The answer of a provider, after it was kept in every way that there is."""
    async with _built(build) as provider:
        output = await provider.generate(call, route, sink)
    hit = ModelOutput.from_dict(unpack(KEY, pack(KEY, output.to_dict())))
    assert hit == output
    assert _wire(hit) == _wire(output)
    told = Deltas()
    replay_output(hit, told)
    _check_told(told, output)
    if KeepingHouse.open is not None:
        await KeepingHouse.open.ask(build, call, route, streamed=sink is not None, plain=output)
    return output


@contextlib.asynccontextmanager
async def _built(build: Callable[[], Provider]) -> AsyncIterator[Provider]:
    provider = build()
    try:
        yield provider
    finally:
        await provider.aclose()


def _check_told(told: Deltas, output: ModelOutput) -> None:
    """The deltas of a kept answer are the answer."""
    if output.empty:
        return
    message = output.message
    assert "".join(told.texts) == output.completion
    calls = message.tool_calls or []
    assert told.names == {call.id: call.function for call in calls}
    said = {id: json.loads("".join(parts)) for id, parts in told.calls.items()}
    assert said == {call.id: call.arguments for call in calls}
    thoughts = [p for p in message.content_list if isinstance(p, ContentReasoning)]
    spoken = [p.summary or "" if p.redacted else p.reasoning or p.summary or "" for p in thoughts]
    assert "".join(told.thoughts) == "".join(spoken)


def _wire(output: ModelOutput) -> bytes:
    return output_to_proto(output).SerializeToString(deterministic=True)


class KeepingHouse:
    """A daemon with the real cache, whose provider is what a test plays at the moment.

    It must be entered and left in one thread, with an empty MODELD_HOME.
    """

    open: KeepingHouse | None = None
    """The one that is entered."""

    def __init__(self, folder: Path) -> None:
        self._source = FakeSource()
        self._cache = SqliteCache(folder / "cache.db")
        self._house = House(self._source, cache=self._cache)  # type: ignore[arg-type]
        self._numbers = itertools.count()
        self.asked = 0
        """Calls that came to a provider."""
        self.compared = 0
        """Answers that were compared with what was kept of them."""

    def __enter__(self) -> Self:
        self._house.__enter__()
        KeepingHouse.open = self
        return self

    def __exit__(self, *_error: object) -> None:
        KeepingHouse.open = None
        closing = asyncio.run_coroutine_threadsafe(self._cache.aclose(), self._house._loop)
        closing.result(10)
        self._house.stop()

    async def ask(
        self,
        build: Callable[[], Provider],
        call: Call,
        route: Route,
        *,
        streamed: bool,
        plain: ModelOutput,
    ) -> None:
        """Makes the call as a plain one and as a stream, and each of them again in both ways."""

        async def generate(arrived: Call, _route: Route, sink: Sink | None) -> ModelOutput:
            """The recorded call, and not as the daemon has prepared it. Of the recorded kind too: a
            plain answer cannot be had as a stream.
            """
            self.asked += 1
            async with _built(build) as provider:
                recorded = replace(call, told=arrived.told)
                return await provider.generate(recorded, route, sink if streamed else None)

        self._source.generate = generate
        sent = replace(call, messages=[ChatMessageUser(content=json.dumps([
            message.to_dict() for message in call.messages
        ]))])  # fmt: skip  # references to files are not what a daemon takes
        model = get_model(f"free/{route.model or 'unnamed'}", memoize=False)
        try:
            for first in (_plainly, _as_stream):
                policy = CachePolicy(scopes={"number": str(next(self._numbers))})
                asked = self.asked
                miss = await first(model, sent, policy)
                assert miss.completion == plain.completion
                before = _answer(miss, "miss")
                if any(choice.stop_reason == "content_filter" for choice in miss.choices):
                    continue  # refusals are not kept
                for again in (_plainly, _as_stream):
                    assert _answer(await again(model, sent, policy), "hit") == before
                assert self.asked == asked + 1
            self.compared += 1
        finally:
            await asyncio.to_thread(model.close)


def _answer(output: ModelOutput, cache: str) -> bytes:
    """The answer as it came, without what says how the call went: there it must say `cache`."""
    assert output.metadata is not None
    info = output.metadata["modeld"]
    assert info["cache"] == cache
    assert info["attempts"] == (0 if cache == "hit" else 1)
    rest = {name: value for name, value in output.metadata.items() if name != "modeld"}
    given = ModelOutput.from_dict({**output.to_dict(), "metadata": rest or None})
    return _wire(given)


async def _plainly(model: Model, call: Call, policy: CachePolicy) -> ModelOutput:
    return await model.generate(
        call.messages, call.tools, call.tool_choice, _once(call.config), policy
    )


async def _as_stream(model: Model, call: Call, policy: CachePolicy) -> ModelOutput:
    """The answer at the end of a stream. Of a kept one the deltas say the same."""
    told = Deltas()
    async with contextlib.aclosing(
        model.stream(call.messages, call.tools, call.tool_choice, _once(call.config), policy)
    ) as events:
        async for event in events:
            match event:
                case StreamTextEvent():
                    told.text(event.text)
                case StreamReasoningEvent():
                    told.reasoning(event.reasoning)
                case StreamToolCallEvent():
                    told.tool_call(event.id, event.function, event.arguments)
                case StreamFinishedEvent():
                    output = event.output
    assert output.metadata is not None
    if output.metadata["modeld"]["cache"] == "hit":
        _check_told(told, output)
    return output


def _once(config: GenerateConfig) -> GenerateConfig:
    return config.merge(GenerateConfig(max_retries=0))
