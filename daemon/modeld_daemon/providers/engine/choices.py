"""The choices of one call, each a call to the engine of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import anyio

from modeld.errors import ModeldError

from ...core.ports import Sink
from .engine import LoadFailed, OnWait
from .words import CallFailed, JsonObject

Ask = Callable[[], Awaitable[JsonObject]]


async def ask_all(asks: Sequence[Ask]) -> list[JsonObject]:
    """The results, made side by side. The first failure ends the others."""
    if len(asks) == 1:
        return [await asks[0]()]
    results: list[JsonObject] = [{} for _ in asks]
    failures: list[CallFailed | LoadFailed | ModeldError] = []

    async def ask(index: int) -> None:
        try:
            results[index] = await asks[index]()
        except (CallFailed, LoadFailed, ModeldError) as failure:
            failures.append(failure)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for index in range(len(asks)):
            group.start_soon(ask, index)
    if failures:
        raise failures[0]
    return results


def queue_reporter(sink: Sink | None) -> OnWait:
    """Tells the caller why the call waits, if there is somebody to be told."""

    def on_wait(reason: str, position: int | None, progress: float | None = None, /) -> None:
        if sink is not None:
            sink.queued(reason, position, progress)

    return on_wait
