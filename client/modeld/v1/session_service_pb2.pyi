from modeld.v1 import error_pb2 as _error_pb2
from modeld.v1 import inference_service_pb2 as _inference_service_pb2
from modeld.v1 import model_service_pb2 as _model_service_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ConnectRequest(_message.Message):
    __slots__ = ("frames", "received", "acknowledge")
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_FIELD_NUMBER: _ClassVar[int]
    frames: _containers.RepeatedCompositeFieldContainer[ClientFrame]
    received: int
    acknowledge: bool
    def __init__(self, frames: _Optional[_Iterable[_Union[ClientFrame, _Mapping]]] = ..., received: _Optional[int] = ..., acknowledge: bool = ...) -> None: ...

class ConnectResponse(_message.Message):
    __slots__ = ("frames", "received", "acknowledge")
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGE_FIELD_NUMBER: _ClassVar[int]
    frames: _containers.RepeatedCompositeFieldContainer[ServerFrame]
    received: int
    acknowledge: bool
    def __init__(self, frames: _Optional[_Iterable[_Union[ServerFrame, _Mapping]]] = ..., received: _Optional[int] = ..., acknowledge: bool = ...) -> None: ...

class ClientFrame(_message.Message):
    __slots__ = ("call_id", "timeout_ms", "hello", "environment", "generate", "generate_stream", "open_model", "close_model", "count_tokens", "cancel", "bye", "chunk")
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    HELLO_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    GENERATE_FIELD_NUMBER: _ClassVar[int]
    GENERATE_STREAM_FIELD_NUMBER: _ClassVar[int]
    OPEN_MODEL_FIELD_NUMBER: _ClassVar[int]
    CLOSE_MODEL_FIELD_NUMBER: _ClassVar[int]
    COUNT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    BYE_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    call_id: int
    timeout_ms: int
    hello: Hello
    environment: Environment
    generate: bytes
    generate_stream: bytes
    open_model: bytes
    close_model: bytes
    count_tokens: bytes
    cancel: CancelCall
    bye: Bye
    chunk: Chunk
    def __init__(self, call_id: _Optional[int] = ..., timeout_ms: _Optional[int] = ..., hello: _Optional[_Union[Hello, _Mapping]] = ..., environment: _Optional[_Union[Environment, _Mapping]] = ..., generate: _Optional[bytes] = ..., generate_stream: _Optional[bytes] = ..., open_model: _Optional[bytes] = ..., close_model: _Optional[bytes] = ..., count_tokens: _Optional[bytes] = ..., cancel: _Optional[_Union[CancelCall, _Mapping]] = ..., bye: _Optional[_Union[Bye, _Mapping]] = ..., chunk: _Optional[_Union[Chunk, _Mapping]] = ...) -> None: ...

class Bye(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CancelCall(_message.Message):
    __slots__ = ("even_if_lasting",)
    EVEN_IF_LASTING_FIELD_NUMBER: _ClassVar[int]
    even_if_lasting: bool
    def __init__(self, even_if_lasting: bool = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("client_name", "client_version", "pid", "protocol_min", "protocol_max", "capabilities", "resume")
    CLIENT_NAME_FIELD_NUMBER: _ClassVar[int]
    CLIENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_MIN_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_MAX_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    RESUME_FIELD_NUMBER: _ClassVar[int]
    client_name: str
    client_version: str
    pid: int
    protocol_min: int
    protocol_max: int
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    resume: Resume
    def __init__(self, client_name: _Optional[str] = ..., client_version: _Optional[str] = ..., pid: _Optional[int] = ..., protocol_min: _Optional[int] = ..., protocol_max: _Optional[int] = ..., capabilities: _Optional[_Iterable[str]] = ..., resume: _Optional[_Union[Resume, _Mapping]] = ...) -> None: ...

class Resume(_message.Message):
    __slots__ = ("session", "received")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    session: str
    received: int
    def __init__(self, session: _Optional[str] = ..., received: _Optional[int] = ...) -> None: ...

class Environment(_message.Message):
    __slots__ = ("set", "unset")
    class SetEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SET_FIELD_NUMBER: _ClassVar[int]
    UNSET_FIELD_NUMBER: _ClassVar[int]
    set: _containers.ScalarMap[str, str]
    unset: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, set: _Optional[_Mapping[str, str]] = ..., unset: _Optional[_Iterable[str]] = ...) -> None: ...

class ServerFrame(_message.Message):
    __slots__ = ("call_id", "welcome", "event", "opened", "counted", "failed", "chunk", "goodbye")
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    OPENED_FIELD_NUMBER: _ClassVar[int]
    COUNTED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    GOODBYE_FIELD_NUMBER: _ClassVar[int]
    call_id: int
    welcome: Welcome
    event: _inference_service_pb2.StreamEvent
    opened: _model_service_pb2.OpenModelResponse
    counted: _inference_service_pb2.CountTokensResponse
    failed: _error_pb2.Failure
    chunk: Chunk
    goodbye: Goodbye
    def __init__(self, call_id: _Optional[int] = ..., welcome: _Optional[_Union[Welcome, _Mapping]] = ..., event: _Optional[_Union[_inference_service_pb2.StreamEvent, _Mapping]] = ..., opened: _Optional[_Union[_model_service_pb2.OpenModelResponse, _Mapping]] = ..., counted: _Optional[_Union[_inference_service_pb2.CountTokensResponse, _Mapping]] = ..., failed: _Optional[_Union[_error_pb2.Failure, _Mapping]] = ..., chunk: _Optional[_Union[Chunk, _Mapping]] = ..., goodbye: _Optional[_Union[Goodbye, _Mapping]] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("session", "protocol", "capabilities", "daemon_version", "resumed", "received")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    DAEMON_VERSION_FIELD_NUMBER: _ClassVar[int]
    RESUMED_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    session: str
    protocol: int
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    daemon_version: str
    resumed: bool
    received: int
    def __init__(self, session: _Optional[str] = ..., protocol: _Optional[int] = ..., capabilities: _Optional[_Iterable[str]] = ..., daemon_version: _Optional[str] = ..., resumed: bool = ..., received: _Optional[int] = ...) -> None: ...

class Chunk(_message.Message):
    __slots__ = ("data", "last")
    DATA_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    last: bool
    def __init__(self, data: _Optional[bytes] = ..., last: bool = ...) -> None: ...

class Goodbye(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...
