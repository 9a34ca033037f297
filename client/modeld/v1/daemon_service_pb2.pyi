from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ("version", "pid", "generation", "uptime_seconds", "in_flight", "calls_total", "calls_failed", "sessions", "clients", "rss_bytes", "idle_timeout_seconds", "draining", "engines")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    UPTIME_SECONDS_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    CALLS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    CALLS_FAILED_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    CLIENTS_FIELD_NUMBER: _ClassVar[int]
    RSS_BYTES_FIELD_NUMBER: _ClassVar[int]
    IDLE_TIMEOUT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    ENGINES_FIELD_NUMBER: _ClassVar[int]
    version: str
    pid: int
    generation: str
    uptime_seconds: float
    in_flight: int
    calls_total: int
    calls_failed: int
    sessions: _containers.RepeatedCompositeFieldContainer[SessionStatus]
    clients: _containers.RepeatedCompositeFieldContainer[ClientStatus]
    rss_bytes: int
    idle_timeout_seconds: float
    draining: bool
    engines: _containers.RepeatedCompositeFieldContainer[EngineStatus]
    def __init__(self, version: _Optional[str] = ..., pid: _Optional[int] = ..., generation: _Optional[str] = ..., uptime_seconds: _Optional[float] = ..., in_flight: _Optional[int] = ..., calls_total: _Optional[int] = ..., calls_failed: _Optional[int] = ..., sessions: _Optional[_Iterable[_Union[SessionStatus, _Mapping]]] = ..., clients: _Optional[_Iterable[_Union[ClientStatus, _Mapping]]] = ..., rss_bytes: _Optional[int] = ..., idle_timeout_seconds: _Optional[float] = ..., draining: bool = ..., engines: _Optional[_Iterable[_Union[EngineStatus, _Mapping]]] = ...) -> None: ...

class SessionStatus(_message.Message):
    __slots__ = ("client_name", "client_version", "pid", "in_flight", "leases")
    CLIENT_NAME_FIELD_NUMBER: _ClassVar[int]
    CLIENT_VERSION_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    LEASES_FIELD_NUMBER: _ClassVar[int]
    client_name: str
    client_version: str
    pid: int
    in_flight: int
    leases: int
    def __init__(self, client_name: _Optional[str] = ..., client_version: _Optional[str] = ..., pid: _Optional[int] = ..., in_flight: _Optional[int] = ..., leases: _Optional[int] = ...) -> None: ...

class ClientStatus(_message.Message):
    __slots__ = ("provider", "account", "base_url", "leases", "in_flight")
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    BASE_URL_FIELD_NUMBER: _ClassVar[int]
    LEASES_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    provider: str
    account: str
    base_url: str
    leases: int
    in_flight: int
    def __init__(self, provider: _Optional[str] = ..., account: _Optional[str] = ..., base_url: _Optional[str] = ..., leases: _Optional[int] = ..., in_flight: _Optional[int] = ...) -> None: ...

class EngineStatus(_message.Message):
    __slots__ = ("name", "pid", "models", "in_flight", "starts")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    STARTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    pid: int
    models: _containers.RepeatedScalarFieldContainer[str]
    in_flight: int
    starts: int
    def __init__(self, name: _Optional[str] = ..., pid: _Optional[int] = ..., models: _Optional[_Iterable[str]] = ..., in_flight: _Optional[int] = ..., starts: _Optional[int] = ...) -> None: ...

class ShutdownRequest(_message.Message):
    __slots__ = ("force", "new_token")
    FORCE_FIELD_NUMBER: _ClassVar[int]
    NEW_TOKEN_FIELD_NUMBER: _ClassVar[int]
    force: bool
    new_token: bool
    def __init__(self, force: bool = ..., new_token: bool = ...) -> None: ...

class ShutdownResponse(_message.Message):
    __slots__ = ("in_flight",)
    IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    in_flight: int
    def __init__(self, in_flight: _Optional[int] = ...) -> None: ...
