from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CachedModel(_message.Message):
    __slots__ = ("model", "entries", "size_bytes", "expired", "expired_bytes", "oldest", "newest")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_BYTES_FIELD_NUMBER: _ClassVar[int]
    OLDEST_FIELD_NUMBER: _ClassVar[int]
    NEWEST_FIELD_NUMBER: _ClassVar[int]
    model: str
    entries: int
    size_bytes: int
    expired: int
    expired_bytes: int
    oldest: float
    newest: float
    def __init__(self, model: _Optional[str] = ..., entries: _Optional[int] = ..., size_bytes: _Optional[int] = ..., expired: _Optional[int] = ..., expired_bytes: _Optional[int] = ..., oldest: _Optional[float] = ..., newest: _Optional[float] = ...) -> None: ...

class GetCacheStatisticsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetCacheStatisticsResponse(_message.Message):
    __slots__ = ("path", "entries", "size_bytes", "max_size_bytes", "expired", "hits", "misses", "stored", "evicted", "trouble")
    PATH_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    EXPIRED_FIELD_NUMBER: _ClassVar[int]
    HITS_FIELD_NUMBER: _ClassVar[int]
    MISSES_FIELD_NUMBER: _ClassVar[int]
    STORED_FIELD_NUMBER: _ClassVar[int]
    EVICTED_FIELD_NUMBER: _ClassVar[int]
    TROUBLE_FIELD_NUMBER: _ClassVar[int]
    path: str
    entries: int
    size_bytes: int
    max_size_bytes: int
    expired: int
    hits: int
    misses: int
    stored: int
    evicted: int
    trouble: str
    def __init__(self, path: _Optional[str] = ..., entries: _Optional[int] = ..., size_bytes: _Optional[int] = ..., max_size_bytes: _Optional[int] = ..., expired: _Optional[int] = ..., hits: _Optional[int] = ..., misses: _Optional[int] = ..., stored: _Optional[int] = ..., evicted: _Optional[int] = ..., trouble: _Optional[str] = ...) -> None: ...

class ListCacheRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListCacheResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[CachedModel]
    def __init__(self, models: _Optional[_Iterable[_Union[CachedModel, _Mapping]]] = ...) -> None: ...

class ClearCacheRequest(_message.Message):
    __slots__ = ("models", "older_seconds")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    OLDER_SECONDS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedScalarFieldContainer[str]
    older_seconds: float
    def __init__(self, models: _Optional[_Iterable[str]] = ..., older_seconds: _Optional[float] = ...) -> None: ...

class ClearCacheResponse(_message.Message):
    __slots__ = ("entries", "size_bytes")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    entries: int
    size_bytes: int
    def __init__(self, entries: _Optional[int] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class PruneCacheRequest(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, models: _Optional[_Iterable[str]] = ...) -> None: ...

class PruneCacheResponse(_message.Message):
    __slots__ = ("entries", "size_bytes")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    entries: int
    size_bytes: int
    def __init__(self, entries: _Optional[int] = ..., size_bytes: _Optional[int] = ...) -> None: ...
