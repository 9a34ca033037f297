"""The path of a call through the daemon. Each step is a room of its own."""

from __future__ import annotations

import copy
import math
from collections.abc import Coroutine
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread

from modeld.errors import GenerateTimeout, ModeldError, ModelNotFound
from modeld.types import CallInfo, GenerateConfig, JsonObject

from ..logs import call_id
from .asked import Claim, claim
from .cache import Cache
from .call import Account, Call, Result, Route
from .clients import Client, Clients
from .events import Watcher
from .flights import Flight, Flights, Ticket
from .journal import Asking, Entry, Journal
from .lanes import Lanes
from .ports import TokenCount
from .prepare import cut, deadline, own_deadline, prepare, warn
from .resolve import Resolution
from .retry import Attempts
from .sessions import Lease
from .waiter import Waiter

__all__ = ["Pipeline"]

PATIENCE = ("max_retries", "attempt_timeout", "stream_idle_timeout")
"""Fields of a config that say when a computation is given up. `timeout` is each caller's own."""


class Pipeline:
    """Takes calls in and brings their events out."""

    def __init__(
        self, flights: Flights, clients: Clients, lanes: Lanes, cache: Cache, journal: Journal
    ) -> None:
        self.flights = flights
        self.clients = clients
        self.lanes = lanes
        self.cache = cache
        self.journal = journal

    def submit(self, call: Call, lease: Lease, watcher: Watcher, *, stream: bool) -> Ticket:
        """Sends a call on its way; the watcher hears of it until it leaves or the call ends.

        Raises what is wrong with the call itself: no such model, no key, a request id in use.
        """
        resolution, client = lease.resolve()
        lease.join(call)
        call.config = lease.configured(call.config)
        claimed = claim(call, resolution.route, resolution.connection.args)
        return self._submit(call, resolution.route, client, claimed, watcher, stream=stream)

    def submit_large(
        self, call: Call, lease: Lease, watcher: Watcher, *, stream: bool
    ) -> Coroutine[Any, Any, Ticket]:
        """As `submit`, for a call whose naming takes longer than others should wait. What the lease
        says now counts, however much later this is awaited; awaited it must be.
        """
        resolution, client = lease.resolve()
        lease.join(call)
        call.config = lease.configured(call.config)
        self.clients.enter(client)
        return self._submit_late(call, resolution, client, watcher, stream=stream)

    async def _submit_late(
        self, call: Call, resolution: Resolution, client: Client, watcher: Watcher, *, stream: bool
    ) -> Ticket:
        route = resolution.route
        try:
            claimed = await anyio.to_thread.run_sync(claim, call, route, resolution.connection.args)
            await anyio.lowlevel.checkpoint_if_cancelled()
            return self._submit(call, route, client, claimed, watcher, stream=stream)
        finally:
            self.clients.leave(client)

    def _submit(
        self, call: Call, route: Route, client: Client, claimed: Claim | None, watcher: Watcher,
        *, stream: bool,
    ) -> Ticket:  # fmt: skip
        own, call.deadline = own_deadline(call), deadline(call)
        flight = None if claimed is None else self.flights.find(claimed.key, claimed.body)
        joined = flight is not None
        if flight is None:
            flight = self._flight(call, route, client, claimed, own)
            flight.streamed = stream or claimed is not None
            self.clients.enter(client)
            self.flights.launch(flight)
        elif flight.patience is not None:
            _wait_with_the_patient(flight.patience, call.config)
        flight.hasten(call.priority)
        if claimed is not None or call.config.fail_on_refusal:
            watcher = self._waiter(watcher, call, route, flight, joined=joined)
        flight.watch(watcher)
        return Ticket(flight, watcher, joined)

    def _flight(
        self, call: Call, route: Route, client: Client, claimed: Claim | None, own: float | None
    ) -> Flight:
        """The call as a flight. The time of a shared one is not that of its first caller."""
        compute = partial(self._compute, call, route, client, claimed)
        secret = client.connection.api_key
        if claimed is None:
            return Flight(compute, deadline=call.deadline, secret=secret, priority=call.priority)
        lasting = claimed.request_id is not None
        call.config = copy.copy(call.config)  # who joins may change it
        return Flight(
            compute,
            patience=call.config,
            key=claimed.key,
            body=claimed.body,
            lasting=lasting,
            deadline=own if lasting else None,
            secret=secret,
            priority=call.priority,
        )

    def _waiter(
        self, watcher: Watcher, call: Call, route: Route, flight: Flight, *, joined: bool
    ) -> Waiter:
        limit = call.deadline
        if limit is not None and flight.deadline is not None and limit >= flight.deadline:
            limit = None  # the flight itself ends before
        waiter = Waiter(watcher, call, route, joined=joined, deadline=limit)
        if limit is not None:
            self.flights.spawn(waiter.expire, flight)
        return waiter

    async def _compute(
        self, call: Call, route: Route, client: Client, claimed: Claim | None, flight: Flight
    ) -> Result:
        call_id.set(call.id)
        make = partial(self._make, call, route, client, flight)
        try:
            if claimed is None:
                return await make()
            if flight.after is not None:
                await flight.after.wait()
            if claimed.request_id is not None:
                entry = Entry(str(route.account), claimed.request_id)
                return await self.journal.once(entry, flight, make)
            return await self.cache.through(claimed, call, route, flight, make)
        finally:
            self.clients.leave(client)

    async def _make(
        self,
        call: Call,
        route: Route,
        client: Client,
        flight: Flight,
        asking: Asking | None = None,
    ) -> Result:
        """The answer of the provider."""
        prepare(call)
        provider = await client.provider(self.clients.source)
        lane = self.lanes.of(route, bounded=client.row.network)
        attempts = Attempts(call, lane, flight, self.flights.clock, asking)
        try:
            output = await attempts.until_answered(provider.generate, route)
        except ModeldError as error:
            error.call = await _noted(call)
            raise
        if output.time is None:
            output.time = attempts.provider_time
        call.count(route.name, call.role, output)
        cut(output, client.connection.api_key)
        warn(call, output)
        info = CallInfo(
            call_id=call.id,
            attempts=attempts.number,
            queue_time=attempts.queue_time,
            provider_time=attempts.provider_time,
            raw=await _noted(call),
        )
        return Result(output, info)

    async def attach(
        self, account: Account, request_id: str, watcher: Watcher, after_seq: int
    ) -> Ticket | None:
        """Tells a watcher of a call that was given an id: every event after that number, once.

        None when all was told at once. Raises `ModelNotFound` when there is no such call.
        """
        flight = self.flights.find((account, request_id))
        if flight is not None:
            flight.watch(watcher, after_seq)
            return Ticket(flight, watcher, joined=True)
        if not await self.journal.tell(Entry(str(account), request_id), watcher, after_seq):
            raise _unknown()
        return None

    async def cancel(self, account: Account, request_id: str) -> bool:
        """Ends a call that was given an id; says whether it ran. Raises `ModelNotFound` when there
        is no such call.
        """
        flight = self.flights.find((account, request_id))
        if flight is not None:
            running = not flight.ended
            flight.cancel("cancelled by its caller")
            return running
        if not await self.journal.knows(Entry(str(account), request_id)):
            raise _unknown()
        return False

    def count_tokens(self, call: Call, lease: Lease) -> Coroutine[Any, Any, TokenCount]:
        """Counts the tokens of a call's input. What the lease says now counts, however much later
        the counting is awaited; awaited it must be.
        """
        resolution, client = lease.resolve()
        call.config = lease.configured(call.config)
        limit = deadline(call)
        prepare(call)
        self.clients.enter(client)
        return self._count(call, resolution.route, client, limit)

    async def _count(
        self, call: Call, route: Route, client: Client, limit: float | None
    ) -> TokenCount:
        try:
            with anyio.CancelScope(deadline=math.inf if limit is None else limit):
                provider = await client.provider(self.clients.source)
                return await provider.count_tokens(call, route)
            raise GenerateTimeout("tokens were not counted in time")
        finally:
            self.clients.leave(client)


def _wait_with_the_patient(shared: GenerateConfig, joining: GenerateConfig) -> None:
    """A shared flight goes on for as long as the most patient of its callers would: who gives up
    after one attempt must not take the others along.
    """
    for name in PATIENCE:
        one, other = getattr(shared, name), getattr(joining, name)
        setattr(shared, name, None if one is None or other is None else max(one, other))


async def _noted(call: Call) -> JsonObject | None:
    """What was noted of the exchange, if the caller wants to know. Its bodies may be large."""
    return None if call.raw is None else await anyio.to_thread.run_sync(call.raw.call)


def _unknown() -> ModelNotFound:
    return ModelNotFound("there is no call of this request_id; send it again with the same id")
