"""Reads the answer to one call: plain or streamed, at once or made in the background."""

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
    body_error,
    check_streams,
    error_from,
    failure,
    read_error,
    sad_result,
    sadness,
)
from .response import output_from
from .stream import EventFold, StreamError

__all__ = ["Exchange"]

_AFTER_DONE = 0.1
"""Seconds given to a server to end its answer after the last event, so that the connection lives."""

# What reading a JSON value of another shape than expected can raise.
_WRONG_SHAPE = (ValueError, KeyError, TypeError, AttributeError, IndexError)
_UNFINISHED = ("queued", "in_progress")


class Exchange:
    """One call and where its answer goes.

    Args:
        call: The call.
        route: Its model.
        sink: Where deltas go.
        custom_calls: Whether calls of custom tools are the client's to run.
    """

    def __init__(
        self, call: Call, route: Route, sink: Sink | None, *, custom_calls: bool = True
    ) -> None:
        self._call = call
        self._route = route
        self._sink = sink
        self._custom_calls = custom_calls
        self._told = False

    def unfinished(self, response: Response) -> str | None:
        """The id of a response that is still being made."""
        self._tell(response)
        if response.status != 200:
            return None
        with suppress(*_WRONG_SHAPE):
            body = loads(response.body)
            if body.get("status") in _UNFINISHED and isinstance(body.get("id"), str):
                return str(body["id"])
        return None

    def complete(self, response: Response) -> ModelOutput:
        """The output of a plain answer."""
        self._tell(response)
        return self._replayed(self._read(response, response.body))

    async def streamed(self, response: StreamResponse) -> ModelOutput:
        """The output of a streamed answer; a plain one is taken where the server cannot stream.

        Raises `CannotStream` where it has to be asked for.
        """
        self._tell(response)
        if response.status != 200 or "json" in (response.header("content-type") or ""):
            body = await response.read_all()
            if response.status != 200:
                check_streams(read_error(body))
            return self._replayed(self._read(response, body))
        fold = EventFold(self._sink, custom_calls=self._custom_calls)
        try:
            await _feed(fold, response)
            if fold.finished:
                return self._completed(fold, self._output(fold.body(), response))
        except StreamError as stopped:
            return self._completed(fold, self._failed(error_from(stopped.error), response))
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

    def _tell(self, response: Response | StreamResponse) -> None:
        """Of the rate limits, once: what is asked for later is no new request."""
        if not self._told:
            self._told = True
            self._call.told(rate_limits(response.headers))

    def _completed(self, fold: EventFold, output: ModelOutput) -> ModelOutput:
        """The output of a stream. A sad result's text was in no event."""
        return self._replayed(output) if output.error is not None and not fold.said else output

    def _replayed(self, output: ModelOutput) -> ModelOutput:
        if self._sink is not None:
            replay_output(output, self._sink)
        return output

    def _read(self, response: Response | StreamResponse, body: bytes) -> ModelOutput:
        if response.status != 200:
            error = read_error(body)
            result = sad_result(error, response.status, self._route.model)
            if result is not None:
                return result
            raise self._failure(error, response.status, response)
        try:
            return self._output(loads(body), response)
        except _WRONG_SHAPE as error:
            raise self._garbage(error, response) from None

    def _output(self, body: JsonObject, response: Response | StreamResponse) -> ModelOutput:
        error = body_error(body)
        if error is not None:
            return self._failed(error, response)
        return output_from(body, self._call.tools, custom_calls=self._custom_calls)

    def _failed(self, error: WireError, response: Response | StreamResponse) -> ModelOutput:
        """What an error without a status of its own is."""
        result = sadness(error, self._route.model)
        if result is None:
            raise self._failure(error, None, response)
        return result

    def _failure(
        self, error: WireError, status: int | None, response: Response | StreamResponse
    ) -> ModeldError:
        headers = response.header_dict()
        return failure(error, status, headers, self._route.provider, self._route.name)

    def _garbage(self, error: Exception, response: Response | StreamResponse) -> ProviderError:
        return ProviderError(
            f"The answer is no response: {type(error).__name__}: {error}",
            provider=self._route.provider,
            model=self._route.name,
            status=response.status,
            request_id=response.header("x-request-id"),
        )


async def _feed(fold: EventFold, response: StreamResponse) -> None:
    """Feeds the fold up to the last event."""
    parser = EventParser()
    while piece := await response.read():
        for _, data in parser.feed(piece):
            if data != b"[DONE]":
                fold.feed(loads(data))
        if fold.finished:
            await _drain(response)
            return
    for _, data in parser.finish():
        if data != b"[DONE]":
            fold.feed(loads(data))


async def _drain(response: StreamResponse) -> None:
    """Lets the answer end. If it does not, only the connection is lost."""
    if response.ended:
        return
    with suppress(TimeoutError, ModeldError):
        async with asyncio.timeout(_AFTER_DONE):
            await response.read_all()
