"""Reads the answer to one call: plain or streamed, good or bad."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from modeld.errors import ModeldError, ProviderError, ProviderUnavailable
from modeld.types import JsonObject, ModelOutput

from ...core.call import Call, Route
from ...core.ports import Sink
from ...core.replay import replay_output
from ..http.client import Response, StreamResponse
from ..http.jsontext import loads
from ..http.rate_limits import rate_limits
from ..http.sse import EventParser
from .errors import (
    WireError,
    check_streams,
    choice_error,
    error_from,
    failure,
    read_error,
    sad_result,
)
from .quirks import Quirks
from .response import output_from
from .stream import ChunkFold, StreamError

__all__ = ["Exchange"]

_AFTER_DONE = 0.1
"""Seconds given to a server to end its answer after [DONE], so that the connection lives on."""

# What reading a JSON value of another shape than expected can raise.
_WRONG_SHAPE = (ValueError, KeyError, TypeError, AttributeError, IndexError)


class Exchange:
    """One call and where its answer goes.

    Args:
        call: What is asked, as the caller asks it.
        route: Where.
        sink: Who listens.
        quirks: What the server does in its own way.
        emulated: Whether the tools were described in words, so that calls are words too.
        fold: What puts a stream together.
    """

    def __init__(
        self,
        call: Call,
        route: Route,
        sink: Sink | None,
        quirks: Quirks | None = None,
        *,
        emulated: bool = False,
        fold: type[ChunkFold] = ChunkFold,
    ) -> None:
        self._fold = fold
        self._quirks = quirks or Quirks()
        self._emulated = emulated and bool(call.tools)
        self._call = call
        self._route = route
        self._sink = sink

    def complete(self, response: Response) -> ModelOutput:
        """The output of a plain answer."""
        self._call.told(rate_limits(response.headers))
        output = self._read(response, response.body)
        if self._sink is not None:
            replay_output(output, self._sink)
        return output

    async def streamed(self, response: StreamResponse) -> ModelOutput:
        """The output of a streamed answer; a plain one is taken where the server cannot stream.

        Raises `CannotStream` where it has to be asked for.
        """
        self._call.told(rate_limits(response.headers))
        if response.status != 200 or "json" in (response.header("content-type") or ""):
            body = await response.read_all()
            if response.status != 200:
                check_streams(read_error(body))
            output = self._read(response, body)
            if self._sink is not None:
                replay_output(output, self._sink)
            return output
        fold = self._fold(self._sink, self._call.tools if self._emulated else None)
        try:
            done = await _feed(fold, response)
            if done or fold.finished:
                return self._output(fold.body())
        except StreamError as stopped:
            error = error_from(stopped.error)
            if fold.empty:  # nothing was said: as in a plain answer
                return self._refused(error, None, response)
            raise self._failure(error, None, response) from None
        except _WRONG_SHAPE as error:
            raise self._garbage(error, response) from None
        if fold.empty and "event-stream" not in (response.header("content-type") or ""):
            raise self._garbage(ValueError("there is no event in it"), response)
        raise ProviderUnavailable(
            "The stream ended before the answer did.",
            provider=self._route.provider,
            model=self._route.name,
            request_id=response.header("x-request-id"),
            phase="stream",
        )

    def _read(self, response: Response | StreamResponse, body: bytes) -> ModelOutput:
        if response.status != 200:
            return self._refused(read_error(body), response.status, response)
        try:
            value = loads(body)
            wire_error = choice_error(value)
            if wire_error is None:
                return self._output(value)
        except _WRONG_SHAPE as error:
            raise self._garbage(error, response) from None
        return self._refused(wire_error, None, response)

    def _refused(
        self, error: WireError, status: int | None, response: Response | StreamResponse
    ) -> ModelOutput:
        """The output of a request refused for its content or length; any other error is raised.
        `status` is None where the answer's was good: then the error may say its own.
        """
        own = int(error.code) if error.code.isdigit() else 400
        long = self._quirks.length_statuses
        result = sad_result(error, own if status is None else status, self._route.model, long)
        if result is not None:
            return result
        raise self._failure(error, status, response)

    def _output(self, body: JsonObject) -> ModelOutput:
        return output_from(body, self._call.tools, emulated=self._emulated)

    def _failure(
        self, error: WireError, status: int | None, response: Response | StreamResponse
    ) -> ModeldError:
        headers = response.header_dict()
        busy = self._quirks.busy_statuses
        return failure(error, status, headers, self._route.provider, self._route.name, busy)

    def _garbage(self, error: Exception, response: Response | StreamResponse) -> ProviderError:
        return ProviderError(
            f"The answer is no chat completion: {type(error).__name__}: {error}",
            provider=self._route.provider,
            model=self._route.name,
            status=response.status,
            request_id=response.header("x-request-id"),
        )


async def _feed(fold: ChunkFold, response: StreamResponse) -> bool:
    """Feeds the fold to the end of the stream; whether the server said that it was done."""
    parser = EventParser()
    while piece := await response.read():
        for _, data in parser.feed(piece):
            if data == b"[DONE]":
                await _drain(response)
                return True
            fold.feed(loads(data))
    for _, data in parser.finish():
        if data == b"[DONE]":
            return True
        fold.feed(loads(data))
    return False


async def _drain(response: StreamResponse) -> None:
    """Lets the answer end. If it does not, only the connection is lost."""
    if response.ended:
        return
    with suppress(TimeoutError, ModeldError):
        async with asyncio.timeout(_AFTER_DONE):
            await response.read_all()
