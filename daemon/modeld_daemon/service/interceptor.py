"""What holds for every RPC: the token, and that no exception leaves without a typed error."""

from __future__ import annotations

import hmac
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from inspect import iscoroutinefunction
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from modeld.errors import DaemonUnavailable, InternalError, InvalidRequest, ModeldError

from .errors import abort

__all__ = ["DoorInterceptor"]

log = logging.getLogger("modeld.service")

Context = grpc.aio.ServicerContext[Any, Any]


class DoorInterceptor(grpc.aio.ServerInterceptor):
    """Refuses calls without the token, and turns exceptions of servicers into statuses."""

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Called by grpc for every RPC before its handler."""
        handler = await continuation(details)
        if handler is None:
            return None
        if not self._knows_token(details):
            return _refusal(handler)
        return _guarded(handler)

    def _knows_token(self, details: grpc.HandlerCallDetails) -> bool:
        for name, value in details.invocation_metadata or ():
            if name == "authorization":
                given = value if isinstance(value, bytes) else str(value).encode()
                return hmac.compare_digest(given, self._expected)
        return False


def _refusal(handler: grpc.RpcMethodHandler[Any, Any]) -> grpc.RpcMethodHandler[Any, Any]:
    async def refuse(_request: object, context: Context) -> None:
        missing = DaemonUnavailable(
            "the daemon's token is missing or wrong: send the content of the token file in the "
            "metadata 'authorization: Bearer <token>'",
            reason="unauthenticated",
        )
        await abort(context, missing)

    async def refuse_stream(_request: object, context: Context) -> AsyncIterator[None]:
        await refuse(_request, context)
        yield

    return _with_behaviour(handler, refuse_stream if handler.response_streaming else refuse)


def _guarded(handler: grpc.RpcMethodHandler[Any, Any]) -> grpc.RpcMethodHandler[Any, Any]:
    if handler.request_streaming:
        return handler  # the session stream answers with failed frames of its own
    # Requests arrive as bytes: what cannot be decoded gets a typed error as well.
    decode = _decoder(handler)
    if not handler.response_streaming:
        behaviour = _guarded_unary(handler.unary_unary, decode)
    elif iscoroutinefunction(handler.unary_stream):  # one that writes, such as Health.Watch
        behaviour = _guarded_unary(handler.unary_stream, decode)
    else:
        behaviour = _guarded_stream(handler.unary_stream, decode)
    return _with_behaviour(handler, behaviour, decoded=False)


def _decoder(handler: grpc.RpcMethodHandler[Any, Any]) -> Callable[[bytes], Any]:
    deserialize: Any = handler.request_deserializer

    def decode(request: bytes) -> Any:
        try:
            return deserialize(request)
        except DecodeError as error:
            raise InvalidRequest(f"the request cannot be decoded: {error}") from None

    return decode


def _guarded_unary(behaviour: Any, decode: Callable[[bytes], Any]) -> Any:
    async def unary(request: bytes, context: Context) -> object:
        try:
            return await behaviour(decode(request), context)
        except ModeldError as error:
            await abort(context, error)
        except Exception as defect:  # noqa: BLE001  # the door: no exception leaves untyped
            await abort(context, _defect(context, defect))

    return unary


def _guarded_stream(behaviour: Any, decode: Callable[[bytes], Any]) -> Any:
    async def stream(request: bytes, context: Context) -> AsyncIterator[object]:
        try:
            async for response in behaviour(decode(request), context):
                yield response
        except ModeldError as error:
            await abort(context, error)
        except Exception as defect:  # noqa: BLE001  # the door: no exception leaves untyped
            await abort(context, _defect(context, defect))

    return stream


def _defect(context: Context, defect: Exception) -> ModeldError:
    if isinstance(defect, grpc.aio.AbortError):
        raise defect
    log.error("defect in a servicer", exc_info=defect)
    return InternalError(f"{type(defect).__name__}: {defect}")


def _with_behaviour(
    handler: grpc.RpcMethodHandler[Any, Any], behaviour: Any, *, decoded: bool = True
) -> grpc.RpcMethodHandler[Any, Any]:
    kinds = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }
    make: Any = kinds[handler.request_streaming, handler.response_streaming]
    made: grpc.RpcMethodHandler[Any, Any] = make(
        behaviour, handler.request_deserializer if decoded else None, handler.response_serializer
    )
    return made
