from modeld.v1 import config_pb2 as _config_pb2
from modeld.v1 import error_pb2 as _error_pb2
from modeld.v1 import message_pb2 as _message_pb2
from modeld.v1 import model_call_pb2 as _model_call_pb2
from modeld.v1 import model_service_pb2 as _model_service_pb2
from modeld.v1 import output_pb2 as _output_pb2
from modeld.v1 import tool_pb2 as _tool_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Priority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRIORITY_UNSPECIFIED: _ClassVar[Priority]
    PRIORITY_INTERACTIVE: _ClassVar[Priority]
    PRIORITY_NORMAL: _ClassVar[Priority]
    PRIORITY_BATCH: _ClassVar[Priority]

class CacheUse(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CACHE_USE_UNSPECIFIED: _ClassVar[CacheUse]
    CACHE_USE_HIT: _ClassVar[CacheUse]
    CACHE_USE_MISS: _ClassVar[CacheUse]
PRIORITY_UNSPECIFIED: Priority
PRIORITY_INTERACTIVE: Priority
PRIORITY_NORMAL: Priority
PRIORITY_BATCH: Priority
CACHE_USE_UNSPECIFIED: CacheUse
CACHE_USE_HIT: CacheUse
CACHE_USE_MISS: CacheUse

class Call(_message.Message):
    __slots__ = ("model", "handle", "input", "messages", "tools", "tool_choice", "config", "request_id", "role", "epoch", "priority", "raw")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    HANDLE_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    TOOL_CHOICE_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    model: _model_service_pb2.ModelSpec
    handle: str
    input: str
    messages: _containers.RepeatedCompositeFieldContainer[_message_pb2.ChatMessage]
    tools: _containers.RepeatedCompositeFieldContainer[_tool_pb2.ToolInfo]
    tool_choice: _tool_pb2.ToolChoice
    config: _config_pb2.GenerateConfig
    request_id: str
    role: str
    epoch: int
    priority: Priority
    raw: bool
    def __init__(self, model: _Optional[_Union[_model_service_pb2.ModelSpec, _Mapping]] = ..., handle: _Optional[str] = ..., input: _Optional[str] = ..., messages: _Optional[_Iterable[_Union[_message_pb2.ChatMessage, _Mapping]]] = ..., tools: _Optional[_Iterable[_Union[_tool_pb2.ToolInfo, _Mapping]]] = ..., tool_choice: _Optional[_Union[_tool_pb2.ToolChoice, _Mapping]] = ..., config: _Optional[_Union[_config_pb2.GenerateConfig, _Mapping]] = ..., request_id: _Optional[str] = ..., role: _Optional[str] = ..., epoch: _Optional[int] = ..., priority: _Optional[_Union[Priority, str]] = ..., raw: bool = ...) -> None: ...

class GenerateRequest(_message.Message):
    __slots__ = ("call",)
    CALL_FIELD_NUMBER: _ClassVar[int]
    call: Call
    def __init__(self, call: _Optional[_Union[Call, _Mapping]] = ...) -> None: ...

class GenerateResponse(_message.Message):
    __slots__ = ("output", "info")
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    output: _output_pb2.ModelOutput
    info: CallInfo
    def __init__(self, output: _Optional[_Union[_output_pb2.ModelOutput, _Mapping]] = ..., info: _Optional[_Union[CallInfo, _Mapping]] = ...) -> None: ...

class CallInfo(_message.Message):
    __slots__ = ("call_id", "cache", "coalesced", "attempts", "queue_time", "provider_time", "interrupted", "raw")
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    COALESCED_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    QUEUE_TIME_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_TIME_FIELD_NUMBER: _ClassVar[int]
    INTERRUPTED_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    call_id: str
    cache: CacheUse
    coalesced: bool
    attempts: int
    queue_time: float
    provider_time: float
    interrupted: bool
    raw: _model_call_pb2.ModelCall
    def __init__(self, call_id: _Optional[str] = ..., cache: _Optional[_Union[CacheUse, str]] = ..., coalesced: bool = ..., attempts: _Optional[int] = ..., queue_time: _Optional[float] = ..., provider_time: _Optional[float] = ..., interrupted: bool = ..., raw: _Optional[_Union[_model_call_pb2.ModelCall, _Mapping]] = ...) -> None: ...

class GenerateStreamRequest(_message.Message):
    __slots__ = ("call",)
    CALL_FIELD_NUMBER: _ClassVar[int]
    call: Call
    def __init__(self, call: _Optional[_Union[Call, _Mapping]] = ...) -> None: ...

class GenerateStreamResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: StreamEvent
    def __init__(self, event: _Optional[_Union[StreamEvent, _Mapping]] = ...) -> None: ...

class StreamEvent(_message.Message):
    __slots__ = ("seq", "text", "reasoning", "tool_call", "queued", "retrying", "finished")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    REASONING_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALL_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    RETRYING_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    seq: int
    text: TextDelta
    reasoning: ReasoningDelta
    tool_call: ToolCallDelta
    queued: Queued
    retrying: Retrying
    finished: GenerateResponse
    def __init__(self, seq: _Optional[int] = ..., text: _Optional[_Union[TextDelta, _Mapping]] = ..., reasoning: _Optional[_Union[ReasoningDelta, _Mapping]] = ..., tool_call: _Optional[_Union[ToolCallDelta, _Mapping]] = ..., queued: _Optional[_Union[Queued, _Mapping]] = ..., retrying: _Optional[_Union[Retrying, _Mapping]] = ..., finished: _Optional[_Union[GenerateResponse, _Mapping]] = ...) -> None: ...

class TextDelta(_message.Message):
    __slots__ = ("text",)
    TEXT_FIELD_NUMBER: _ClassVar[int]
    text: str
    def __init__(self, text: _Optional[str] = ...) -> None: ...

class ReasoningDelta(_message.Message):
    __slots__ = ("reasoning",)
    REASONING_FIELD_NUMBER: _ClassVar[int]
    reasoning: str
    def __init__(self, reasoning: _Optional[str] = ...) -> None: ...

class ToolCallDelta(_message.Message):
    __slots__ = ("id", "function", "arguments")
    ID_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    id: str
    function: str
    arguments: str
    def __init__(self, id: _Optional[str] = ..., function: _Optional[str] = ..., arguments: _Optional[str] = ...) -> None: ...

class Queued(_message.Message):
    __slots__ = ("position", "reason", "progress")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    position: int
    reason: str
    progress: float
    def __init__(self, position: _Optional[int] = ..., reason: _Optional[str] = ..., progress: _Optional[float] = ...) -> None: ...

class Retrying(_message.Message):
    __slots__ = ("attempt", "failure", "wait")
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    attempt: int
    failure: _error_pb2.Failure
    wait: float
    def __init__(self, attempt: _Optional[int] = ..., failure: _Optional[_Union[_error_pb2.Failure, _Mapping]] = ..., wait: _Optional[float] = ...) -> None: ...

class AttachStreamRequest(_message.Message):
    __slots__ = ("request_id", "after_seq", "model", "handle")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQ_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    HANDLE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    after_seq: int
    model: _model_service_pb2.ModelSpec
    handle: str
    def __init__(self, request_id: _Optional[str] = ..., after_seq: _Optional[int] = ..., model: _Optional[_Union[_model_service_pb2.ModelSpec, _Mapping]] = ..., handle: _Optional[str] = ...) -> None: ...

class AttachStreamResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: StreamEvent
    def __init__(self, event: _Optional[_Union[StreamEvent, _Mapping]] = ...) -> None: ...

class CancelRequest(_message.Message):
    __slots__ = ("request_id", "model", "handle")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    HANDLE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    model: _model_service_pb2.ModelSpec
    handle: str
    def __init__(self, request_id: _Optional[str] = ..., model: _Optional[_Union[_model_service_pb2.ModelSpec, _Mapping]] = ..., handle: _Optional[str] = ...) -> None: ...

class CancelResponse(_message.Message):
    __slots__ = ("was_running",)
    WAS_RUNNING_FIELD_NUMBER: _ClassVar[int]
    was_running: bool
    def __init__(self, was_running: bool = ...) -> None: ...

class CountTokensRequest(_message.Message):
    __slots__ = ("call",)
    CALL_FIELD_NUMBER: _ClassVar[int]
    call: Call
    def __init__(self, call: _Optional[_Union[Call, _Mapping]] = ...) -> None: ...

class CountTokensResponse(_message.Message):
    __slots__ = ("tokens", "estimated")
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_FIELD_NUMBER: _ClassVar[int]
    tokens: int
    estimated: bool
    def __init__(self, tokens: _Optional[int] = ..., estimated: bool = ...) -> None: ...
