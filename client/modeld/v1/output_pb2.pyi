from modeld.v1 import message_pb2 as _message_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StopReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STOP_REASON_UNSPECIFIED: _ClassVar[StopReason]
    STOP_REASON_STOP: _ClassVar[StopReason]
    STOP_REASON_MAX_TOKENS: _ClassVar[StopReason]
    STOP_REASON_MODEL_LENGTH: _ClassVar[StopReason]
    STOP_REASON_TOOL_CALLS: _ClassVar[StopReason]
    STOP_REASON_CONTENT_FILTER: _ClassVar[StopReason]
    STOP_REASON_UNKNOWN: _ClassVar[StopReason]
STOP_REASON_UNSPECIFIED: StopReason
STOP_REASON_STOP: StopReason
STOP_REASON_MAX_TOKENS: StopReason
STOP_REASON_MODEL_LENGTH: StopReason
STOP_REASON_TOOL_CALLS: StopReason
STOP_REASON_CONTENT_FILTER: StopReason
STOP_REASON_UNKNOWN: StopReason

class ModelOutput(_message.Message):
    __slots__ = ("model", "choices", "completion", "usage", "input_context_tokens", "fallback", "time", "metadata_json", "error", "response_id")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CHOICES_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    INPUT_CONTEXT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    METADATA_JSON_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_ID_FIELD_NUMBER: _ClassVar[int]
    model: str
    choices: _containers.RepeatedCompositeFieldContainer[ChatCompletionChoice]
    completion: str
    usage: ModelUsage
    input_context_tokens: int
    fallback: ModelFallback
    time: float
    metadata_json: str
    error: str
    response_id: str
    def __init__(self, model: _Optional[str] = ..., choices: _Optional[_Iterable[_Union[ChatCompletionChoice, _Mapping]]] = ..., completion: _Optional[str] = ..., usage: _Optional[_Union[ModelUsage, _Mapping]] = ..., input_context_tokens: _Optional[int] = ..., fallback: _Optional[_Union[ModelFallback, _Mapping]] = ..., time: _Optional[float] = ..., metadata_json: _Optional[str] = ..., error: _Optional[str] = ..., response_id: _Optional[str] = ...) -> None: ...

class ChatCompletionChoice(_message.Message):
    __slots__ = ("message", "stop_reason", "stop_details", "logprobs", "prompt_logprobs")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    STOP_REASON_FIELD_NUMBER: _ClassVar[int]
    STOP_DETAILS_FIELD_NUMBER: _ClassVar[int]
    LOGPROBS_FIELD_NUMBER: _ClassVar[int]
    PROMPT_LOGPROBS_FIELD_NUMBER: _ClassVar[int]
    message: _message_pb2.ChatMessage
    stop_reason: StopReason
    stop_details: StopDetails
    logprobs: Logprobs
    prompt_logprobs: Logprobs
    def __init__(self, message: _Optional[_Union[_message_pb2.ChatMessage, _Mapping]] = ..., stop_reason: _Optional[_Union[StopReason, str]] = ..., stop_details: _Optional[_Union[StopDetails, _Mapping]] = ..., logprobs: _Optional[_Union[Logprobs, _Mapping]] = ..., prompt_logprobs: _Optional[_Union[Logprobs, _Mapping]] = ...) -> None: ...

class StopDetails(_message.Message):
    __slots__ = ("type", "category", "explanation", "categories")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    type: str
    category: str
    explanation: str
    categories: _containers.RepeatedCompositeFieldContainer[StopCategory]
    def __init__(self, type: _Optional[str] = ..., category: _Optional[str] = ..., explanation: _Optional[str] = ..., categories: _Optional[_Iterable[_Union[StopCategory, _Mapping]]] = ...) -> None: ...

class StopCategory(_message.Message):
    __slots__ = ("category", "level")
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    category: str
    level: str
    def __init__(self, category: _Optional[str] = ..., level: _Optional[str] = ...) -> None: ...

class ModelUsage(_message.Message):
    __slots__ = ("input_tokens", "output_tokens", "total_tokens", "input_tokens_cache_write", "input_tokens_cache_read", "reasoning_tokens", "total_cost")
    INPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_TOKENS_FIELD_NUMBER: _ClassVar[int]
    INPUT_TOKENS_CACHE_WRITE_FIELD_NUMBER: _ClassVar[int]
    INPUT_TOKENS_CACHE_READ_FIELD_NUMBER: _ClassVar[int]
    REASONING_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COST_FIELD_NUMBER: _ClassVar[int]
    input_tokens: int
    output_tokens: int
    total_tokens: int
    input_tokens_cache_write: int
    input_tokens_cache_read: int
    reasoning_tokens: int
    total_cost: float
    def __init__(self, input_tokens: _Optional[int] = ..., output_tokens: _Optional[int] = ..., total_tokens: _Optional[int] = ..., input_tokens_cache_write: _Optional[int] = ..., input_tokens_cache_read: _Optional[int] = ..., reasoning_tokens: _Optional[int] = ..., total_cost: _Optional[float] = ...) -> None: ...

class ModelFallback(_message.Message):
    __slots__ = ("model", "fallback_model", "count", "metadata_json")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_MODEL_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    METADATA_JSON_FIELD_NUMBER: _ClassVar[int]
    model: str
    fallback_model: str
    count: int
    metadata_json: str
    def __init__(self, model: _Optional[str] = ..., fallback_model: _Optional[str] = ..., count: _Optional[int] = ..., metadata_json: _Optional[str] = ...) -> None: ...

class Logprobs(_message.Message):
    __slots__ = ("content",)
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    content: _containers.RepeatedCompositeFieldContainer[Logprob]
    def __init__(self, content: _Optional[_Iterable[_Union[Logprob, _Mapping]]] = ...) -> None: ...

class Logprob(_message.Message):
    __slots__ = ("token", "logprob", "bytes", "top_logprobs")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    LOGPROB_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    TOP_LOGPROBS_FIELD_NUMBER: _ClassVar[int]
    token: str
    logprob: float
    bytes: bytes
    top_logprobs: TopLogprobs
    def __init__(self, token: _Optional[str] = ..., logprob: _Optional[float] = ..., bytes: _Optional[bytes] = ..., top_logprobs: _Optional[_Union[TopLogprobs, _Mapping]] = ...) -> None: ...

class TopLogprobs(_message.Message):
    __slots__ = ("alternatives",)
    ALTERNATIVES_FIELD_NUMBER: _ClassVar[int]
    alternatives: _containers.RepeatedCompositeFieldContainer[TopLogprob]
    def __init__(self, alternatives: _Optional[_Iterable[_Union[TopLogprob, _Mapping]]] = ...) -> None: ...

class TopLogprob(_message.Message):
    __slots__ = ("token", "logprob", "bytes")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    LOGPROB_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    token: str
    logprob: float
    bytes: bytes
    def __init__(self, token: _Optional[str] = ..., logprob: _Optional[float] = ..., bytes: _Optional[bytes] = ...) -> None: ...
