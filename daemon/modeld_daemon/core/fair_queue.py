"""Who is next: weighted fair order of flows, and first come, first served within one.

A flow is a session at one priority. Each has a virtual time, which moves on by 1/weight whenever it
is served; the flow that is furthest behind is next. A flow that comes, or comes back, starts at the
time of the one that was served last: so it is next, however many wait in other flows, and has saved
up nothing from the time when it did not wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

__all__ = ["FairQueue"]

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


@dataclass(slots=True)
class _Flow(Generic[T]):
    weight: float
    time: float
    waiting: deque[T] = field(default_factory=deque)
    gone: int = 0
    """Members of `waiting` that have left and are skipped when their turn comes."""


class FairQueue(Generic[K, T]):
    """Waiting callers, by flow. Members are compared by identity."""

    def __init__(self) -> None:
        self._flows: dict[K, _Flow[T]] = {}
        self._where: dict[int, K] = {}
        self._time = 0.0

    def __len__(self) -> int:
        return len(self._where)

    def put(self, member: T, flow: K, weight: float, *, first: bool = False) -> None:
        """The member waits; with `first` before the others of its flow, at no new cost."""
        found = self._flows.get(flow)
        if found is None:
            self._forget_passed()
            found = self._flows[flow] = _Flow(weight, self._time)
        elif not len(found.waiting) - found.gone:
            found.time = max(found.time, self._time)
        self._where[id(member)] = flow
        if first:
            found.waiting.appendleft(member)
            found.time -= 1.0 / found.weight
        else:
            found.waiting.append(member)

    def move(self, member: T, flow: K, weight: float) -> None:
        """The member, if it still waits, does so in another flow, where it never was before."""
        if id(member) in self._where:
            self.leave(member)
            self.put(member, flow, weight)

    def position(self, flow: K) -> int:
        """How many of that flow wait."""
        found = self._flows.get(flow)
        return 0 if found is None else len(found.waiting) - found.gone

    def next(self, may: Callable[[T], bool]) -> T | None:
        """The next member, which stays. A flow whose first member may not go is passed over."""
        chosen, best = None, float("inf")
        for key, flow in self._flows.items():
            first = self._first(key, flow)
            if first is not None and flow.time < best and may(first):
                chosen, best = first, flow.time
        return chosen

    def take(self, member: T) -> None:
        """The member that `next` has named is served."""
        key = self._where.pop(id(member))
        flow = self._flows[key]
        flow.waiting.popleft()
        self._time = max(self._time, flow.time)
        flow.time += 1.0 / flow.weight
        self._forget_if_empty(key, flow)

    def leave(self, member: T) -> None:
        """The member does not wait any more."""
        key = self._where.pop(id(member), None)
        if key is None:
            return
        flow = self._flows[key]
        if flow.waiting[0] is member:
            flow.waiting.popleft()
        elif flow.waiting[-1] is member:
            flow.waiting.pop()
        else:
            flow.gone += 1
            if flow.gone * 2 > len(flow.waiting):
                flow.waiting = deque(m for m in flow.waiting if self._where.get(id(m)) == key)
                flow.gone = 0
        self._forget_if_empty(key, flow)

    def members(self) -> list[T]:
        """All that wait, flow by flow."""
        return [
            member
            for key, flow in self._flows.items()
            for member in flow.waiting
            if self._where.get(id(member)) == key
        ]

    def flows(self) -> list[K]:
        """Flows in which somebody waits."""
        return [key for key, flow in self._flows.items() if len(flow.waiting) - flow.gone]

    def _first(self, key: K, flow: _Flow[T]) -> T | None:
        while flow.waiting:
            first = flow.waiting[0]
            if self._where.get(id(first)) == key:  # it may wait elsewhere by now
                return first
            flow.waiting.popleft()
            flow.gone -= 1
        return None

    def _forget_if_empty(self, key: K, flow: _Flow[T]) -> None:
        if not self._where:
            self._flows.clear()
        elif self._first(key, flow) is None and flow.time <= self._time:
            del self._flows[key]

    def _forget_passed(self) -> None:
        """An empty flow is kept while it is ahead of the others, or leaving would be a way to jump
        the queue. What the others have passed says nothing any more.
        """
        for key, flow in list(self._flows.items()):
            self._forget_if_empty(key, flow)
