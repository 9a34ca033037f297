"""An extension as a `Provider`: whatever it does, its own call alone can fail of it."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, TypeVar

from modeld.errors import ModeldError
from modeld.types import ModelOutput, ModelUsage

from ...core.call import Call, Route
from ...core.estimate import estimate_tokens
from ...core.ports import Connection, ModelListing, Sink, TokenCount
from ..engine.choices import queue_reporter
from .crossing import (
    call_to_json,
    connection_to_json,
    limits_from_json,
    output_from_json,
    route_to_json,
    tell,
)
from .host import Host
from .origin import Origin
from .values import LARGEST

__all__ = ["Guarded"]

JsonObject: TypeAlias = dict[str, Any]
T = TypeVar("T")

SILENT_SECONDS = 600.0
"""Seconds without a delta or an answer after which a call is given up."""

_numbers = itertools.count(1)


class Guarded:
    """A `Provider`.

    Args:
        host: The extension's process. It makes an object of its class for this connection.
        connection: Key, URL, model args and environment of the caller's session.
    """

    def __init__(self, host: Host, connection: Connection) -> None:
        self._host = host
        self._origin = host.origin
        # Each question brings all that the object is made of: the process may be a new one.
        self._who: JsonObject = {
            "holder": str(next(_numbers)),
            "connection": connection_to_json(connection),
        }

    async def generate(self, call: Call, route: Route, sink: Sink | None) -> ModelOutput:
        """Makes one answer."""
        result = await self._ask("generate", call, route, sink)
        output = self._read(lambda: output_from_json(result["output"]))
        output.model = output.model or route.model
        _check(self._origin, output)
        if sink is not None and not result["streamed"]:
            _tell_at_once(output, sink)
        return output

    async def count_tokens(self, call: Call, route: Route) -> TokenCount:
        """What the extension counts; an estimate where it does not."""
        counted = (await self._ask("count", call, route, None))["counted"]
        if counted is None:
            return TokenCount(estimate_tokens(call.messages, call.tools), estimated=True)
        return self._read(lambda: TokenCount(**counted))

    async def models(self) -> list[ModelListing] | None:
        """What the extension lists; None where it does not."""
        async with self._in_time():
            listed = (await self._host.ask(self, "models", self._who))["models"]
        if listed is None:
            return None
        return self._read(lambda: [ModelListing(name, description=why) for name, why in listed])

    async def aclose(self) -> None:
        """Closes what belongs to this connection: its object of the extension's class."""
        await self._host.release(self, {"holder": self._who["holder"]})

    async def _ask(self, op: str, call: Call, route: Route, sink: Sink | None) -> JsonObject:
        now = asyncio.get_running_loop().time()
        body = {
            **self._who,
            "call": call_to_json(call, now),
            "route": route_to_json(route),
            "stream": sink is not None,
        }
        fault: list[ModeldError] = []
        async with self._in_time() as limit:

            def on_event(event: JsonObject) -> None:
                if limit.expired():
                    return
                limit.reschedule(asyncio.get_running_loop().time() + SILENT_SECONDS)
                try:
                    _tell(event, call, sink)
                except Exception as error:  # noqa: BLE001  # its process says what it likes
                    fault.append(self._origin.typed(error))

            result = await self._host.ask(self, op, body, on_event, queue_reporter(sink))
        if fault:
            raise fault[0]
        return result

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[asyncio.Timeout]:
        """Ends what takes too long. Each sign of life may give it more time."""
        limit = asyncio.timeout(SILENT_SECONDS)
        try:
            async with limit:
                yield limit
        except TimeoutError:
            if not limit.expired():  # it is the extension's own
                raise
            raise self._origin.fault("it has not answered in time") from None

    def _read(self, function: Callable[[], T]) -> T:
        try:
            return function()
        except Exception as error:  # noqa: BLE001  # its process says what it likes
            raise self._origin.fault(f"its answer cannot be used: {error}") from None


def _tell(event: JsonObject, call: Call, sink: Sink | None) -> None:
    if "limits" in event:
        call.told(limits_from_json(event["limits"]))
    elif sink is not None:
        tell(event["told"], sink)


def _check(origin: Origin, output: ModelOutput) -> None:
    if not output.choices:
        raise origin.fault("its ModelOutput has no choices")
    if output.time is not None and not 0 <= output.time < LARGEST:
        raise origin.fault(f"time of its ModelOutput is {output.time}")
    for field in dataclasses.fields(ModelUsage):
        value = None if output.usage is None else getattr(output.usage, field.name)
        if value is not None and not 0 <= value < LARGEST:
            raise origin.fault(f"{field.name} of its usage is {value}")


def _tell_at_once(output: ModelOutput, sink: Sink) -> None:
    """The deltas of an answer that came whole."""
    message = output.message
    if message.text:
        sink.text(message.text)
    for call in message.tool_calls or []:
        sink.tool_call(call.id, call.function, json.dumps(call.arguments, ensure_ascii=False))
