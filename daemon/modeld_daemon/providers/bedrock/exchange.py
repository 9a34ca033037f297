"""Reads the answer to one call: plain or streamed, good or bad."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from modeld.errors import ModeldError, ProviderError, ProviderUnavailable
from modeld.types import ModelOutput

from ...core.call import Call, Route
from ...core.ports import Sink
from ...core.replay import replay_output
from ..aws.errors import WireError, failure, read_error, sad_result
from ..aws.eventstream import FrameParser
from ..http.client import Response, StreamResponse
from ..http.jsontext import loads
from .response import output_from
from .stream import EventFold, StreamError

__all__ = ["Exchange"]

_AFTER_DONE = 0.1
"""Seconds given to a server to end its answer after its last event, so that the connection lives."""

_UNCOUNTED = (400, 403, 404, 405, 501)
"""Statuses where an estimate will do: a model that is not counted for, or a right of its own."""

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
        return self._plain(response, response.body)

    async def streamed(self, response: StreamResponse) -> ModelOutput:
        """The output of a streamed answer; a plain one is taken where the server cannot stream."""
        kind = response.header("content-type") or ""
        if response.status != 200 or "json" in kind:
            return self._plain(response, await response.read_all())
        fold = EventFold(self._sink)
        try:
            await _feed(fold, response)
            if fold.finished:
                return self._made(fold.body(), response)
        except StreamError as stopped:
            raise self._failure(stopped.error, None, response) from None
        except _WRONG_SHAPE as error:
            raise self._garbage(error, response) from None
        raise ProviderUnavailable(
            "The stream ended before the answer did.",
            provider=self._route.provider,
            model=self._route.name,
            request_id=_request_id(response),
            phase="stream",
        )

    def count(self, response: Response) -> int | None:
        """The tokens that were counted; None where nobody counts for this model or account."""
        if response.status in _UNCOUNTED:
            return None
        if response.status != 200:
            error = read_error(response.body, response.header_dict())
            raise self._failure(error, response.status, response)
        try:
            return int(loads(response.body)["inputTokens"])
        except _WRONG_SHAPE as error:
            raise self._garbage(error, response) from None

    def _plain(self, response: Response | StreamResponse, body: bytes) -> ModelOutput:
        if response.status != 200:
            error = read_error(body, response.header_dict())
            result = sad_result(error, response.status, self._route.model)
            if result is None:
                raise self._failure(error, response.status, response)
            output = result
        else:
            try:
                output = self._made(loads(body), response)
            except _WRONG_SHAPE as wrong:
                raise self._garbage(wrong, response) from None
        if self._sink is not None:
            replay_output(output, self._sink)
        return output

    def _made(self, body: object, response: Response | StreamResponse) -> ModelOutput:
        if not isinstance(body, dict):
            raise TypeError("it is no JSON object")
        return output_from(body, self._route.model, self._call.tools, _request_id(response))

    def _failure(
        self, error: WireError, status: int | None, response: Response | StreamResponse
    ) -> ModeldError:
        headers = response.header_dict()
        return failure(error, status, headers, self._route.provider, self._route.name)

    def _garbage(self, error: Exception, response: Response | StreamResponse) -> ProviderError:
        return ProviderError(
            f"The answer is none of Converse: {type(error).__name__}: {error}",
            provider=self._route.provider,
            model=self._route.name,
            status=response.status,
            request_id=_request_id(response),
        )


def _request_id(response: Response | StreamResponse) -> str | None:
    return response.header("x-amzn-requestid")


async def _feed(fold: EventFold, response: StreamResponse) -> None:
    """Feeds the fold to the end of the stream, or to its last event."""
    parser = FrameParser()
    while piece := await response.read():
        for frame in parser.feed(piece):
            fold.feed(frame)
        if fold.complete and parser.empty:
            await _drain(response)
            return


async def _drain(response: StreamResponse) -> None:
    """Lets the answer end. If it does not, only the connection is lost."""
    if response.ended:
        return
    with suppress(TimeoutError, ModeldError):
        async with asyncio.timeout(_AFTER_DONE):
            await response.read_all()
