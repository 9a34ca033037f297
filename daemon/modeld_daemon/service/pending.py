"""Events of one call that wait for its reader, joined while they wait.

However slow the reader is, what waits is never more than a few events and the text of the answer:
deltas of one kind that follow each other become one. So a slow reader costs no other call
anything, and no gRPC message is spent on a single token.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from modeld.errors import InternalError, ModeldError
from modeld.types import StreamQueuedEvent
from modeld.v1 import inference_service_pb2 as pb
from modeld.v1.error_pb2 import Failure
from modeld.wire import call_info_to_proto, failure_to_proto, stream_event_to_proto
from modeld.wire.output import fill_output

from ..core.call import Result
from ..core.events import Notice

__all__ = ["Pending"]

log = logging.getLogger("modeld.pending")


class _Delta:
    """Deltas of one kind that follow each other."""

    __slots__ = ("function", "id", "kind", "parts", "seq")

    def __init__(self, kind: str, seq: int, part: str, id: str = "", function: str = "") -> None:
        self.kind = kind
        self.seq = seq
        self.parts = [part]
        self.id = id
        self.function = function

    def to_proto(self) -> pb.StreamEvent:
        text = _valid("".join(self.parts))
        if self.kind == "text":
            return pb.StreamEvent(seq=self.seq, text=pb.TextDelta(text=text))
        if self.kind == "reasoning":
            return pb.StreamEvent(seq=self.seq, reasoning=pb.ReasoningDelta(reasoning=text))
        id, function = _valid(self.id), _valid(self.function)
        delta = pb.ToolCallDelta(id=id, function=function, arguments=text)
        return pb.StreamEvent(seq=self.seq, tool_call=delta)


def _valid(text: str) -> str:
    """The text with halves of surrogate pairs put together, or replaced: a provider's stream may
    bring them in two deltas, and what cannot be encoded would end the stream of all calls.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


class Pending:
    """A watcher that keeps events until somebody takes them.

    Args:
        ready: Called once when there is something to take, and not again before it was taken.
        deltas: Whether the reader wants events before the last one.
    """

    __slots__ = ("_deltas", "_events", "_last", "_ready", "_told", "ended", "failure")

    def __init__(self, ready: Callable[[], None], *, deltas: bool) -> None:
        self._ready = ready
        self._deltas = deltas
        self._events: list[_Delta | pb.StreamEvent] = []
        self._last: _Delta | None = None
        self._told = False
        self.ended = False
        self.failure: Failure | None = None

    def take(self) -> list[pb.StreamEvent]:
        """What waits, as messages; nothing waits afterwards."""
        events, self._events, self._last, self._told = self._events, [], None, False
        return [event.to_proto() if isinstance(event, _Delta) else event for event in events]

    def text(self, seq: int, text: str) -> None:
        """More text."""
        if self._deltas:
            self._join("text", seq, text, "", "")

    def reasoning(self, seq: int, reasoning: str) -> None:
        """More reasoning."""
        if self._deltas:
            self._join("reasoning", seq, reasoning, "", "")

    def tool_call(self, seq: int, id: str, function: str, arguments: str) -> None:
        """More of a tool call."""
        if self._deltas:
            self._join("tool_call", seq, arguments, id, function)

    def _join(self, kind: str, seq: int, part: str, id: str, function: str) -> None:
        last = self._last
        if last is not None and last.kind == kind and last.id == id and not function:
            last.parts.append(part)
            last.seq = seq
            return
        self._last = _Delta(kind, seq, part, id, function)
        self._put(self._last)

    def notice(self, event: Notice) -> None:
        """The call waits, or is tried again; of notices of waiting only the newest is kept."""
        if not self._deltas:
            return
        self._last = None
        proto = stream_event_to_proto(event)
        if isinstance(event, StreamQueuedEvent) and self._events:
            newest = self._events[-1]
            if not isinstance(newest, _Delta) and newest.WhichOneof("event") == "queued":
                self._events[-1] = proto
                return
        self._put(proto)

    def finished(self, seq: int, result: Result) -> None:
        """The answer."""
        self.ended = True
        try:
            proto = pb.StreamEvent(seq=seq)
            fill_output(proto.finished.output, result.output)
            proto.finished.info.MergeFrom(call_info_to_proto(result.info))
        except ModeldError as error:
            self.failed(error)
        except Exception as error:
            # A number of a server, such as 2**70 tokens, may be none that the wire has.
            log.exception("an answer cannot be sent")
            self.failed(
                InternalError(f"the answer cannot be sent: {type(error).__name__}: {error}")
            )
        else:
            self._put(proto)

    def failed(self, error: ModeldError) -> None:
        """The call ended without an answer."""
        self.ended = True
        self.failure = failure_to_proto(error)
        self._tell()

    def _put(self, event: _Delta | pb.StreamEvent) -> None:
        self._events.append(event)
        self._tell()

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            self._ready()
