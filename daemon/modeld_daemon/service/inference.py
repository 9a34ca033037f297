"""InferenceService: calls one by one, for any language."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
import grpc

from modeld.errors import DaemonUnavailable
from modeld.v1 import inference_service_pb2 as pb
from modeld.v1.inference_service_pb2_grpc import InferenceServiceServicer
from modeld.wire import failure_from_proto

from ..core.asked import LARGE_BYTES
from ..core.call import Account
from ..core.pipeline import Pipeline
from ..core.sessions import Sessions
from .admission import Admission
from .calls import call_from_proto, leased, ready
from .metadata import named_of, session_of
from .pending import Pending

__all__ = ["InferenceServicer"]

FOREVER = 1e9

Context = grpc.aio.ServicerContext[Any, Any]


class InferenceServicer(InferenceServiceServicer):
    """Maps in, submits to the pipeline, maps out."""

    def __init__(self, pipeline: Pipeline, sessions: Sessions, admission: Admission) -> None:
        self._pipeline = pipeline
        self._sessions = sessions
        self._admission = admission

    async def Generate(  # noqa: N802  # named by the contract
        self, request: pb.GenerateRequest, context: Context
    ) -> pb.GenerateResponse:
        """One answer."""
        async for event in self._events(request.call, context, deltas=False):
            if event.WhichOneof("event") == "finished":
                return event.finished
        raise DaemonUnavailable("the call ended without an answer", reason="internal")

    async def GenerateStream(  # noqa: N802
        self, request: pb.GenerateStreamRequest, context: Context
    ) -> AsyncIterator[pb.GenerateStreamResponse]:
        """One answer, streamed."""
        async for event in self._events(request.call, context, deltas=True):
            yield pb.GenerateStreamResponse(event=event)

    async def _events(
        self, proto: pb.Call, context: Context, *, deltas: bool
    ) -> AsyncIterator[pb.StreamEvent]:
        self._admission.check()
        named = await named_of(context, self._sessions)
        await ready(self._sessions, proto, named)
        session = session_of(context, self._sessions)
        call = call_from_proto(proto, session)
        remaining = context.time_remaining()
        if remaining is not None and remaining < FOREVER:  # type: ignore[redundant-expr]  # None, too
            call.deadline = anyio.current_time() + remaining
        pending = _Waiting(deltas=deltas)
        with leased(self._sessions, session, proto, named) as lease:
            if call.size > LARGE_BYTES:
                ticket = await self._pipeline.submit_large(
                    call, lease, pending.watcher, stream=deltas
                )
            else:
                ticket = self._pipeline.submit(call, lease, pending.watcher, stream=deltas)
        try:
            async for event in pending:
                yield event
        finally:
            ticket.leave("the RPC was cancelled")

    async def AttachStream(  # noqa: N802
        self, request: pb.AttachStreamRequest, context: Context
    ) -> AsyncIterator[pb.AttachStreamResponse]:
        """The events of a call that was started with a request id."""
        account = await self._account(request, context)
        pending = _Waiting(deltas=True)
        ticket = await self._pipeline.attach(
            account, request.request_id, pending.watcher, request.after_seq
        )
        try:
            async for event in pending:
                yield pb.AttachStreamResponse(event=event)
        finally:
            if ticket is not None:
                ticket.leave("the RPC was cancelled")

    async def Cancel(  # noqa: N802
        self, request: pb.CancelRequest, context: Context
    ) -> pb.CancelResponse:
        """Ends a call that was started with a request id."""
        account = await self._account(request, context)
        running = await self._pipeline.cancel(account, request.request_id)
        return pb.CancelResponse(was_running=running)

    async def _account(
        self, request: pb.AttachStreamRequest | pb.CancelRequest, context: Context
    ) -> Account:
        named = await named_of(context, self._sessions)
        await ready(self._sessions, request, named)
        session = session_of(context, self._sessions)
        with leased(self._sessions, session, request, named) as lease:
            resolution, _ = lease.resolve()
        return resolution.route.account

    async def CountTokens(  # noqa: N802
        self, request: pb.CountTokensRequest, context: Context
    ) -> pb.CountTokensResponse:
        """Tokens of an input."""
        self._admission.check()
        named = await named_of(context, self._sessions)
        await ready(self._sessions, request.call, named)
        session = session_of(context, self._sessions)
        call = call_from_proto(request.call, session)
        with leased(self._sessions, session, request.call, named) as lease:
            count = await self._pipeline.count_tokens(call, lease)
        return pb.CountTokensResponse(tokens=count.tokens, estimated=count.estimated)


class _Waiting:
    """Events of one call as an async iterator; a failure is raised."""

    def __init__(self, *, deltas: bool) -> None:
        self._ready = anyio.Event()
        self.watcher = Pending(self._wake, deltas=deltas)

    def _wake(self) -> None:
        self._ready.set()

    async def __aiter__(self) -> AsyncIterator[pb.StreamEvent]:
        while True:
            await self._ready.wait()
            self._ready = anyio.Event()
            while events := self.watcher.take():  # more come, the end too, while one is written
                for event in events:
                    yield event
            if self.watcher.failure is not None:
                raise failure_from_proto(self.watcher.failure)
            if self.watcher.ended:
                return
