from modeld.v1 import config_pb2 as _config_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ModelSpec(_message.Message):
    __slots__ = ("name", "base_url", "api_key", "args_json", "config")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BASE_URL_FIELD_NUMBER: _ClassVar[int]
    API_KEY_FIELD_NUMBER: _ClassVar[int]
    ARGS_JSON_FIELD_NUMBER: _ClassVar[int]
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    name: str
    base_url: str
    api_key: str
    args_json: str
    config: _config_pb2.GenerateConfig
    def __init__(self, name: _Optional[str] = ..., base_url: _Optional[str] = ..., api_key: _Optional[str] = ..., args_json: _Optional[str] = ..., config: _Optional[_Union[_config_pb2.GenerateConfig, _Mapping]] = ...) -> None: ...

class OpenModelRequest(_message.Message):
    __slots__ = ("model", "session", "role", "role_required")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    ROLE_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    model: ModelSpec
    session: str
    role: str
    role_required: bool
    def __init__(self, model: _Optional[_Union[ModelSpec, _Mapping]] = ..., session: _Optional[str] = ..., role: _Optional[str] = ..., role_required: bool = ...) -> None: ...

class OpenModelResponse(_message.Message):
    __slots__ = ("handle", "need_environment", "environment", "provider", "account", "base_url", "stateful", "model")
    HANDLE_FIELD_NUMBER: _ClassVar[int]
    NEED_ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    BASE_URL_FIELD_NUMBER: _ClassVar[int]
    STATEFUL_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    handle: str
    need_environment: _containers.RepeatedScalarFieldContainer[str]
    environment: _containers.RepeatedScalarFieldContainer[str]
    provider: str
    account: str
    base_url: str
    stateful: bool
    model: str
    def __init__(self, handle: _Optional[str] = ..., need_environment: _Optional[_Iterable[str]] = ..., environment: _Optional[_Iterable[str]] = ..., provider: _Optional[str] = ..., account: _Optional[str] = ..., base_url: _Optional[str] = ..., stateful: bool = ..., model: _Optional[str] = ...) -> None: ...

class CloseModelRequest(_message.Message):
    __slots__ = ("handle",)
    HANDLE_FIELD_NUMBER: _ClassVar[int]
    handle: str
    def __init__(self, handle: _Optional[str] = ...) -> None: ...

class CloseModelResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ("provider", "ask_server", "environment")
    class EnvironmentEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PROVIDER_FIELD_NUMBER: _ClassVar[int]
    ASK_SERVER_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    provider: str
    ask_server: bool
    environment: _containers.ScalarMap[str, str]
    def __init__(self, provider: _Optional[str] = ..., ask_server: bool = ..., environment: _Optional[_Mapping[str, str]] = ...) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models", "need_environment")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    NEED_ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[ModelDescription]
    need_environment: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, models: _Optional[_Iterable[_Union[ModelDescription, _Mapping]]] = ..., need_environment: _Optional[_Iterable[str]] = ...) -> None: ...

class ModelDescription(_message.Message):
    __slots__ = ("name", "size_bytes", "available", "loaded", "description")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    LOADED_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    name: str
    size_bytes: int
    available: bool
    loaded: bool
    description: str
    def __init__(self, name: _Optional[str] = ..., size_bytes: _Optional[int] = ..., available: bool = ..., loaded: bool = ..., description: _Optional[str] = ...) -> None: ...

class ListProvidersRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListProvidersResponse(_message.Message):
    __slots__ = ("providers",)
    PROVIDERS_FIELD_NUMBER: _ClassVar[int]
    providers: _containers.RepeatedCompositeFieldContainer[ProviderDescription]
    def __init__(self, providers: _Optional[_Iterable[_Union[ProviderDescription, _Mapping]]] = ...) -> None: ...

class ProviderDescription(_message.Message):
    __slots__ = ("name", "description", "installed", "install_hint", "key_variables", "base_url_variables", "default_base_url", "key_required", "key_configured", "configured_base_url", "features", "credential_variables", "base_url_required")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    INSTALLED_FIELD_NUMBER: _ClassVar[int]
    INSTALL_HINT_FIELD_NUMBER: _ClassVar[int]
    KEY_VARIABLES_FIELD_NUMBER: _ClassVar[int]
    BASE_URL_VARIABLES_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_BASE_URL_FIELD_NUMBER: _ClassVar[int]
    KEY_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    KEY_CONFIGURED_FIELD_NUMBER: _ClassVar[int]
    CONFIGURED_BASE_URL_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_VARIABLES_FIELD_NUMBER: _ClassVar[int]
    BASE_URL_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    installed: bool
    install_hint: str
    key_variables: _containers.RepeatedScalarFieldContainer[str]
    base_url_variables: _containers.RepeatedScalarFieldContainer[str]
    default_base_url: str
    key_required: bool
    key_configured: bool
    configured_base_url: str
    features: _containers.RepeatedScalarFieldContainer[str]
    credential_variables: _containers.RepeatedScalarFieldContainer[str]
    base_url_required: bool
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., installed: bool = ..., install_hint: _Optional[str] = ..., key_variables: _Optional[_Iterable[str]] = ..., base_url_variables: _Optional[_Iterable[str]] = ..., default_base_url: _Optional[str] = ..., key_required: bool = ..., key_configured: bool = ..., configured_base_url: _Optional[str] = ..., features: _Optional[_Iterable[str]] = ..., credential_variables: _Optional[_Iterable[str]] = ..., base_url_required: bool = ...) -> None: ...
