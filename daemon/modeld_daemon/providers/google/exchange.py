"""Reads the answer to one call: plain or streamed, good or bad."""

from __future__ import annotations

from modeld.errors import ModeldError, ProviderError, ProviderUnavailable
from modeld.types import JsonValue, ModelOutput

from ...core.call import Call, Route
from ...core.ports import Sink, TokenCount
from ...core.replay import replay_output
from ..http.client import Response, StreamResponse
from ..http.jsontext import loads
from ..http.rate_limits import rate_limits
from ..http.sse import EventParser
from .errors import WireError, error_from, failure, read_error, sad_result
from .response import output_from
from .stream import ChunkFold, StreamError

__all__ = ["Exchange"]

# What reading a JSON value of another shape than expected can raise.
_WRONG_SHAPE = (ValueError, KeyError, TypeError, AttributeError, IndexError)


class Exchange:
    """One call and where its answer goes."""

    def __init__(self, call: Call, route: Route, model: str, sink: Sink | None) -> None:
        self._call = call
        self._route = route
        self._model = model
        self._sink = sink

    def complete(self, response: Response) -> ModelOutput:
        """The output of a plain answer."""
        self._call.told(rate_limits(response.headers))
        output = self._read(response, response.body)
        if self._sink is not None:
            replay_output(output, self._sink)
        return output

    async def streamed(self, response: StreamResponse) -> ModelOutput:
        """The output of a streamed answer; a plain one is taken where the server cannot stream."""
        self._call.told(rate_limits(response.headers))
        if response.status != 200 or "json" in (response.header("content-type") or ""):
            body = await response.read_all()
            output = self._read(response, body)
            if self._sink is not None:
                replay_output(output, self._sink)
            return output
        fold = ChunkFold(self._sink)
        try:
            await _feed(fold, response)
            if fold.finished:
                return output_from(fold.body(), self._model)
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
            phase="stream",
        )

    def count(self, response: Response) -> TokenCount | None:
        """The tokens that `countTokens` counted; None where the server has no such method.

        https://ai.google.dev/api/tokens
        """
        self._call.told(rate_limits(response.headers))
        if response.status != 200:
            error = read_error(response.body)
            if response.status in (405, 501) or (response.status == 404 and not error.structured):
                return None
            raise self._failure(error, response.status, response)
        try:
            value = loads(response.body)
            if "error" not in value:  # zero counters are left out of the API's JSON
                return TokenCount(int(value.get("totalTokens") or 0), estimated=False)
        except _WRONG_SHAPE as error:
            raise self._garbage(error, response) from None
        raise self._failure(error_from(value), None, response)

    def _read(self, response: Response | StreamResponse, body: bytes) -> ModelOutput:
        if response.status != 200:
            error = read_error(body)
            result = sad_result(error, response.status, self._model)
            if result is not None:
                return result
            raise self._failure(error, response.status, response)
        try:
            value = _one(loads(body))
            if not value.get("candidates") and value.get("error"):
                wire_error = error_from(value)
            else:
                return output_from(value, self._model)
        except StreamError as stopped:
            wire_error = error_from(stopped.error)
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
            f"The answer is none of generateContent: {type(error).__name__}: {error}",
            provider=self._route.provider,
            model=self._route.name,
            status=response.status,
        )


def _one(value: JsonValue) -> JsonValue:
    """The answer; of an array of chunks, which is a stream without `alt=sse`, the sum."""
    if not isinstance(value, list):
        return value
    fold = ChunkFold(None)
    fold.feed(value)
    return fold.body()


async def _feed(fold: ChunkFold, response: StreamResponse) -> None:
    """Feeds the fold to the end of the stream, which has no mark of its own."""
    parser = EventParser()
    while piece := await response.read():
        for _, data in parser.feed(piece):
            fold.feed(loads(data))
    for _, data in parser.finish():
        fold.feed(loads(data))
