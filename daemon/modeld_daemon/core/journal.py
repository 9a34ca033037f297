"""The step of a call with a request id: it is made once, and its end outlives its daemon.

A call is taken down before it begins, before each attempt at the provider, and at its end, which
holds the answer and every event under its number. A daemon that finds a call which another has
begun makes it anew: what that one has told is void, so a `retrying` event comes first, with a
number higher than any that was told. If an attempt was at the provider, nobody knows whether the
work was done, and the answer says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import cast

import anyio

from modeld.errors import Conflict
from modeld.types import (
    CallInfo,
    JsonValue,
    ModelOutput,
    StreamQueuedEvent,
    StreamRetryEvent,
    stream_event_from_dict,
)

from .call import Result
from .events import Event, Watcher, tell
from .flights import Flight
from .kept import JournalRecord, JournalStore
from .prepare import add_warning

__all__ = ["Entry", "Journal"]

RUN = 1 << 32
"""Numbers of events that one daemon can give to a call; the next one's begin after them."""

Asking = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Entry:
    """A call's place in the journal."""

    account: str
    request_id: str


class Journal:
    """Calls that are made once, whoever dies.

    Args:
        store: Where they are kept.
    """

    def __init__(self, store: JournalStore) -> None:
        self.store = store

    async def once(
        self, entry: Entry, flight: Flight, make: Callable[[Asking], Awaitable[Result]]
    ) -> Result:
        """The answer that was made under the id, or one that is made now and kept.

        Raises `Conflict` when the id was given to another request.
        """
        with anyio.CancelScope(shield=True):  # what is not known to be there cannot be dropped
            record = await self.store.begin(entry.account, entry.request_id, flight.body)
        if record is not None:
            if record.body != flight.body:
                raise Conflict("this request_id was given to a different request")
            if record.output is not None:
                flight.again(*_told(record))
                flight.recorded = True
                return _result(record, record.output)
            flight.seq = max(flight.seq, record.runs * RUN)
            if record.asked:
                flight.retrying(_interrupted())
        try:
            result = await make(lambda: self.store.asking(entry.account, entry.request_id))
        except Exception:
            await self._drop(entry)
            raise
        except BaseException:  # cancelled: by a caller, or the daemon stops
            if flight.unwanted or flight.late:
                await self._drop(entry)
            raise
        if record is not None and record.asked:
            result = Result(result.output, replace(result.info, interrupted=True))
        await self._end(entry, flight, result)
        return result

    async def _end(self, entry: Entry, flight: Flight, result: Result) -> None:
        info = replace(result.info, raw=None).to_dict()
        events = [flight.seq, [_written(event) for event in flight.events or ()]]
        with anyio.CancelScope(shield=True):  # it is paid for; the store is quick or gives up
            flight.recorded = await self.store.end(
                entry.account, entry.request_id, result.output, info, events
            )
        if self.store.trouble is not None:
            add_warning(result.output, self.store.trouble)

    async def _drop(self, entry: Entry) -> None:
        with anyio.CancelScope(shield=True):
            await self.store.drop(entry.account, entry.request_id)

    async def knows(self, entry: Entry) -> bool:
        """Whether a call of that id was ever begun and has not failed."""
        return await self.store.find(entry.account, entry.request_id) is not None

    async def tell(self, entry: Entry, watcher: Watcher, after_seq: int) -> bool:
        """Tells a watcher all of a call that has ended; False when there is none such."""
        record = await self.store.find(entry.account, entry.request_id)
        if record is None or record.output is None:
            return False
        events, last = _told(record)
        for event in events:
            if event[0] > after_seq:
                tell(watcher, event)
        watcher.finished(last + 1, _result(record, record.output))
        return True


def _result(record: JournalRecord, output: ModelOutput) -> Result:
    return Result(output, CallInfo.from_dict(record.info))


def _interrupted() -> StreamRetryEvent:
    return StreamRetryEvent(
        attempt=0,
        reason="interrupted",
        message="the daemon died while the provider was at work; it is asked again",
    )


def _written(event: Event) -> JsonValue:
    if event[1] == "notice":
        return [event[0], event[1], event[2].to_dict()]
    return list(event)


def _told(record: JournalRecord) -> tuple[list[Event], int]:
    """What was told before the end, and the highest number that was given."""
    last, events = record.events
    return [_read(event) for event in events], last


def _read(written: JsonValue) -> Event:
    seq, kind, *parts = written
    if kind == "notice":
        notice = stream_event_from_dict(parts[0])
        assert isinstance(notice, StreamQueuedEvent | StreamRetryEvent)
        return (seq, "notice", notice)
    return cast("Event", (seq, kind, *parts))
