from modeld.v1 import model_call_pb2 as _model_call_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FailureReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FAILURE_REASON_UNSPECIFIED: _ClassVar[FailureReason]
    FAILURE_REASON_INVALID_REQUEST: _ClassVar[FailureReason]
    FAILURE_REASON_PREREQUISITE: _ClassVar[FailureReason]
    FAILURE_REASON_NOT_FOUND: _ClassVar[FailureReason]
    FAILURE_REASON_AUTHENTICATION: _ClassVar[FailureReason]
    FAILURE_REASON_PERMISSION: _ClassVar[FailureReason]
    FAILURE_REASON_RATE_LIMITED: _ClassVar[FailureReason]
    FAILURE_REASON_QUOTA_EXHAUSTED: _ClassVar[FailureReason]
    FAILURE_REASON_OVERLOADED: _ClassVar[FailureReason]
    FAILURE_REASON_PROVIDER_UNAVAILABLE: _ClassVar[FailureReason]
    FAILURE_REASON_PROVIDER_ERROR: _ClassVar[FailureReason]
    FAILURE_REASON_TIMEOUT: _ClassVar[FailureReason]
    FAILURE_REASON_CANCELLED: _ClassVar[FailureReason]
    FAILURE_REASON_CONFLICT: _ClassVar[FailureReason]
    FAILURE_REASON_ENGINE_DIED: _ClassVar[FailureReason]
    FAILURE_REASON_DRAINING: _ClassVar[FailureReason]
    FAILURE_REASON_UNAUTHENTICATED: _ClassVar[FailureReason]
    FAILURE_REASON_INTERNAL: _ClassVar[FailureReason]
    FAILURE_REASON_REFUSED: _ClassVar[FailureReason]
    FAILURE_REASON_UNRESOLVED_MEDIA: _ClassVar[FailureReason]
    FAILURE_REASON_SESSION_NOT_FOUND: _ClassVar[FailureReason]
FAILURE_REASON_UNSPECIFIED: FailureReason
FAILURE_REASON_INVALID_REQUEST: FailureReason
FAILURE_REASON_PREREQUISITE: FailureReason
FAILURE_REASON_NOT_FOUND: FailureReason
FAILURE_REASON_AUTHENTICATION: FailureReason
FAILURE_REASON_PERMISSION: FailureReason
FAILURE_REASON_RATE_LIMITED: FailureReason
FAILURE_REASON_QUOTA_EXHAUSTED: FailureReason
FAILURE_REASON_OVERLOADED: FailureReason
FAILURE_REASON_PROVIDER_UNAVAILABLE: FailureReason
FAILURE_REASON_PROVIDER_ERROR: FailureReason
FAILURE_REASON_TIMEOUT: FailureReason
FAILURE_REASON_CANCELLED: FailureReason
FAILURE_REASON_CONFLICT: FailureReason
FAILURE_REASON_ENGINE_DIED: FailureReason
FAILURE_REASON_DRAINING: FailureReason
FAILURE_REASON_UNAUTHENTICATED: FailureReason
FAILURE_REASON_INTERNAL: FailureReason
FAILURE_REASON_REFUSED: FailureReason
FAILURE_REASON_UNRESOLVED_MEDIA: FailureReason
FAILURE_REASON_SESSION_NOT_FOUND: FailureReason

class Failure(_message.Message):
    __slots__ = ("reason", "message", "provider", "model", "provider_status", "provider_request_id", "retry_after", "attempts", "phase", "raw")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_STATUS_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    reason: FailureReason
    message: str
    provider: str
    model: str
    provider_status: int
    provider_request_id: str
    retry_after: float
    attempts: int
    phase: str
    raw: _model_call_pb2.ModelCall
    def __init__(self, reason: _Optional[_Union[FailureReason, str]] = ..., message: _Optional[str] = ..., provider: _Optional[str] = ..., model: _Optional[str] = ..., provider_status: _Optional[int] = ..., provider_request_id: _Optional[str] = ..., retry_after: _Optional[float] = ..., attempts: _Optional[int] = ..., phase: _Optional[str] = ..., raw: _Optional[_Union[_model_call_pb2.ModelCall, _Mapping]] = ...) -> None: ...
