from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class LaneLimits(_message.Message):
    __slots__ = ("id", "model", "account", "base_url", "limit", "limit_reason", "in_use", "queued", "queued_bytes", "sessions", "rates", "reserved_tokens", "paused_seconds", "pause_reason", "attempts", "succeeded", "limited", "failed", "history")
    ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ACCOUNT_FIELD_NUMBER: _ClassVar[int]
    BASE_URL_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_REASON_FIELD_NUMBER: _ClassVar[int]
    IN_USE_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    QUEUED_BYTES_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    RATES_FIELD_NUMBER: _ClassVar[int]
    RESERVED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    PAUSED_SECONDS_FIELD_NUMBER: _ClassVar[int]
    PAUSE_REASON_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    SUCCEEDED_FIELD_NUMBER: _ClassVar[int]
    LIMITED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    id: str
    model: str
    account: str
    base_url: str
    limit: int
    limit_reason: str
    in_use: int
    queued: int
    queued_bytes: int
    sessions: int
    rates: _containers.RepeatedCompositeFieldContainer[RateLimit]
    reserved_tokens: float
    paused_seconds: float
    pause_reason: str
    attempts: int
    succeeded: int
    limited: int
    failed: int
    history: _containers.RepeatedCompositeFieldContainer[LimitChange]
    def __init__(self, id: _Optional[str] = ..., model: _Optional[str] = ..., account: _Optional[str] = ..., base_url: _Optional[str] = ..., limit: _Optional[int] = ..., limit_reason: _Optional[str] = ..., in_use: _Optional[int] = ..., queued: _Optional[int] = ..., queued_bytes: _Optional[int] = ..., sessions: _Optional[int] = ..., rates: _Optional[_Iterable[_Union[RateLimit, _Mapping]]] = ..., reserved_tokens: _Optional[float] = ..., paused_seconds: _Optional[float] = ..., pause_reason: _Optional[str] = ..., attempts: _Optional[int] = ..., succeeded: _Optional[int] = ..., limited: _Optional[int] = ..., failed: _Optional[int] = ..., history: _Optional[_Iterable[_Union[LimitChange, _Mapping]]] = ...) -> None: ...

class RateLimit(_message.Message):
    __slots__ = ("name", "per_minute", "used", "available", "source")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    USED_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    per_minute: float
    used: float
    available: float
    source: str
    def __init__(self, name: _Optional[str] = ..., per_minute: _Optional[float] = ..., used: _Optional[float] = ..., available: _Optional[float] = ..., source: _Optional[str] = ...) -> None: ...

class LimitChange(_message.Message):
    __slots__ = ("seconds_ago", "old", "new", "reason")
    SECONDS_AGO_FIELD_NUMBER: _ClassVar[int]
    OLD_FIELD_NUMBER: _ClassVar[int]
    NEW_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    seconds_ago: float
    old: int
    new: int
    reason: str
    def __init__(self, seconds_ago: _Optional[float] = ..., old: _Optional[int] = ..., new: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class LaneSettings(_message.Message):
    __slots__ = ("max_connections", "requests_per_minute", "tokens_per_minute")
    MAX_CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    TOKENS_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    max_connections: int
    requests_per_minute: float
    tokens_per_minute: float
    def __init__(self, max_connections: _Optional[int] = ..., requests_per_minute: _Optional[float] = ..., tokens_per_minute: _Optional[float] = ...) -> None: ...

class ListLimitsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListLimitsResponse(_message.Message):
    __slots__ = ("lanes",)
    LANES_FIELD_NUMBER: _ClassVar[int]
    lanes: _containers.RepeatedCompositeFieldContainer[LaneLimits]
    def __init__(self, lanes: _Optional[_Iterable[_Union[LaneLimits, _Mapping]]] = ...) -> None: ...

class SetLimitsRequest(_message.Message):
    __slots__ = ("lane", "settings")
    LANE_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    lane: str
    settings: LaneSettings
    def __init__(self, lane: _Optional[str] = ..., settings: _Optional[_Union[LaneSettings, _Mapping]] = ...) -> None: ...

class SetLimitsResponse(_message.Message):
    __slots__ = ("lanes",)
    LANES_FIELD_NUMBER: _ClassVar[int]
    lanes: _containers.RepeatedCompositeFieldContainer[LaneLimits]
    def __init__(self, lanes: _Optional[_Iterable[_Union[LaneLimits, _Mapping]]] = ...) -> None: ...

class WatchLimitsRequest(_message.Message):
    __slots__ = ("interval_seconds",)
    INTERVAL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    interval_seconds: float
    def __init__(self, interval_seconds: _Optional[float] = ...) -> None: ...

class WatchLimitsResponse(_message.Message):
    __slots__ = ("lanes", "removed")
    LANES_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    lanes: _containers.RepeatedCompositeFieldContainer[LaneLimits]
    removed: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, lanes: _Optional[_Iterable[_Union[LaneLimits, _Mapping]]] = ..., removed: _Optional[_Iterable[str]] = ...) -> None: ...
