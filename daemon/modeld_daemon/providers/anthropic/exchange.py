"""Reads the answers to one call: plain or streamed, good or bad."""

from __future__ import annotations

import asyncio
import base64
from contextlib import suppress

from modeld.errors import ModeldError, ProviderError, ProviderUnavailable
from modeld.types import ContentReasoning, JsonObject, ModelOutput

from ...core.call import Call, Route
from ...core.ports import Sink
from ..aws import errors as aws
from ..aws.eventstream import Frame, FrameParser
from ..http.client import Response, StreamResponse
from ..http.jsontext import dumps, loads
from ..http.rate_limits import rate_limits
from ..http.sse import EventParser
from .errors import WireError, error_from, failure, read_error, request_id, sad_result
from .response import PAUSED, output_from
from .stream import EventFold, StreamError
from .usage import add_usage

__all__ = ["CannotStream", "Exchange"]

_AFTER_DONE = 0.1
"""Seconds given to a server to end its answer after its last event, so that the connection lives."""

# What reading a JSON value of another shape than expected can raise.
_WRONG_SHAPE = (ValueError, KeyError, TypeError, AttributeError, IndexError)

_NO_SUCH_WAY = (404, 405, 501)
_AMAZONS = "amazon.eventstream"


class CannotStream(Exception):
    """Whoever stands before the API does not know streams."""


class Exchange:
    """One call and where its answer goes. A turn that the server paused takes several answers.

    Args:
        call: The call.
        route: Where it goes.
        sink: Where deltas go.
        plain_will_do: Whether a stream was only this dialect's choice, so that a server that
            knows none raises `CannotStream`.
    """

    def __init__(self, call: Call, route: Route, sink: Sink | None, *, plain_will_do: bool) -> None:
        self._call = call
        self._route = route
        self._sink = sink
        self._plain_will_do = plain_will_do
        self._body: JsonObject = {}
        self._sad: ModelOutput | None = None
        self._streamed = False
        self._last: Response | StreamResponse | None = None

    def complete(self, response: Response) -> None:
        """Reads a plain answer."""
        self._plain_will_do = False  # it is what came
        self._call.told(rate_limits(response.headers))
        self._read(response, response.body)

    async def streamed(self, response: StreamResponse) -> None:
        """Reads a streamed answer; a plain one is taken where the server cannot stream."""
        self._call.told(rate_limits(response.headers))
        if response.status != 200 or "json" in (response.header("content-type") or ""):
            self._read(response, await response.read_all())
            return
        fold = EventFold(self._sink, self._body.get("content") or ())
        try:
            await _feed(fold, response)
            if fold.finished:
                self._streamed = True
                self._take(fold.body(), response)
                return
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

    @property
    def paused(self) -> list[JsonObject] | None:
        """The blocks with which the server's turn goes on when they are sent back."""
        if self._sad is None and self._body.get("stop_reason") == PAUSED:
            content: list[JsonObject] = self._body["content"]
            return content
        return None

    def output(self) -> ModelOutput:
        """The output of all answers."""
        if self._sad is not None:
            output = self._sad
        else:
            output = self._made()
            if output.fallback is not None:
                output.fallback.model = self._route.model
        if self._sink is not None and not self._streamed:
            _replay(output, self._sink)
        return output

    def _read(self, response: Response | StreamResponse, body: bytes) -> None:
        if response.status != 200:
            error = read_error(body)
            self._sad = sad_result(error, response.status, self._route.model)
            if self._sad is not None:
                return
            if self._plain_will_do and error.unknown and response.status in _NO_SUCH_WAY:
                raise CannotStream
            raise self._failure(error, response.status, response)
        try:
            value = loads(body)
            if not value.get("error"):
                self._take(value, response)
                return
            error = error_from(value)
        except _WRONG_SHAPE as wrong:
            raise self._garbage(wrong, response) from None
        raise self._failure(error, None, response)

    def _take(self, body: JsonObject, response: Response | StreamResponse) -> None:
        """Keeps the body, after those before it."""
        if not isinstance(body["content"], list):
            raise ValueError("its content is no list")
        self._last = response
        before = self._body
        if before:
            body = {**body, "content": [*before["content"], *body["content"]]}
            body["usage"] = add_usage(before.get("usage") or {}, body.get("usage") or {})
        self._body = body

    def _made(self) -> ModelOutput:
        assert self._last is not None
        try:
            return output_from(self._body, self._call.tools)
        except _WRONG_SHAPE as error:
            raise self._garbage(error, self._last) from None

    def _failure(
        self, error: WireError, status: int | None, response: Response | StreamResponse
    ) -> ModeldError:
        headers = response.header_dict()
        route = self._route
        kind = headers.get("x-amzn-errortype") or error.type
        if "Exception" in kind:  # Amazon's, in front of the model
            amazons = aws.read_error(dumps({"message": error.message, "__type": kind}))
            return aws.failure(amazons, status, headers, route.provider, route.name)
        return failure(error, status, headers, route.provider, route.name)

    def _garbage(self, error: Exception, response: Response | StreamResponse) -> ProviderError:
        return ProviderError(
            f"The answer is no message: {type(error).__name__}: {error}",
            provider=self._route.provider,
            model=self._route.name,
            status=response.status,
            request_id=request_id(response.header_dict()),
        )


def _replay(output: ModelOutput, sink: Sink) -> None:
    """A plain answer as one delta of each kind; ciphertext is no delta."""
    for part in output.message.content_list:
        if isinstance(part, ContentReasoning) and part.reasoning and not part.redacted:
            sink.reasoning(part.reasoning)
    if output.completion:
        sink.text(output.completion)
    for call in output.message.tool_calls or ():
        sink.tool_call(call.id, call.function, dumps(call.arguments).decode())


async def _feed(fold: EventFold, response: StreamResponse) -> None:
    """Feeds the fold to the end of the message."""
    amazons = _AMAZONS in (response.header("content-type") or "")
    parser = EventParser()
    frames = FrameParser()
    while piece := await response.read():
        if amazons:
            for frame in frames.feed(piece):
                fold.feed(_event(frame))
        else:
            for _, data in parser.feed(piece):
                fold.feed(loads(data))
        if fold.finished:
            await _drain(response)
            return
    for _, data in parser.finish():
        fold.feed(loads(data))


def _event(frame: Frame) -> JsonObject:
    """The event in a frame of Amazon's: base64 inside JSON, or an exception.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ResponseStream.html
    """
    value: JsonObject = loads(frame.payload or b"{}")
    if frame.kind == "event":
        event: JsonObject = loads(base64.b64decode(value["bytes"]))
        return event
    message = value.get("message") or frame.headers.get(":error-message") or frame.name
    raise StreamError({"type": frame.name, "message": message})


async def _drain(response: StreamResponse) -> None:
    """Lets the answer end. If it does not, only the connection is lost."""
    if response.ended:
        return
    with suppress(TimeoutError, ModeldError):
        async with asyncio.timeout(_AFTER_DONE):
            await response.read_all()
