"""Reads the answer to one call: plain or streamed, good or bad."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from modeld.errors import ModeldError, ProviderError, ProviderUnavailable
from modeld.types import JsonValue, ModelOutput

from ...core.call import Call, Route
from ...core.ports import Sink
from ...core.replay import replay_output
from ..http.client import Response, StreamResponse
from ..http.jsontext import loads
from ..http.rate_limits import rate_limits
from ..http.sse import EventParser
from .errors import WireError, error_from, failure, read_error, request_id, sad_result
from .response import output_from
from .stream import ChunkFold, StreamError

__all__ = ["Exchange"]

_AFTER_DONE = 0.1
"""Seconds given to a server to end its answer after [DONE], so that the connection lives on."""

# What reading a JSON value of another shape than expected can raise.
_WRONG_SHAPE = (ValueError, KeyError, TypeError, AttributeError, IndexError)


class Exchange:
    """One call and where its answer goes."""

    def __init__(self, call: Call, route: Route, sink: Sink | None) -> None:
        self._call = call
        self._route = route
        self._sink = sink

    def complete(self, response: Response) -> ModelOutput:
        """The output of a plain answer."""
        self._call.told(rate_limits(response.headers))
        return self._replayed(self._read(response, response.body))

    async def streamed(self, response: StreamResponse) -> ModelOutput:
        """The output of a streamed answer; a plain one is taken where the server cannot stream."""
        self._call.told(rate_limits(response.headers))
        if response.status != 200 or "json" in (response.header("content-type") or ""):
            return self._replayed(self._read(response, await response.read_all()))
        fold = ChunkFold(self._sink)
        try:
            done = await _feed(fold, response)
            if done or fold.finished:
                return output_from(fold.body(), self._call.tools)
        except StreamError as stopped:
            raise self._failure(error_from(stopped.error), None, response) from None
        except _WRONG_SHAPE as error:
            raise self._garbage(error, response) from None
        if fold.empty and "event-stream" not in (response.header("content-type") or ""):
            raise self._garbage(ValueError("there is no event in it"), response)
        raise ProviderUnavailable(
            "The stream ended before the answer did.",
            provider=self._route.provider,
            model=self._route.name,
            request_id=request_id(response.header_dict()),
            phase="stream",
        )

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
            value = loads(body)
            if not _is_error(value):
                return output_from(value, self._call.tools)
            wire_error = error_from(value)
        except _WRONG_SHAPE as error:
            raise self._garbage(error, response) from None
        raise self._failure(wire_error, None, response)

    def _failure(
        self, error: WireError, status: int | None, response: Response | StreamResponse
    ) -> ModeldError:
        headers = response.header_dict()
        return failure(error, status, headers, self._route.provider, self._route.name)

    def _garbage(self, error: Exception, response: Response | StreamResponse) -> ProviderError:
        return ProviderError(
            f"The answer is no chat completion: {type(error).__name__}: {error}",
            provider=self._route.provider,
            model=self._route.name,
            status=response.status,
            request_id=request_id(response.header_dict()),
        )


def _is_error(value: JsonValue) -> bool:
    if value.get("choices"):
        return False
    return bool(
        value.get("error")
        or value.get("object") == "error"
        or ("choices" not in value and ("message" in value or "detail" in value))
    )


async def _feed(fold: ChunkFold, response: StreamResponse) -> bool:
    """Feeds the fold to the end of the stream; whether the server said that it was done."""
    parser = EventParser()
    while piece := await response.read():
        for name, data in parser.feed(piece):
            if data == b"[DONE]":
                await _drain(response)
                return True
            _feed_event(fold, name, data)
    for name, data in parser.finish():
        if data == b"[DONE]":
            return True
        _feed_event(fold, name, data)
    return False


def _feed_event(fold: ChunkFold, name: bytes, data: bytes) -> None:
    value = loads(data)
    if name == b"error":
        raise StreamError(value)
    fold.feed(value)


async def _drain(response: StreamResponse) -> None:
    """Lets the answer end. If it does not, only the connection is lost."""
    if response.ended:
        return
    with suppress(TimeoutError, ModeldError):
        async with asyncio.timeout(_AFTER_DONE):
            await response.read_all()
