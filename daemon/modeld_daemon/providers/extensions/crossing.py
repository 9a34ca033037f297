"""What crosses between the daemon and an extension's process, both ways.

Values go as the messages of the contract, in base64 since frames are JSON; what the contract does
not know (routes, connections, limits) goes as JSON. Never pickle: what an extension's process says
is data, and each reader here raises what is wrong with it.
"""

from __future__ import annotations

import dataclasses
from base64 import b64decode, b64encode
from typing import Any, Protocol, TypeAlias

from modeld.errors import ModeldError
from modeld.types import (
    GenerateInput,
    ModelOutput,
    StreamEvent,
    StreamQueuedEvent,
    StreamReasoningEvent,
    StreamTextEvent,
    StreamToolCallEvent,
)
from modeld.v1 import error_pb2, inference_service_pb2, output_pb2
from modeld.wire import (
    failure_from_proto,
    failure_to_proto,
    generate_input_from_proto,
    generate_input_to_proto,
    output_from_proto,
    output_to_proto,
    priority_from_proto,
    priority_to_proto,
    stream_event_from_proto,
    stream_event_to_proto,
)

from ...core.call import Account, Call, Route
from ...core.ports import Connection, Sink
from ...core.rates import RateLimit, RateLimits

__all__ = [
    "call_from_json",
    "call_to_json",
    "connection_from_json",
    "connection_to_json",
    "failure_from_json",
    "failure_to_json",
    "limits_from_json",
    "limits_to_json",
    "output_from_json",
    "output_to_json",
    "route_from_json",
    "route_to_json",
    "tell",
    "told_to_json",
]

JsonObject: TypeAlias = dict[str, Any]


class _Message(Protocol):
    def SerializeToString(self) -> bytes: ...  # noqa: N802  # protobuf's name


def _packed(message: _Message) -> str:
    return b64encode(message.SerializeToString()).decode("ascii")


def call_to_json(call: Call, now: float) -> JsonObject:
    """The call for an extension; its session is not an extension's matter.

    Args:
        call: The call.
        now: The time by which its deadline is said, for the other process may count otherwise.
    """
    proto = generate_input_to_proto(
        GenerateInput(call.messages, call.tools, call.tool_choice, call.config)
    )
    proto.priority = priority_to_proto(call.priority)
    for name in ("request_id", "role", "epoch"):
        if (value := getattr(call, name)) is not None:
            setattr(proto, name, value)
    left = None if call.deadline is None else call.deadline - now
    return {"id": call.id, "size": call.size, "seconds": left, "call": _packed(proto)}


def call_from_json(data: JsonObject, now: float) -> Call:
    """What `call_to_json` wrote."""
    proto = inference_service_pb2.Call.FromString(b64decode(data["call"]))
    asked = generate_input_from_proto(proto)
    return Call(
        id=data["id"],
        messages=asked.input,
        config=asked.config,
        tools=asked.tools,
        tool_choice=asked.tool_choice or "auto",
        request_id=proto.request_id if proto.HasField("request_id") else None,
        deadline=None if data["seconds"] is None else now + data["seconds"],
        role=proto.role if proto.HasField("role") else None,
        epoch=proto.epoch if proto.HasField("epoch") else None,
        priority=priority_from_proto(proto.priority),
        size=data["size"],
    )


def route_to_json(route: Route) -> JsonObject:
    """Where a call goes."""
    return dataclasses.asdict(route)


def route_from_json(data: JsonObject) -> Route:
    """What `route_to_json` wrote."""
    return Route(data["provider"], data["model"], Account(**data["account"]))


def connection_to_json(connection: Connection) -> JsonObject:
    """How to reach a provider, with its secrets: for the socket alone."""
    return {
        "base_url": connection.base_url,
        "api_key": connection.api_key,
        "args": dict(connection.args),
        "environment": dict(connection.environment),
    }


def connection_from_json(data: JsonObject) -> Connection:
    """What `connection_to_json` wrote."""
    return Connection(**data)


def output_to_json(output: ModelOutput) -> str:
    """An answer; `InvalidRequest` names the part that is not of its type."""
    return _packed(output_to_proto(output))


def output_from_json(data: str) -> ModelOutput:
    """What `output_to_json` wrote: every value of it is of its type."""
    return output_from_proto(output_pb2.ModelOutput.FromString(b64decode(data)))


def failure_to_json(error: ModeldError) -> str:
    """Why something failed."""
    return _packed(failure_to_proto(error))


def failure_from_json(data: str) -> ModeldError:
    """What `failure_to_json` wrote."""
    return failure_from_proto(error_pb2.Failure.FromString(b64decode(data)))


def told_to_json(event: StreamEvent) -> str:
    """What comes before the end of an answer."""
    return _packed(stream_event_to_proto(event))


def tell(data: str, sink: Sink) -> None:
    """Tells the sink what `told_to_json` wrote."""
    proto = inference_service_pb2.StreamEvent.FromString(b64decode(data))
    match stream_event_from_proto(proto):
        case StreamTextEvent(text=text):
            sink.text(text)
        case StreamReasoningEvent(reasoning=reasoning):
            sink.reasoning(reasoning)
        case StreamToolCallEvent(id=id, function=function, arguments=arguments):
            sink.tool_call(id, function, arguments)
        case StreamQueuedEvent(position=position, reason=reason, progress=progress):
            sink.queued(reason or "", position, progress)
        case event:
            raise ValueError(f"{event.type} is nothing that a provider tells")


def limits_to_json(limits: RateLimits | None) -> JsonObject | None:
    """What an answer says of rate limits."""
    if limits is None:
        return None
    return {name: dataclasses.asdict(limit) for name, limit in limits.by_name.items()}


def limits_from_json(data: JsonObject | None) -> RateLimits | None:
    """What `limits_to_json` wrote."""
    if data is None:
        return None
    return RateLimits({name: RateLimit(**limit) for name, limit in data.items()})
