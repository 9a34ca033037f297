"""Events of a streamed call.

`seq` rises within a call; joined deltas take the highest of theirs. A retrying event voids every
delta before it. The last event is the finished one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast

from .jsonable import JsonObject
from .output import ModelOutput
from .value import Value, union_from_dict


@dataclass(slots=True, eq=False, repr=False)
class StreamTextEvent(Value):
    """More text of the first choice."""

    text: str
    seq: int = 0
    type: Literal["text"] = field(default="text", kw_only=True)


@dataclass(slots=True, eq=False, repr=False)
class StreamReasoningEvent(Value):
    """More reasoning of the first choice."""

    reasoning: str
    seq: int = 0
    type: Literal["reasoning"] = field(default="reasoning", kw_only=True)


@dataclass(slots=True, eq=False, repr=False)
class StreamToolCallEvent(Value):
    """More of a tool call of the first choice."""

    id: str
    function: str
    """Name of the tool; empty after the first delta of a call."""
    arguments: str
    """More of the arguments' text."""
    seq: int = 0
    type: Literal["tool_call"] = field(default="tool_call", kw_only=True)


@dataclass(slots=True, eq=False, repr=False)
class StreamQueuedEvent(Value):
    """The call waits before an attempt."""

    position: int | None = None
    """Calls before it, where known."""
    reason: str | None = None
    """Why, such as rate_limit, connections or loading."""
    progress: float | None = None
    """Share done of what it waits for, 0 to 1, where known."""
    seq: int = 0
    type: Literal["queued"] = field(default="queued", kw_only=True)


@dataclass(slots=True, eq=False, repr=False)
class StreamRetryEvent(Value):
    """The attempt failed and another follows: every earlier delta is void."""

    attempt: int
    """Number of the attempt that failed, from 1."""
    reason: str | None = None
    """Machine word of the failure, such as rate_limited."""
    wait: float | None = None
    """Seconds until the next attempt."""
    message: str | None = None
    """What happened, for people."""
    seq: int = 0
    type: Literal["retrying"] = field(default="retrying", kw_only=True)


@dataclass(slots=True, eq=False, repr=False)
class StreamFinishedEvent(Value):
    """The whole answer; the last event."""

    output: ModelOutput
    seq: int = 0
    type: Literal["finished"] = field(default="finished", kw_only=True)


StreamEvent: TypeAlias = (
    StreamTextEvent
    | StreamReasoningEvent
    | StreamToolCallEvent
    | StreamQueuedEvent
    | StreamRetryEvent
    | StreamFinishedEvent
)
"""One event of a streamed call; told apart by `type`."""

StreamHandler: TypeAlias = Callable[[StreamEvent], Awaitable[None] | None]
"""Called with each event of a call; may be async."""

STREAM_EVENT_TYPES = (
    StreamTextEvent,
    StreamReasoningEvent,
    StreamToolCallEvent,
    StreamQueuedEvent,
    StreamRetryEvent,
    StreamFinishedEvent,
)


def stream_event_from_dict(data: JsonObject) -> StreamEvent:
    """The event whose class `data["type"]` names."""
    return cast("StreamEvent", union_from_dict("StreamEvent", STREAM_EVENT_TYPES, data))
