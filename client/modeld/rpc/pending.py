"""A call on its way: what was sent, over which link, and who waits for the answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..errors import InvalidRequest
from ..spec import ModelSpec
from ..types import GenerateConfig
from ..v1 import session_service_pb2 as pb
from ..v1.model_service_pb2 import OpenModelRequest
from ..wire import config_to_proto
from .mailbox import Mailbox

if TYPE_CHECKING:
    from .link import Link

__all__ = ["PendingCall", "RemoteModel", "Resent"]


class RemoteModel:
    """A model as this process has asked for it. It is opened on each link that needs it."""

    __slots__ = ("__weakref__", "answered", "environment", "handle", "link", "spec", "stateful")

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self.link: Link | None = None
        self.handle = ""
        self.stateful = False
        """Whether the daemon keeps a state for it, which ends with the session."""
        self.answered = 0
        """Calls that have an answer."""
        self.environment: tuple[str, ...] = ()
        """Variables on which the model depends."""

    def request(self) -> OpenModelRequest:
        """What to send to open it."""
        spec, request = self.spec, OpenModelRequest()
        proto = request.model
        try:
            proto.name = spec.name
            if spec.base_url is not None:
                proto.base_url = spec.base_url
            if spec.api_key is not None:
                proto.api_key = spec.api_key
            if spec.args:
                skip = self.answered if self.stateful else 0
                proto.args_json = spec.args_json(skip=skip)
        except (TypeError, ValueError):
            raise InvalidRequest("name, base_url, api_key and model args must be text") from None
        if spec.session is not None:
            request.session = spec.session
        if spec.config != GenerateConfig():
            proto.config.CopyFrom(config_to_proto(spec.config))
        return request

    def handle_on(self, link: Link | None) -> str | None:
        """The model's handle on that link, if it is open there."""
        return self.handle if link is not None and self.link is link else None


class Resent:
    """Put into a mailbox when the call had to be sent again: earlier deltas are void."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


class PendingCall:
    """One call.

    Args:
        kind: Which member of ClientFrame.body the payload is.
        payload: The serialized request, without the handle.
        model: The model that the request is for; None for requests that need no handle.
        mailbox: Where events and the end go.
    """

    __slots__ = (
        "abandoned", "chunks", "id", "kind", "link", "mailbox", "model", "payload", "resends",
    )  # fmt: skip

    def __init__(
        self, kind: str, payload: bytes, model: RemoteModel | None, mailbox: Mailbox
    ) -> None:
        self.id = 0
        self.kind = kind
        self.payload = payload
        self.model = model
        self.mailbox = mailbox
        self.link: Link | None = None
        self.resends = 0
        self.chunks: list[bytes] = []
        self.abandoned = False
        """Whether nobody waits for it any more."""

    def frame(self, handle: str) -> pb.ClientFrame:
        """The frame to send. The handle is the last field of the serialized call: fields of a
        message may stand in any order, so a resend need not serialize the call again.
        """
        payload = self.payload
        if handle:
            target = _target_bytes(handle)
            payload += _nested(target) if self.kind == "count_tokens" else target
        body: Mapping[str, bytes] = {self.kind: payload}
        return pb.ClientFrame(call_id=self.id, **body)  # type: ignore[arg-type]  # bodies are bytes


def _target_bytes(handle: str) -> bytes:
    data = handle.encode()
    return b"\x12" + bytes((len(data),)) + data  # field 2 of Call; handles are short


def _nested(data: bytes) -> bytes:
    return b"\x0a" + bytes((len(data),)) + data  # field 1 of CountTokensRequest, merged
