from modeld.v1 import config_pb2 as _config_pb2
from modeld.v1 import model_service_pb2 as _model_service_pb2
from modeld.v1 import output_pb2 as _output_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SessionSettings(_message.Message):
    __slots__ = ("model", "roles", "config")
    class RolesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: RoleModels
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[RoleModels, _Mapping]] = ...) -> None: ...
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ROLES_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    model: _model_service_pb2.ModelSpec
    roles: _containers.MessageMap[str, RoleModels]
    config: _config_pb2.GenerateConfig
    def __init__(self, model: _Optional[_Union[_model_service_pb2.ModelSpec, _Mapping]] = ..., roles: _Optional[_Mapping[str, RoleModels]] = ..., config: _Optional[_Union[_config_pb2.GenerateConfig, _Mapping]] = ...) -> None: ...

class RoleModels(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[_model_service_pb2.ModelSpec]
    def __init__(self, models: _Optional[_Iterable[_Union[_model_service_pb2.ModelSpec, _Mapping]]] = ...) -> None: ...

class NamedSession(_message.Message):
    __slots__ = ("name", "settings", "created", "changed", "model_usage", "role_usage")
    class ModelUsageEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: SessionUsage
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[SessionUsage, _Mapping]] = ...) -> None: ...
    class RoleUsageEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: SessionUsage
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[SessionUsage, _Mapping]] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    MODEL_USAGE_FIELD_NUMBER: _ClassVar[int]
    ROLE_USAGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    settings: SessionSettings
    created: float
    changed: float
    model_usage: _containers.MessageMap[str, SessionUsage]
    role_usage: _containers.MessageMap[str, SessionUsage]
    def __init__(self, name: _Optional[str] = ..., settings: _Optional[_Union[SessionSettings, _Mapping]] = ..., created: _Optional[float] = ..., changed: _Optional[float] = ..., model_usage: _Optional[_Mapping[str, SessionUsage]] = ..., role_usage: _Optional[_Mapping[str, SessionUsage]] = ...) -> None: ...

class SessionUsage(_message.Message):
    __slots__ = ("calls", "usage")
    CALLS_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    calls: int
    usage: _output_pb2.ModelUsage
    def __init__(self, calls: _Optional[int] = ..., usage: _Optional[_Union[_output_pb2.ModelUsage, _Mapping]] = ...) -> None: ...

class CreateSessionRequest(_message.Message):
    __slots__ = ("name", "settings")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    name: str
    settings: SessionSettings
    def __init__(self, name: _Optional[str] = ..., settings: _Optional[_Union[SessionSettings, _Mapping]] = ...) -> None: ...

class CreateSessionResponse(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: NamedSession
    def __init__(self, session: _Optional[_Union[NamedSession, _Mapping]] = ...) -> None: ...

class GetSessionRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetSessionResponse(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: NamedSession
    def __init__(self, session: _Optional[_Union[NamedSession, _Mapping]] = ...) -> None: ...

class ListSessionsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListSessionsResponse(_message.Message):
    __slots__ = ("sessions",)
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    sessions: _containers.RepeatedCompositeFieldContainer[NamedSession]
    def __init__(self, sessions: _Optional[_Iterable[_Union[NamedSession, _Mapping]]] = ...) -> None: ...

class UpdateSessionRequest(_message.Message):
    __slots__ = ("name", "settings", "since")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    settings: SessionSettings
    since: float
    def __init__(self, name: _Optional[str] = ..., settings: _Optional[_Union[SessionSettings, _Mapping]] = ..., since: _Optional[float] = ...) -> None: ...

class UpdateSessionResponse(_message.Message):
    __slots__ = ("session", "outdated")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    OUTDATED_FIELD_NUMBER: _ClassVar[int]
    session: NamedSession
    outdated: bool
    def __init__(self, session: _Optional[_Union[NamedSession, _Mapping]] = ..., outdated: bool = ...) -> None: ...

class DeleteSessionRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class DeleteSessionResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ResolveModelRequest(_message.Message):
    __slots__ = ("session", "role", "role_required", "model")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    ROLE_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    session: str
    role: str
    role_required: bool
    model: _model_service_pb2.ModelSpec
    def __init__(self, session: _Optional[str] = ..., role: _Optional[str] = ..., role_required: bool = ..., model: _Optional[_Union[_model_service_pb2.ModelSpec, _Mapping]] = ...) -> None: ...

class ResolveModelResponse(_message.Message):
    __slots__ = ("model", "role", "others", "bound")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    OTHERS_FIELD_NUMBER: _ClassVar[int]
    BOUND_FIELD_NUMBER: _ClassVar[int]
    model: _model_service_pb2.ModelSpec
    role: str
    others: _containers.RepeatedCompositeFieldContainer[_model_service_pb2.ModelSpec]
    bound: bool
    def __init__(self, model: _Optional[_Union[_model_service_pb2.ModelSpec, _Mapping]] = ..., role: _Optional[str] = ..., others: _Optional[_Iterable[_Union[_model_service_pb2.ModelSpec, _Mapping]]] = ..., bound: bool = ...) -> None: ...
