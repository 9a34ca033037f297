"""What logs keep: the description of a model, and the record of one call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from .config import GenerateConfig
from .identity import new_id
from .jsonable import JsonObject, JsonValue, jsonable
from .message import ChatMessage
from .output import ModelOutput
from .tool import ToolChoice, ToolInfo
from .value import Value

ModelCallFilter: TypeAlias = Callable[[JsonValue | None, JsonValue], JsonValue]
"""Takes a key (None outside objects) and a value; returns what to keep, such as a placeholder."""


@dataclass(slots=True, eq=False, repr=False)
class ModelConfig(Value):
    """The logged description of a model under a role."""

    model: str
    config: GenerateConfig = field(default_factory=GenerateConfig)
    base_url: str | None = None
    args: JsonObject = field(default_factory=dict)


@dataclass(slots=True, eq=False, repr=False)
class ModelCost(Value):
    """Prices of a model in dollars per million tokens."""

    input: float
    output: float
    input_cache_write: float = 0.0
    input_cache_read: float = 0.0


@dataclass(slots=True, eq=False, repr=False)
class ModelRole(Value):
    """A role that a model may play."""

    name: str
    required: bool = False
    """Whether the role must be bound, or may fall back to the model under test."""


@dataclass(slots=True, eq=False, repr=False)
class ModelRequestId(Value):
    """A provider's id of one HTTP request."""

    id: str
    header: str | None = None
    """Response header that carried it."""
    status: int | None = None
    """HTTP status of the response."""


@dataclass(slots=True, eq=False, repr=False)
class ModelCall(Value):
    """The raw request and response of one call."""

    request: JsonObject
    response: JsonObject | None = None
    error: bool | None = None
    """Whether the call failed."""
    time: float | None = None
    """Seconds that the call took."""
    call_refs: list[tuple[int, int]] | None = None
    call_key: str | None = None
    _filter: ModelCallFilter | None = field(default=None, kw_only=True)

    @staticmethod
    def create(
        request: object,
        response: object | None,
        filter: ModelCallFilter | None = None,
        time: float | None = None,
    ) -> ModelCall:
        """The record of a call; the filter may cut out secrets and large media."""
        call = ModelCall(_filtered(request, filter), time=time, _filter=filter)
        if response is not None:
            call.response = _filtered(response, filter)
        return call

    def set_response(self, response: object, time: float | None = None) -> None:
        """Note the response, and the seconds that it took."""
        self.response = _filtered(response, self._filter)
        self.time = time

    def set_error(self, response: object, time: float | None = None) -> None:
        """Note a response that is an error."""
        self.error = True
        self.set_response(response, time)


def _filtered(value: object, filter: ModelCallFilter | None) -> JsonObject:
    data = jsonable(value)
    if filter is not None:
        data = _walk(None, data, filter)
    return data if isinstance(data, dict) else {"value": data}


def _walk(key: JsonValue | None, value: JsonValue, filter: ModelCallFilter) -> JsonValue:
    value = filter(key, value)
    if isinstance(value, list):
        return [_walk(None, item, filter) for item in value]
    if isinstance(value, dict):
        return {name: _walk(name, item, filter) for name, item in value.items()}
    return value


@dataclass(slots=True, eq=False, repr=False, kw_only=True)
class ModelEvent(Value):
    """The transcript's record of one generate."""

    uuid: str | None = field(default_factory=new_id)
    span_id: str | None = None
    timestamp: datetime = field(default_factory=lambda: datetime.now(UTC))
    working_start: float = 0.0
    """Seconds of working time, within the sample, before the call."""
    metadata: JsonObject | None = None
    pending: bool | None = None
    event: Literal["model"] = "model"
    model: str
    role: str | None = None
    requested_model: str | None = None
    input: list[ChatMessage]
    input_refs: list[tuple[int, int]] | None = None
    tools: list[ToolInfo] = field(default_factory=list)
    tool_choice: ToolChoice = "auto"
    config: GenerateConfig = field(default_factory=GenerateConfig)
    output: ModelOutput = field(default_factory=ModelOutput)
    retries: int | None = None
    request_ids: list[ModelRequestId] | None = None
    error: str | None = None
    traceback: str | None = None
    traceback_ansi: str | None = None
    cache: Literal["read", "write"] | None = None
    call: ModelCall | None = None
    """Kept on request, or when the call failed."""
    completed: datetime | None = None
    working_time: float | None = None
    """Seconds of the attempt that succeeded."""
