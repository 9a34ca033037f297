"""Calls of models as functions: values in, values out, for plain code and for tasks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass

from ..errors import GenerateTimeout, InternalError, InvalidRequest
from ..types import (
    GenerateInput,
    ModelOutput,
    Priority,
    StreamEvent,
    StreamFinishedEvent,
    StreamRetryEvent,
)
from ..v1 import inference_service_pb2 as pb
from ..v1.inference_service_pb2 import CountTokensRequest, CountTokensResponse
from ..wire import generate_input_to_proto, priority_to_proto, stream_event_from_proto
from .deadlines import GRACE_SECONDS
from .hub import Hub
from .mailbox import Mailbox, SyncMailbox, async_mailbox
from .pending import PendingCall, RemoteModel, Resent

__all__ = [
    "Ask",
    "count_tokens",
    "count_tokens_sync",
    "generate",
    "generate_sync",
    "stream",
    "stream_sync",
]


@dataclass(slots=True)
class Ask:
    """What is asked of a model, and under which names."""

    input: GenerateInput
    request_id: str | None = None
    role: str | None = None
    priority: Priority | None = None
    epoch: int | None = None
    raw: bool = False

    def __post_init__(self) -> None:
        if self.priority is not None:
            priority_to_proto(
                self.priority
            )  # a wrong word is an error here, not at the first event

    def serialized(self) -> bytes:
        """The serialized Call, without its target."""
        proto = generate_input_to_proto(self.input)
        try:
            if self.request_id is not None:
                proto.request_id = self.request_id
            if self.role is not None:
                proto.role = self.role
        except (TypeError, ValueError) as error:
            raise InvalidRequest(f"request_id and role must be text: {error}") from None
        if self.epoch is not None:
            proto.epoch = self.epoch
        if self.raw:
            proto.raw = True
        if self.priority is not None:
            proto.priority = priority_to_proto(self.priority)
        return proto.SerializeToString()


class _Sent:
    """A call from its sending to its end; leaving early cancels it."""

    __slots__ = ("_call", "_deadline", "_hub")

    def __init__(self, hub: Hub, model: RemoteModel, ask: Ask, kind: str, mailbox: Mailbox) -> None:
        self._hub = hub
        self._deadline: int | None = None
        timeout = ask.input.config.timeout or model.spec.config.timeout
        if timeout is not None:
            silent = GenerateTimeout(
                f"the daemon has not answered within {timeout + GRACE_SECONDS:g} s; "
                "see 'modeld status'"
            )
            self._deadline = hub.deadlines.add(timeout + GRACE_SECONDS, lambda: mailbox.put(silent))
        payload = ask.serialized()
        if kind == "count_tokens":
            request = CountTokensRequest()
            request.call.MergeFromString(payload)
            payload = request.SerializeToString()
        self._call = PendingCall(kind, payload, model, mailbox)

    def __enter__(self) -> None:
        try:
            self._hub.submit(self._call)
        except BaseException:  # Ctrl-C, for one: nobody waits for it
            self.__exit__()
            raise

    def __exit__(self, *_error: object) -> None:
        if self._deadline is not None:
            self._hub.deadlines.remove(self._deadline)
        self._hub.forget(self._call)


def generate_sync(hub: Hub, model: RemoteModel, ask: Ask) -> ModelOutput:
    """One answer. The thread waits; an exception in it (Ctrl-C) cancels the call."""
    mailbox = SyncMailbox()
    with _Sent(hub, model, ask, "generate", mailbox):
        while True:
            event = _event(mailbox.get())
            if isinstance(event, StreamFinishedEvent):
                return event.output


async def generate(hub: Hub, model: RemoteModel, ask: Ask) -> ModelOutput:
    """One answer. Cancelling the task cancels the call."""
    mailbox = async_mailbox()
    with _Sent(hub, model, ask, "generate", mailbox):
        while True:
            event = _event(await mailbox.get())
            if isinstance(event, StreamFinishedEvent):
                return event.output


def stream_sync(hub: Hub, model: RemoteModel, ask: Ask) -> Iterator[StreamEvent]:
    """The events of one answer. Closing the iterator cancels the call."""
    mailbox = SyncMailbox()
    with _Sent(hub, model, ask, "generate_stream", mailbox):
        ended, events = False, _Events()
        while not ended:
            event = events.of(mailbox.get())
            ended = isinstance(event, StreamFinishedEvent)
            yield event


async def stream(hub: Hub, model: RemoteModel, ask: Ask) -> AsyncGenerator[StreamEvent, None]:
    """The events of one answer. Closing the iterator or cancelling its task cancels the call."""
    mailbox = async_mailbox()
    with _Sent(hub, model, ask, "generate_stream", mailbox):
        ended, events = False, _Events()
        while not ended:
            event = events.of(await mailbox.get())
            ended = isinstance(event, StreamFinishedEvent)
            yield event


def count_tokens_sync(hub: Hub, model: RemoteModel, ask: Ask) -> int:
    """Tokens of an input."""
    mailbox = SyncMailbox()
    with _Sent(hub, model, ask, "count_tokens", mailbox):
        while True:
            tokens = _tokens(mailbox.get())
            if tokens is not None:
                return tokens


async def count_tokens(hub: Hub, model: RemoteModel, ask: Ask) -> int:
    """Tokens of an input."""
    mailbox = async_mailbox()
    with _Sent(hub, model, ask, "count_tokens", mailbox):
        while True:
            tokens = _tokens(await mailbox.get())
            if tokens is not None:
                return tokens


class _Events:
    """Numbers the events of one stream upwards, whatever daemons they come from."""

    __slots__ = ("_base", "_last")

    def __init__(self) -> None:
        self._base = self._last = 0

    def of(self, item: object) -> StreamEvent:
        event = _event(item)
        if isinstance(item, Resent):
            self._base = self._last + 1  # what follows is numbered from 1 again
            event.seq = self._base
        else:
            event.seq += self._base
        self._last = event.seq
        return event


def _tokens(item: object) -> int | None:
    if isinstance(item, CountTokensResponse):
        return item.tokens
    _event(item)
    return None


def _event(item: object) -> StreamEvent:
    """The event that an item of a mailbox stands for; failures are raised."""
    if isinstance(item, pb.StreamEvent):
        return stream_event_from_proto(item)
    if isinstance(item, Exception):
        raise item
    if isinstance(item, Resent):
        return StreamRetryEvent(attempt=0, reason="reconnected", message=item.reason)
    raise InternalError(f"unexpected {type(item).__name__} from the daemon")
