"""The one loop of attempts. SDKs do not retry, lanes do not, clients do not.

- A rate limit: the call goes back to the head of its flow, and the lane, which is paused for
  everybody, says when. That is repeated without end: the lane paces what it lets through.
- A transient failure: the call waits by itself, longer each time, at least as long as the provider
  asked. Without end only where the lane has given an answer before: at a lane that never has, a wrong
  address is likelier than a server that will come, so it gives up after three attempts.
- Anything else is raised. `max_retries` bounds all retries, `timeout` is a deadline over everything
  (the flight's), `attempt_timeout` one over each attempt.

No permit is held while a call waits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio
import tenacity

from modeld.errors import GenerateTimeout, ModeldError
from modeld.types import ModelOutput, StreamRetryEvent

from .asker import Asker
from .call import Call, Route
from .failure import FailureKind, kind_of, unreached
from .flights import Flight
from .lane import Lane
from .permit import Permit
from .ports import Sink

__all__ = ["Attempts"]

FRESH_ATTEMPTS = 3
"""Attempts at a lane that has never given an answer."""
BACK_OFF = tenacity.wait_exponential_jitter(multiplier=3, max=1800, exp_base=2, jitter=3)
"""Seconds after a server's failure."""
UNREACHED_BACK_OFF = tenacity.wait_exponential_jitter(
    multiplier=0.25, max=60, exp_base=2, jitter=0.25
)
"""Seconds after a server was not reached: nobody is spared by a long wait."""

Generate = Callable[[Call, Route, Sink | None], Awaitable[ModelOutput]]
"""What a provider does for one attempt."""


@dataclass(slots=True)
class Attempts:
    """The attempts at one call, counted and timed.

    Args:
        call: What is asked.
        lane: Where permits come from.
        flight: Told that the call waits or is tried again.
        clock: The time in seconds.
        asking: Awaited before each attempt goes to the provider.
    """

    call: Call
    lane: Lane
    flight: Flight
    clock: Callable[[], float]
    asking: Callable[[], Awaitable[None]] | None = None
    number: int = 0
    queue_time: float = 0.0
    provider_time: float = 0.0

    async def until_answered(self, generate: Generate, route: Route) -> ModelOutput:
        """The answer of the first attempt that has one; otherwise the last failure is raised, and
        says how many attempts there were.
        """
        asker = Asker(self.call, self.flight)
        clean = True
        while True:
            permit = await self._permit(asker)
            self.flight.phase = "first_token"
            self.number += 1
            began = self.clock()
            self.call.told = permit.told
            with permit:
                try:
                    if self.asking is not None:
                        await self.asking()
                    sink = self.flight if self.flight.streamed else None
                    limit = self.call.config.attempt_timeout
                    if limit is None:  # the usual case; whoever waits long holds each frame
                        output = await generate(self.call, route, sink)
                    else:
                        output = await self._within(limit, generate, route, sink)
                except ModeldError as error:
                    failed, kind = error, kind_of(error)
                    if kind == "rate_limit":
                        permit.limited(error.retry_after)
                        clean = False
                    else:
                        permit.failed()
                else:
                    permit.succeeded(output.usage, clean=clean)
                    return output
                finally:
                    self.provider_time += self.clock() - began
            await self._back_off(failed, kind)

    async def _permit(self, asker: Asker) -> Permit:
        self.flight.phase = "queue"
        began = self.clock()
        permit = await self.lane.enter(asker, again=self.number > 0)
        self.queue_time += self.clock() - began
        return permit

    async def _within(
        self, limit: float, generate: Generate, route: Route, sink: Sink | None
    ) -> ModelOutput:
        with anyio.move_on_after(limit):
            return await generate(self.call, route, sink)
        raise GenerateTimeout(
            f"attempt_timeout '{limit:g}' exceeded.", phase=self.flight.phase, model=route.name
        )

    async def _back_off(self, error: ModeldError, kind: FailureKind) -> None:
        if not self._may_retry(kind):
            error.attempts = self.number
            if kind == "rate_limit" and error.retry_after is None:
                error.retry_after = self.lane.paused_seconds() or None
            raise error
        wait = self.lane.paused_seconds() if kind == "rate_limit" else self._wait(error)
        self.flight.retrying(
            StreamRetryEvent(
                attempt=self.number, reason=error.reason, wait=wait, message=error.message
            )
        )
        if kind == "transient":
            self.flight.phase = "back_off"
            await anyio.sleep(wait)

    def _may_retry(self, kind: FailureKind) -> bool:
        most = self.call.config.max_retries
        if kind == "final" or (most is not None and self.number > most):
            return False
        return kind == "rate_limit" or self.lane.proven or self.number < FRESH_ATTEMPTS

    def _wait(self, error: ModeldError) -> float:
        state = tenacity.RetryCallState(None, None, (), {})  # type: ignore[arg-type]  # only counted
        state.attempt_number = self.number
        wait = (UNREACHED_BACK_OFF if unreached(error) else BACK_OFF)(state)
        return max(wait, error.retry_after or 0.0)
