"""A caller of the plain RPCs, as a program in any language would be."""

from __future__ import annotations

from typing import Any, Self

import grpc

from modeld.v1 import (
    daemon_service_pb2,
    inference_service_pb2,
    limit_service_pb2,
    model_service_pb2,
    named_session_service_pb2,
)
from modeld.v1.daemon_service_pb2_grpc import DaemonServiceStub
from modeld.v1.error_pb2 import Failure
from modeld.v1.inference_service_pb2_grpc import InferenceServiceStub
from modeld.v1.limit_service_pb2_grpc import LimitServiceStub
from modeld.v1.model_service_pb2_grpc import ModelServiceStub
from modeld.v1.named_session_service_pb2_grpc import NamedSessionServiceStub
from tests.fakes.raw_session import call, open_channel
from tests.fakes.serving import House

METHODS = {
    InferenceServiceStub: inference_service_pb2,
    ModelServiceStub: model_service_pb2,
    NamedSessionServiceStub: named_session_service_pb2,
    LimitServiceStub: limit_service_pb2,
    DaemonServiceStub: daemon_service_pb2,
}


class Unary:
    """Calls a method by name with the fields of its request."""

    def __init__(
        self,
        house: House,
        session: str | None = None,
        token: str | None = None,
        named: str | None = None,
    ) -> None:
        self.channel = open_channel(house)
        self.metadata = [("authorization", f"Bearer {house.token if token is None else token}")]
        if session is not None:
            self.metadata.append(("modeld-session", session))
        if named is not None:
            self.metadata.append(("modeld-session-name", named))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.channel.close()

    def rpc(self, method: str) -> tuple[Any, Any]:
        """The method of the stub, and the class of its request."""
        for stub, messages in METHODS.items():
            found = getattr(stub(self.channel), method, None)
            if found is not None:
                return found, getattr(messages, f"{method}Request")
        raise AssertionError(method)

    def __call__(self, method: str, *, timeout: float = 10, **fields: Any) -> Any:
        rpc, request = self.rpc(method)
        return rpc(request(**fields), metadata=self.metadata, timeout=timeout)

    def future(self, method: str, *, timeout: float = 10, **fields: Any) -> Any:
        rpc, request = self.rpc(method)
        return rpc.future(request(**fields), metadata=self.metadata, timeout=timeout)

    def say(self, text: str, **fields: Any) -> str:
        answer = self("Generate", call=call(text, **fields))
        return answer.output.choices[0].message.text


def failure(error: grpc.RpcError) -> Failure:
    """The typed failure that an error brings."""
    (value,) = [v for k, v in error.trailing_metadata() if k == "modeld-failure-bin"]
    return Failure.FromString(value)
