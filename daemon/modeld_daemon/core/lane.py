"""The lane of an account's model: where attempts of all processes get their permits.

One lane bounds how many attempts run at once (`Adaptive`, or what somebody has set), how many
requests and tokens are spent in a minute (`Bucket`, told by the provider's headers; `Pace`, learned
from refusals), and who is next (`FairQueue`).

- A permit is for one attempt. All that it needs is taken in one step or nothing is, so that no
  attempt holds one thing while it waits for another.
- A refusal (429) pauses the lane for everybody, to the latest time that the provider named, or for
  a while that doubles. Then one attempt goes ahead as a probe; the rest follow when it is answered,
  or when it has not been refused within a second.
- Refusals of attempts that were on their way already when the first one came are the same news:
  they move the end of the pause, if they name one, and nothing else.
- An attempt that is to be made again keeps its place at the head of its flow.

All changes of state are synchronous. Those that are waited for are made by whoever causes them; for
those that time brings there is one task, which lives while somebody waits for time to pass.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from functools import partial

import anyio

from modeld.errors import GenerateTimeout, RateLimited
from modeld.types import AdaptiveConcurrency, ModelUsage

from .adaptive import Adaptive
from .asker import Asker
from .call import Route
from .fair_queue import FairQueue
from .flights import Spawner
from .lane_rates import LaneRates
from .lane_statistics import LaneSettings, LaneStatistics, LimitChange, LimitReason, lane_name
from .pause import Pause
from .permit import Permit
from .rates import RateLimits

__all__ = ["Lane"]

OPENING = 10
"""Attempts at once while nothing is known of a lane."""
OPENING_SECONDS = 0.5
"""How long an explicit limit waits for the first answer before it is believed."""
MOST_QUEUED = 100_000
MOST_QUEUED_BYTES = 512 * 1024 * 1024
TOLD_SECONDS = 1.0
"""Pauses from this length on are told to those who wait."""


class _Waiter:
    """A caller in the queue."""

    __slots__ = ("asker", "error", "event", "permit")

    def __init__(self, asker: Asker) -> None:
        self.asker = asker
        self.event = anyio.Event()
        self.permit: Permit | None = None
        self.error: Exception | None = None


class Lane:
    """Attempts at one model of one account.

    Args:
        route: A route of the lane.
        tasks: Where the task that waits for time runs.
        clock: The time of the event loop, in seconds.
        bounded: Whether the lane has a limit when nobody has set one.
    """

    def __init__(
        self,
        route: Route,
        tasks: Spawner,
        clock: Callable[[], float] = anyio.current_time,
        *,
        bounded: bool = True,
    ) -> None:
        self.route = route
        self.id = lane_name(route)
        self.rates = LaneRates(clock)
        self.adaptive = Adaptive(AdaptiveConcurrency(), clock)
        self.adaptive.limit = min(OPENING, self.adaptive.limit)
        self.settings = LaneSettings()
        self.proven = False
        """Whether it ever gave an answer."""
        self.used_at = clock()
        self._tasks = tasks
        self._clock = clock
        self._bounded = bounded
        self._queue: FairQueue[tuple[str, str], _Waiter] = FairQueue()
        self._queued_bytes = 0
        self._running: Counter[str] = Counter()
        self._in_use = 0
        self._explicit: dict[str, int] = {}
        self._opened: float | None = None
        self._pause = Pause(clock)
        self._totals: Counter[str] = Counter()
        self._timed: anyio.Event | None = None
        self._timer_ends = math.inf
        self._timing = False

    # -- callers --

    async def enter(self, asker: Asker, *, again: bool = False) -> Permit:
        """A permit, when it is the caller's turn. With `again` it is before the others of its flow.

        Raises `RateLimited` when the queue is full and `GenerateTimeout` when the lane is paused for
        longer than the caller can wait.
        """
        self._note_settings(asker)
        now = self._clock()
        if not self._queue and self._fits_session(asker) and not self._wait(asker, now):
            return self._grant(asker, now)
        waiter = _Waiter(asker)
        self._enqueue(waiter, now, again=again)
        try:
            self._advance()
            await waiter.event.wait()
        except BaseException:
            if waiter.permit is not None:
                waiter.permit.end()
            else:
                self._forget(waiter)
                self._advance()
            raise
        if waiter.error is not None:
            raise waiter.error
        assert waiter.permit is not None
        return waiter.permit

    def _note_settings(self, asker: Asker) -> None:
        if asker.max_connections is not None:
            self._explicit[asker.session] = asker.max_connections
        elif asker.adaptive is not None:
            self.adaptive.rebound(asker.adaptive)

    def _enqueue(self, waiter: _Waiter, now: float, *, again: bool) -> None:
        asker = waiter.asker
        full = len(self._queue) >= MOST_QUEUED
        if full or self._queued_bytes + asker.size > MOST_QUEUED_BYTES:
            raise RateLimited(
                f"{len(self._queue)} calls wait for {self.route.name} already",
                retry_after=self._turn_seconds(now),
                model=self.route.name,
                phase="queue",
            )
        self._check_deadline(asker, now)
        self._queue.put(waiter, asker.flow, asker.weight, first=again)
        asker.moves = partial(self._queue.move, waiter)
        self._queued_bytes += asker.size
        asker.waits(self._why(asker, now), self._queue.position(asker.flow) - 1)

    def _turn_seconds(self, now: float) -> float:
        per_second = max(self.rates.spent("requests", now) / 60.0, 0.1)
        return round(min(max(1.0, len(self._queue) / per_second), 600.0), 1)

    def _check_deadline(self, asker: Asker, now: float) -> None:
        pause = self._pause
        if asker.deadline is None or asker.deadline >= pause.until:
            return
        raise GenerateTimeout(
            f"{self.route.name} is paused for {pause.until - now:.3g} s ({pause.reason}), "
            "which is longer than the call may wait",
            retry_after=pause.until - now,
            model=self.route.name,
            phase="queue",
        )

    def _forget(self, waiter: _Waiter) -> None:
        self._queue.leave(waiter)
        self._queued_bytes -= waiter.asker.size
        self._forget_stranger(waiter.asker)

    def _forget_stranger(self, asker: Asker) -> None:
        """A caller without a session leaves no setting behind."""
        if not asker.session and not self._running[""] and "" in self._explicit:
            del self._explicit[""]

    # -- who may go --

    def limit(self) -> tuple[float, LimitReason]:
        """Attempts at once that are allowed now, and where that is from."""
        if self.settings.max_connections is not None:  # somebody knows this very lane
            return float(self.settings.max_connections), "set"
        if self._explicit:
            limit = float(max(self._explicit.values()))
            return (
                (OPENING, "opening") if limit > OPENING and self._opening() else (limit, "explicit")
            )
        if self._bounded:
            return self.adaptive.limit, "adaptive"
        return math.inf, "unlimited"

    def _opening(self) -> bool:
        if not self._bounded or self.proven or self.rates.known:
            return False
        return self._opened is None or self._clock() < self._opened + OPENING_SECONDS

    def _fits_session(self, asker: Asker) -> bool:
        most = asker.max_connections
        return most is None or self._running[asker.session] < most

    def _wait(self, asker: Asker, now: float) -> float:
        """Seconds until an attempt of the caller may start; infinite if time alone brings nothing."""
        if wait := self._pause.wait(now):
            return wait
        limit, reason = self.limit()
        if self._in_use >= limit:
            return OPENING_SECONDS if reason == "opening" else math.inf
        return self.rates.wait(asker, now)

    def _why(self, asker: Asker, now: float) -> str:
        if self._pause.wait(now):
            return "rate_limit"
        if not self._fits_session(asker) or self._in_use >= self.limit()[0]:
            return "connections"
        return "rate"

    def _grant(self, asker: Asker, now: float) -> Permit:
        permit = Permit(self, asker, self.rates.spend(asker, now), now)
        self._in_use += 1
        self._running[asker.session] += 1
        self.adaptive.used(self._in_use)
        self._totals["attempts"] += 1
        self.used_at = now
        if self._opened is None:
            self._opened = now
        self._pause.began(now)
        return permit

    def _serve(self, now: float) -> float:
        """Gives permits to all whose turn it is; seconds until time brings another one."""
        while (waiter := self._queue.next(lambda w: self._fits_session(w.asker))) is not None:
            wait = self._wait(waiter.asker, now)
            if wait > 0:
                return wait
            self._queue.take(waiter)
            self._queued_bytes -= waiter.asker.size
            waiter.permit = self._grant(waiter.asker, now)
            waiter.event.set()
        return math.inf

    def _advance(self) -> None:
        """Something has changed."""
        if not self._queue:
            return
        now = self._clock()
        ends = now + self._serve(now)
        if ends == math.inf:
            return
        if not self._timing:
            self._timing = True
            self._tasks.start_soon(_keep_time, self)
        elif ends < self._timer_ends and self._timed is not None:
            self._timed.set()

    async def keep_time(self) -> None:
        """Serves those who wait for time to pass, while there are any."""
        try:
            while self._queue:
                now = self._clock()
                wait = self._serve(now)
                if wait == math.inf:
                    return
                self._timer_ends, self._timed = now + wait, anyio.Event()
                with anyio.move_on_after(wait):
                    await self._timed.wait()
        finally:
            self._timing, self._timed, self._timer_ends = False, None, math.inf

    # -- what becomes of attempts --

    def answered(self, permit: Permit, limits: RateLimits | None) -> None:
        """The head of an answer is here."""
        if limits is not None:
            fresh = not self.rates.known
            self.rates.told(limits, permit.spending, self._clock())
            if fresh and self.rates.known and not self.adaptive.changes:
                self.adaptive.limit = self.adaptive.bounds.start
            self._advance()

    def succeeded(self, permit: Permit, usage: ModelUsage | None, *, clean: bool) -> None:
        """The attempt gave an answer."""
        self._totals["succeeded"] += 1
        self.proven = True
        self.rates.settle(permit.spending, usage, self._clock())
        if self._pause.succeeded(permit.began):
            self.adaptive.reopen()
        if clean:
            self.adaptive.succeeded()

    def failed(self, permit: Permit) -> None:  # noqa: ARG002  # as its neighbours
        """The attempt failed, not for a rate limit."""
        self._totals["failed"] += 1

    def limited(self, permit: Permit, retry_after: float | None) -> None:
        """The attempt was refused for a rate limit."""
        now = self._clock()
        self._totals["limited"] += 1
        # Where there is room as to rates, it is the attempts at once that are too many. Then every
        # refusal counts: those that come together are all beyond what the provider takes.
        if self.rates.room(now) and self.adaptive.limited(self._in_use, certain=True):
            unnamed = None
        else:
            unnamed = self.rates.pause()
            if self._pause.news(permit.began):
                self.adaptive.limited(self._in_use)
                self.rates.limited(now)
        if self._pause.limited(permit.began, retry_after, unnamed):
            self._tell_of_pause(now)

    def _tell_of_pause(self, now: float) -> None:
        for waiter in self._queue.members():
            try:
                self._check_deadline(waiter.asker, now)
            except GenerateTimeout as error:
                self._forget(waiter)
                waiter.error = error
                waiter.event.set()
            else:
                if self._pause.until - now >= TOLD_SECONDS:
                    waiter.asker.waits("rate_limit", None)

    def release(self, permit: Permit) -> None:
        """The attempt has ended, in whatever way."""
        self._in_use -= 1
        session = permit.asker.session
        self._running[session] -= 1
        if not self._running[session]:
            del self._running[session]
        self.rates.close(permit.spending, refused=permit.refused)
        self._pause.passed(permit.began)
        self._forget_stranger(permit.asker)
        self._advance()

    # -- settings --

    def set(self, settings: LaneSettings) -> None:
        """What somebody has set for the lane itself, in place of what was set before."""
        self.settings = settings
        self.rates.set(settings, self._clock())
        self._advance()

    def forget_session(self, session: str) -> None:
        """A session has ended: what it had set holds no more."""
        if self._explicit.pop(session, None) is not None:
            self._advance()

    @property
    def idle(self) -> bool:
        """Whether nobody has anything to do with it."""
        return not self._in_use and not self._queue and self.settings == LaneSettings()

    def paused_seconds(self) -> float:
        """Until the pause ends; 0 when there is none."""
        return self._pause.seconds()

    def statistics(self) -> LaneStatistics:
        """A snapshot."""
        now = self._clock()
        limit, reason = self.limit()
        paused = self.paused_seconds()
        waiting = {session for session, _ in self._queue.flows()}
        return LaneStatistics(
            id=self.id,
            model=self.route.name,
            account=self.route.account.fingerprint,
            base_url=self.route.account.base_url or "",
            limit=0 if limit == math.inf else int(limit),
            limit_reason=reason,
            in_use=self._in_use,
            queued=len(self._queue),
            queued_bytes=self._queued_bytes,
            sessions=len(waiting | set(self._running)),
            rates=self.rates.statistics(now),
            reserved_tokens=self.rates.reserved_tokens,
            paused_seconds=paused,
            pause_reason=self._pause.reason if paused else "",
            attempts=self._totals["attempts"],
            succeeded=self._totals["succeeded"],
            limited=self._totals["limited"],
            failed=self._totals["failed"],
            history=tuple(
                LimitChange(now - change.at, change.old, change.new, change.reason)
                for change in self.adaptive.changes
            ),
        )


async def _keep_time(lane: Lane) -> None:
    await lane.keep_time()
