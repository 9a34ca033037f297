"""From the messages of the contract to what the core takes."""

from __future__ import annotations

import itertools
import secrets
from typing import TypeAlias

import anyio

from modeld.errors import InvalidRequest
from modeld.types import GenerateConfig
from modeld.v1 import inference_service_pb2 as pb
from modeld.v1.model_service_pb2 import ModelSpec as ModelSpecProto
from modeld.wire import config_from_proto, generate_input_from_proto, priority_from_proto
from modeld.wire.jsontext import load_object

from ..core.call import UNSAID, Call
from ..core.named import Choice, Named
from ..core.raw import Raw
from ..core.resolve import ModelSpec
from ..core.sessions import Lease, Session, Sessions

__all__ = ["call_from_proto", "chosen", "leased", "ready", "spec_from_proto"]

Target: TypeAlias = pb.Call | pb.AttachStreamRequest | pb.CancelRequest


# Names of calls: a random start, so that those of two daemons differ in logs, then counted.
_numbers = itertools.count(secrets.randbits(48))


def call_from_proto(proto: pb.Call, session: Session | None, timeout_ms: int = 0) -> Call:
    """The call that came through a session; `InvalidRequest` names what is wrong with it."""
    asked = generate_input_from_proto(proto)
    if not asked.input:
        raise InvalidRequest("a call needs an input or at least one message")
    if proto.HasField("request_id") and not 0 < len(proto.request_id) <= 256:
        raise InvalidRequest("a request_id has 1 to 256 characters")
    return Call(
        id=f"{next(_numbers):x}",
        messages=asked.input,
        config=asked.config if proto.HasField("config") else UNSAID,
        tools=asked.tools,
        tool_choice=asked.tool_choice or "auto",
        request_id=proto.request_id if proto.HasField("request_id") else None,
        deadline=anyio.current_time() + timeout_ms / 1000 if timeout_ms else None,
        role=proto.role if proto.HasField("role") else None,
        epoch=proto.epoch if proto.HasField("epoch") else None,
        priority=priority_from_proto(proto.priority),
        size=proto.ByteSize(),
        raw=Raw() if proto.raw else None,
        session="" if session is None else session.id,
    )


def spec_from_proto(proto: ModelSpecProto) -> ModelSpec:
    """The model as it is named; `InvalidRequest` names what is wrong with it."""
    return ModelSpec(
        name=proto.name,
        base_url=proto.base_url if proto.HasField("base_url") else None,
        api_key=proto.api_key if proto.HasField("api_key") else None,
        args=load_object(proto.args_json, "args_json") if proto.HasField("args_json") else {},
        config=config_from_proto(proto.config) if proto.HasField("config") else GenerateConfig(),
    )


async def ready(sessions: Sessions, target: Target, named: Named | None = None) -> None:
    """Waits until the provider of the model that a request gets is loaded."""
    if target.WhichOneof("target") != "handle":
        await sessions.resolver.ready(_chosen(target, named).spec)


class leased:  # noqa: N801  # read as a word of its with statement
    """The lease that a request names: one of the session's, or one for this request alone."""

    __slots__ = ("_borrowed", "_lease")

    def __init__(
        self,
        sessions: Sessions,
        session: Session | None,
        target: Target,
        named: Named | None = None,
    ) -> None:
        self._borrowed = target.WhichOneof("target") != "handle"
        if self._borrowed:
            choice = _chosen(target, named)
            asked = None if named is None else choice
            self._lease = sessions.borrow(session, choice.spec, named, asked)
        elif session is None:
            raise InvalidRequest("a handle needs its session: name it in 'modeld-session'")
        else:
            self._lease = session.lease(target.handle)

    def __enter__(self) -> Lease:
        return self._lease

    def __exit__(self, *_error: object) -> None:
        if self._borrowed:
            self._lease.give_back(close=False)


def _chosen(target: Target, named: Named | None) -> Choice:
    """The model that a request gets, and the role that it plays."""
    spec = spec_from_proto(target.model)
    role = target.role if isinstance(target, pb.Call) and target.HasField("role") else None
    if named is not None:
        return chosen(named.choose(role, spec, required=False))
    if target.WhichOneof("target") is None:
        raise InvalidRequest(
            "name a model: model.name, handle in a session, or a lasting session in the metadata "
            "'modeld-session-name'"
        )
    return Choice(spec, role)


def chosen(choice: Choice) -> Choice:
    """The choice, if it is one."""
    if not choice.spec.name:
        raise InvalidRequest("No model specified: the session has no default model; name one")
    return choice
