"""What goes into an extension and what comes out of it: copies in, checked values out."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import json
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from modeld.errors import ModeldError
from modeld.types import ModelOutput, ModelUsage

from ...core.call import Call
from ...core.ports import ModelListing, Sink, TokenCount
from ...core.rates import RateLimit, RateLimits
from .origin import Origin

__all__ = ["Relay", "checked_count", "checked_listing", "checked_output"]

_LARGEST = 2**53


class Relay:
    """The sink that an extension is given: each delta is checked there and told here.

    A bad delta is raised where it was made and fails the call even if the extension goes on.
    """

    def __init__(self, origin: Origin, sink: Sink | None) -> None:
        self.fault: ModeldError | None = None
        self.heard = time.monotonic()
        """When there was a sign of life."""
        self._origin = origin
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self._open = True

    def text(self, text: str) -> None:
        """More text."""
        self._tell("text", text)

    def reasoning(self, reasoning: str) -> None:
        """More reasoning."""
        self._tell("reasoning", reasoning)

    def tool_call(self, id: str, function: str, arguments: str) -> None:
        """More of a tool call."""
        self._tell("tool_call", id, function, arguments)

    def queued(
        self, reason: str, position: int | None = None, progress: float | None = None
    ) -> None:
        """The call waits."""
        good = _is_number(position, int) and _is_number(progress, int | float)
        if not good or not _is_text(reason):
            self._refuse("queued", (reason, position, progress))
        self._pass(lambda sink: sink.queued(reason, position, progress))

    def copied(self, call: Call) -> Call:
        """The call for the extension: what it changes in it changes nothing here."""
        told = call.told

        def tell(limits: RateLimits | None) -> None:
            if not _are_limits(limits):
                self._refuse("told", (limits,))
            self._here(lambda: told(limits))

        return dataclasses.replace(
            call,
            messages=copy.deepcopy(call.messages),
            config=copy.deepcopy(call.config),
            tools=copy.deepcopy(call.tools),
            tool_choice=copy.deepcopy(call.tool_choice),
            session="",
            told=tell,
        )

    def close(self) -> None:
        """What comes from now on belongs to nobody."""
        self._open = False

    def _tell(self, kind: str, *parts: str) -> None:
        if not all(_is_text(part) for part in parts):
            self._refuse(kind, parts)
        self._pass(lambda sink: getattr(sink, kind)(*parts))

    def _refuse(self, kind: str, values: tuple[object, ...]) -> None:
        names = ", ".join(type(value).__name__ for value in values)
        self.fault = self._origin.fault(f"it sent a bad delta: {kind}({names})")
        raise self.fault

    def _pass(self, tell: Callable[[Sink], None]) -> None:
        sink = self._sink
        if sink is not None:
            self._here(lambda: tell(sink))

    def _here(self, function: Callable[[], None]) -> None:
        def run() -> None:
            if self._open:
                function()

        self.heard = time.monotonic()
        if self._open:
            self._loop.call_soon_threadsafe(run)


def checked_output(origin: Origin, given: Any, model: str) -> ModelOutput:
    """A copy of the output, in which every value is of its type."""
    if not isinstance(given, ModelOutput):
        raise origin.fault(f"it gave a {type(given).__name__}, not a ModelOutput")
    try:
        text = json.dumps(given.to_dict(), ensure_ascii=False)
        text.encode()
        output = ModelOutput.from_dict(json.loads(text))
    except Exception as error:  # noqa: BLE001  # whatever the values of somebody else raise
        raise origin.fault(f"its ModelOutput cannot be used: {error}") from None
    if not output.choices:
        raise origin.fault("its ModelOutput has no choices")
    output.model = output.model or model
    _check_usage(origin, output.usage)
    return output


def _check_usage(origin: Origin, usage: ModelUsage | None) -> None:
    for field in dataclasses.fields(ModelUsage):
        value = None if usage is None else getattr(usage, field.name)
        if value is not None and not 0 <= value < _LARGEST:
            raise origin.fault(f"{field.name} of its usage is {value}")


def checked_count(origin: Origin, given: Any) -> TokenCount:
    """The count; a plain number is an exact one."""
    tokens, estimated = given, False
    if isinstance(given, TokenCount):
        tokens, estimated = given.tokens, bool(given.estimated)
    if not isinstance(tokens, int) or isinstance(tokens, bool) or not 0 <= tokens < _LARGEST:
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
    return right and math.isfinite(value) and 0 <= value < _LARGEST


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
