"""The step of a call in which an answer is taken from the generation cache, or put there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import anyio

from modeld.types import CallInfo, ModelOutput

from .asked import Claim
from .call import Call, Result, Route
from .flights import Flight
from .kept import CacheStore
from .prepare import add_warning
from .replay import replay_output

__all__ = ["Cache"]


class Cache:
    """Answers of equal calls, made once.

    Args:
        store: Where they are kept.
    """

    def __init__(self, store: CacheStore) -> None:
        self.store = store

    async def through(
        self,
        claimed: Claim,
        call: Call,
        route: Route,
        flight: Flight,
        make: Callable[[], Awaitable[Result]],
    ) -> Result:
        """The kept answer, or one that is made and then kept. It is kept before anybody hears of
        it: whoever comes later finds either the flight or the entry.
        """
        kept = await self.store.get(claimed.body)
        if kept is not None:
            replay_output(kept, flight)
            return Result(kept, CallInfo(call_id=call.id, cache="hit"))
        result = await make()
        if _storable(result.output):
            # It is paid for: it is kept even if nobody waits any more. The store is quick or gives up.
            with anyio.CancelScope(shield=True):
                await self.store.put(claimed.body, route.name, result.output, claimed.seconds)
        if self.store.trouble is not None:
            add_warning(result.output, self.store.trouble)
        return Result(result.output, replace(result.info, cache="miss"))


def _storable(output: ModelOutput) -> bool:
    """A refusal is not kept: asked again, a model may answer."""
    return all(choice.stop_reason != "content_filter" for choice in output.choices)
