"""The path of a call through the daemon. Each step is a room of its own."""

from __future__ import annotations

import math
from collections.abc import Coroutine
from typing import Any

import anyio

from modeld.errors import GenerateTimeout
from modeld.types import CallInfo

from ..logs import call_id
from .call import Call, Result, Route
from .clients import Client, Clients
from .events import Watcher
from .flights import Flight, Flights, Ticket
from .lanes import Lanes
from .ports import TokenCount
from .prepare import deadline, fingerprint, prepare, refuse, warn
from .retry import Attempts
from .sessions import Lease

__all__ = ["Pipeline"]


class Pipeline:
    """Takes calls in and brings their events out."""

    def __init__(self, flights: Flights, clients: Clients, lanes: Lanes) -> None:
        self.flights = flights
        self.clients = clients
        self.lanes = lanes

    def submit(self, call: Call, lease: Lease, watcher: Watcher, *, stream: bool) -> Ticket:
        """Sends a call on its way; the watcher hears of it until it leaves or the call ends.

        Raises what is wrong with the call itself: no such model, no key, a request id in use.
        """
        resolution, client = lease.resolve()
        route = resolution.route
        call.config = lease.configured(call.config)
        call.deadline = deadline(call)
        key = None if call.request_id is None else (route.account, call.request_id)
        body = b"" if key is None else fingerprint(call, route)
        flight = None if key is None else self.flights.find(key, body)
        joined = flight is not None
        if flight is None:
            flight = Flight(
                lambda own: self._compute(call, route, client, own),
                key=key,
                body=body,
                lasting=key is not None,
                deadline=call.deadline,
                secret=client.connection.api_key,
            )
            flight.streamed = stream or key is not None
            self.clients.enter(client)
            self.flights.launch(flight)
        flight.watch(watcher)
        return Ticket(flight, watcher, joined)

    async def _compute(self, call: Call, route: Route, client: Client, flight: Flight) -> Result:
        call_id.set(call.id)
        try:
            prepare(call)
            provider = await client.provider(self.clients.source)
            lane = self.lanes.of(route, bounded=client.row.network)
            attempts = Attempts(call, lane, flight, self.flights.clock)
            output = await attempts.until_answered(provider.generate, route)
        finally:
            self.clients.leave(client)
        if output.time is None:
            output.time = attempts.provider_time
        warn(call, output)
        refuse(call, route, output)
        info = CallInfo(
            call_id=call.id,
            attempts=attempts.number,
            queue_time=attempts.queue_time,
            provider_time=attempts.provider_time,
        )
        return Result(output, info)

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
