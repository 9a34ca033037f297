from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class ModelCall(_message.Message):
    __slots__ = ("request_json", "response_json", "error", "time")
    REQUEST_JSON_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_JSON_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    request_json: str
    response_json: str
    error: bool
    time: float
    def __init__(self, request_json: _Optional[str] = ..., response_json: _Optional[str] = ..., error: bool = ..., time: _Optional[float] = ...) -> None: ...
