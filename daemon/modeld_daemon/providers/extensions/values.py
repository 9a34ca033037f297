"""What an extension gives and tells, checked where it is made: in its own process."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from modeld.errors import ModeldError
from modeld.types import (
    StreamEvent,
    StreamQueuedEvent,
    StreamReasoningEvent,
    StreamTextEvent,
    StreamToolCallEvent,
)

from ...core.ports import ModelListing, TokenCount
from ...core.rates import RateLimit, RateLimits
from .crossing import JsonObject, limits_to_json, told_to_json
from .origin import Origin

__all__ = ["LARGEST", "Relay", "checked_count", "checked_listing"]

LARGEST = 2**53
"""Numbers of tokens are below."""


class Relay:
    """The sink that an extension is given. Any thread may use it.

    A bad delta is raised where it was made and fails the call even if the extension goes on.

    Args:
        origin: Which extension.
        emit: Sends an event to the daemon.
    """

    def __init__(self, origin: Origin, emit: Callable[[JsonObject], None]) -> None:
        self.fault: ModeldError | None = None
        self._origin = origin
        self._emit = emit

    def text(self, text: str) -> None:
        """More text."""
        self._check_texts("text", text)
        self._tell(StreamTextEvent(text))

    def reasoning(self, reasoning: str) -> None:
        """More reasoning."""
        self._check_texts("reasoning", reasoning)
        self._tell(StreamReasoningEvent(reasoning))

    def tool_call(self, id: str, function: str, arguments: str) -> None:
        """More of a tool call."""
        self._check_texts("tool_call", id, function, arguments)
        self._tell(StreamToolCallEvent(id, function, arguments))

    def queued(
        self, reason: str, position: int | None = None, progress: float | None = None
    ) -> None:
        """The call waits."""
        good = _is_number(position, int) and _is_number(progress, int | float)
        if not good or not _is_text(reason):
            self._refuse("queued", (reason, position, progress))
        self._tell(StreamQueuedEvent(position, reason, progress))

    def told(self, limits: RateLimits | None) -> None:
        """What an answer says of limits."""
        if not _are_limits(limits):
            self._refuse("told", (limits,))
        self._emit({"limits": limits_to_json(limits)})

    def _check_texts(self, kind: str, *parts: str) -> None:
        if not all(_is_text(part) for part in parts):
            self._refuse(kind, parts)

    def _refuse(self, kind: str, values: tuple[object, ...]) -> None:
        names = ", ".join(type(value).__name__ for value in values)
        self.fault = self._origin.fault(f"it sent a bad delta: {kind}({names})")
        raise self.fault

    def _tell(self, event: StreamEvent) -> None:
        self._emit({"told": told_to_json(event)})


def checked_count(origin: Origin, given: Any) -> TokenCount:
    """The count; a plain number is an exact one."""
    tokens, estimated = given, False
    if isinstance(given, TokenCount):
        tokens, estimated = given.tokens, bool(given.estimated)
    if not isinstance(tokens, int) or isinstance(tokens, bool) or not 0 <= tokens < LARGEST:
        raise origin.fault(f"it counted {tokens!r:.80} tokens")
    return TokenCount(tokens, estimated=estimated)


def checked_listing(origin: Origin, given: Any) -> list[ModelListing]:
    """Models as `ModelListing` values or as names."""
    if not isinstance(given, list | tuple):
        raise origin.fault(f"models() gave a {type(given).__name__}, not a list")
    listed = []
    for one in given:
        name, description = one, ""
        if isinstance(one, ModelListing):
            name, description = one.name, one.description
        if not _is_text(name) or not _is_text(description) or not name:
            raise origin.fault(f"models() gave {one!r:.80}, which is no name of a model")
        prefix = f"{origin.name}/"
        full = name if name.startswith(prefix) else f"{prefix}{name}"
        listed.append(ModelListing(full, description=description))
    return listed


def _is_text(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_number(value: Any, of: Any) -> bool:
    if value is None:
        return True
    right = isinstance(value, of) and not isinstance(value, bool)
    return right and math.isfinite(value) and 0 <= value < LARGEST


def _are_limits(limits: Any) -> bool:
    if limits is None:
        return True
    if not isinstance(limits, RateLimits):
        return False
    by_name: Any = limits.by_name
    return isinstance(by_name, Mapping) and all(
        isinstance(name, str) and _is_limit(limit) for name, limit in by_name.items()
    )


def _is_limit(limit: Any) -> bool:
    if not isinstance(limit, RateLimit):
        return False
    told: list[Any] = [limit.limit, limit.period, limit.remaining, limit.reset]
    numbers = all(_is_number(value, int | float) for value in told)
    return numbers and bool(told[0]) and bool(told[1])
