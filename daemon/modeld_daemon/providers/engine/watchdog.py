"""Tells a hung engine from a busy one.

Time is counted in ticks of the daemon's own loop, not by the clock: after the machine slept, or
the loop was held up, a single tick has passed, and the engine gets its time to answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """How long an engine may take for what, in seconds."""

    hang_seconds: float = 30.0
    """Without an answer to a ping."""
    stall_seconds: float = 120.0
    """Without progress of a call: one batch of the prompt, or one token."""
    load_seconds: float = 600.0
    """For loading a model, in which the process may be deaf to pings."""
    stop_seconds: float = 2.0
    """From being asked to end until it is killed."""


@dataclass(slots=True)
class _Pulse:
    patience: float
    deaf: bool
    count: int = -1
    still: float = 0.0


class Watchdog:
    """Watches one process while it has calls; costs nothing while it has none.

    Args:
        limits: How long things may take.
        ping: Sends a ping.
        kill: Ends the process; the argument says why.
    """

    def __init__(
        self, limits: Limits, ping: Callable[[], None], kill: Callable[[str], None]
    ) -> None:
        self._limits = limits
        self._interval = limits.hang_seconds / 4
        self._ping = ping
        self._kill = kill
        self._pulses: dict[int, _Pulse] = {}
        self._silent = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, id: int, *, loading: bool) -> None:
        """A call begins."""
        patience = self._limits.load_seconds if loading else self._limits.stall_seconds
        self._pulses[id] = _Pulse(patience, deaf=loading)
        if self._timer is None:
            self._silent = 0.0
            self._ping()
            self._wait()

    def end(self, id: int) -> None:
        """A call ended."""
        self._pulses.pop(id, None)
        if not self._pulses:
            self.stop()

    def stop(self) -> None:
        """Stops watching."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def heard(self) -> None:
        """The process said something of itself: more than a part of an answer."""
        self._silent = 0.0

    def moved(self, id: int, count: int | None = None) -> None:
        """A call made progress; `count` is what the process counts, if that is how we know."""
        pulse = self._pulses.get(id)
        if pulse is None:
            return
        if count is None or count != pulse.count:
            pulse.still = 0.0
            if pulse.deaf:  # how far a load is, is all that it says
                self._silent = 0.0
        if count is not None:
            pulse.count = count

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._interval, self._tick)

    def _tick(self) -> None:
        self._wait()
        self._silent += self._interval
        longest = max([self._limits.hang_seconds, *self._deafness()])
        if self._silent > longest:
            self._kill(f"did not answer for {longest:g} s and was killed")
            return
        for pulse in self._pulses.values():
            pulse.still += self._interval
            if pulse.still > pulse.patience:
                self._kill(f"made no progress for {pulse.patience:g} s and was killed")
                return
        self._ping()

    def _deafness(self) -> list[float]:
        return [pulse.patience for pulse in self._pulses.values() if pulse.deaf]
