"""Events of a streamed call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modeld.v1 import inference_service_pb2 as pb

from ..types import (
    StreamEvent,
    StreamFinishedEvent,
    StreamQueuedEvent,
    StreamReasoningEvent,
    StreamRetryEvent,
    StreamTextEvent,
    StreamToolCallEvent,
)
from . import enums
from .call import fill_generate_response, generate_response_from_proto
from .naming import build, unknown


def stream_event_to_proto(event: StreamEvent) -> pb.StreamEvent:
    """One event."""
    return build(pb.StreamEvent(), fill_stream_event, event, "event")


def fill_stream_event(out: pb.StreamEvent, event: StreamEvent) -> None:
    """Write an event into an empty message."""
    out.seq = event.seq
    _FILL[event.type](out, event)


def stream_event_from_proto(proto: pb.StreamEvent) -> StreamEvent:
    """One event."""
    kind = proto.WhichOneof("event")
    if kind is None:
        unknown("StreamEvent.event", kind)
    return _READ[kind](getattr(proto, kind), proto.seq)


def _fill_text(out: pb.StreamEvent, event: StreamTextEvent) -> None:
    out.text.text = event.text


def _read_text(proto: pb.TextDelta, seq: int) -> StreamEvent:
    return StreamTextEvent(proto.text, seq)


def _fill_reasoning(out: pb.StreamEvent, event: StreamReasoningEvent) -> None:
    out.reasoning.reasoning = event.reasoning


def _read_reasoning(proto: pb.ReasoningDelta, seq: int) -> StreamEvent:
    return StreamReasoningEvent(proto.reasoning, seq)


def _fill_tool_call(out: pb.StreamEvent, event: StreamToolCallEvent) -> None:
    delta = out.tool_call
    delta.id = event.id
    delta.function = event.function
    delta.arguments = event.arguments


def _read_tool_call(proto: pb.ToolCallDelta, seq: int) -> StreamEvent:
    return StreamToolCallEvent(proto.id, proto.function, proto.arguments, seq)


def _fill_queued(out: pb.StreamEvent, event: StreamQueuedEvent) -> None:
    out.queued.SetInParent()
    if event.position is not None:
        out.queued.position = event.position
    if event.reason is not None:
        out.queued.reason = event.reason
    if event.progress is not None:
        out.queued.progress = event.progress


def _read_queued(proto: pb.Queued, seq: int) -> StreamEvent:
    return StreamQueuedEvent(
        proto.position if proto.HasField("position") else None,
        proto.reason or None,
        proto.progress if proto.HasField("progress") else None,
        seq,
    )


def _fill_retry(out: pb.StreamEvent, event: StreamRetryEvent) -> None:
    retrying = out.retrying
    retrying.attempt = event.attempt
    if event.reason is not None:
        retrying.failure.reason = enums.FAILURE_REASON.get(event.reason, 0)
    if event.message is not None:
        retrying.failure.message = event.message
    if event.wait is not None:
        retrying.wait = event.wait


def _read_retry(proto: pb.Retrying, seq: int) -> StreamEvent:
    failure = proto.failure
    reason = enums.FAILURE_REASON_WORD.get(failure.reason) if failure.reason else None
    return StreamRetryEvent(proto.attempt, reason, proto.wait or None, failure.message or None, seq)


def _fill_finished(out: pb.StreamEvent, event: StreamFinishedEvent) -> None:
    fill_generate_response(out.finished, event.output)


def _read_finished(proto: pb.GenerateResponse, seq: int) -> StreamEvent:
    return StreamFinishedEvent(generate_response_from_proto(proto), seq)


# The discriminator of the value is the name of the field on the wire.
_FILL: dict[str, Callable[[pb.StreamEvent, Any], None]] = {
    "text": _fill_text,
    "reasoning": _fill_reasoning,
    "tool_call": _fill_tool_call,
    "queued": _fill_queued,
    "retrying": _fill_retry,
    "finished": _fill_finished,
}
_READ: dict[str, Callable[[Any, int], StreamEvent]] = {
    "text": _read_text,
    "reasoning": _read_reasoning,
    "tool_call": _read_tool_call,
    "queued": _read_queued,
    "retrying": _read_retry,
    "finished": _read_finished,
}
