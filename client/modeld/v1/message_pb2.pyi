from modeld.v1 import content_pb2 as _content_pb2
from modeld.v1 import tool_pb2 as _tool_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Role(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROLE_UNSPECIFIED: _ClassVar[Role]
    ROLE_SYSTEM: _ClassVar[Role]
    ROLE_USER: _ClassVar[Role]
    ROLE_ASSISTANT: _ClassVar[Role]
    ROLE_TOOL: _ClassVar[Role]

class MessageSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MESSAGE_SOURCE_UNSPECIFIED: _ClassVar[MessageSource]
    MESSAGE_SOURCE_INPUT: _ClassVar[MessageSource]
    MESSAGE_SOURCE_GENERATE: _ClassVar[MessageSource]
    MESSAGE_SOURCE_OPERATOR: _ClassVar[MessageSource]
ROLE_UNSPECIFIED: Role
ROLE_SYSTEM: Role
ROLE_USER: Role
ROLE_ASSISTANT: Role
ROLE_TOOL: Role
MESSAGE_SOURCE_UNSPECIFIED: MessageSource
MESSAGE_SOURCE_INPUT: MessageSource
MESSAGE_SOURCE_GENERATE: MessageSource
MESSAGE_SOURCE_OPERATOR: MessageSource

class ChatMessage(_message.Message):
    __slots__ = ("role", "text", "parts", "id", "source", "metadata_json", "tool_calls", "model", "tool_call_id", "function", "error", "moved_tool_call_ids")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    METADATA_JSON_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALLS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALL_ID_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    MOVED_TOOL_CALL_IDS_FIELD_NUMBER: _ClassVar[int]
    role: Role
    text: str
    parts: _content_pb2.ContentParts
    id: str
    source: MessageSource
    metadata_json: str
    tool_calls: _containers.RepeatedCompositeFieldContainer[_tool_pb2.ToolCall]
    model: str
    tool_call_id: str
    function: str
    error: _tool_pb2.ToolCallError
    moved_tool_call_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, role: _Optional[_Union[Role, str]] = ..., text: _Optional[str] = ..., parts: _Optional[_Union[_content_pb2.ContentParts, _Mapping]] = ..., id: _Optional[str] = ..., source: _Optional[_Union[MessageSource, str]] = ..., metadata_json: _Optional[str] = ..., tool_calls: _Optional[_Iterable[_Union[_tool_pb2.ToolCall, _Mapping]]] = ..., model: _Optional[str] = ..., tool_call_id: _Optional[str] = ..., function: _Optional[str] = ..., error: _Optional[_Union[_tool_pb2.ToolCallError, _Mapping]] = ..., moved_tool_call_ids: _Optional[_Iterable[str]] = ...) -> None: ...
