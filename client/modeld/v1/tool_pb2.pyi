from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ToolCallType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TOOL_CALL_TYPE_UNSPECIFIED: _ClassVar[ToolCallType]
    TOOL_CALL_TYPE_FUNCTION: _ClassVar[ToolCallType]
    TOOL_CALL_TYPE_CUSTOM: _ClassVar[ToolCallType]

class ToolCallContentFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TOOL_CALL_CONTENT_FORMAT_UNSPECIFIED: _ClassVar[ToolCallContentFormat]
    TOOL_CALL_CONTENT_FORMAT_TEXT: _ClassVar[ToolCallContentFormat]
    TOOL_CALL_CONTENT_FORMAT_MARKDOWN: _ClassVar[ToolCallContentFormat]

class ToolCallErrorType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TOOL_CALL_ERROR_TYPE_UNSPECIFIED: _ClassVar[ToolCallErrorType]
    TOOL_CALL_ERROR_TYPE_PARSING: _ClassVar[ToolCallErrorType]
    TOOL_CALL_ERROR_TYPE_TIMEOUT: _ClassVar[ToolCallErrorType]
    TOOL_CALL_ERROR_TYPE_UNICODE_DECODE: _ClassVar[ToolCallErrorType]
    TOOL_CALL_ERROR_TYPE_PERMISSION: _ClassVar[ToolCallErrorType]
    TOOL_CALL_ERROR_TYPE_FILE_NOT_FOUND: _ClassVar[ToolCallErrorType]
    TOOL_CALL_ERROR_TYPE_IS_A_DIRECTORY: _ClassVar[ToolCallErrorType]
    TOOL_CALL_ERROR_TYPE_LIMIT: _ClassVar[ToolCallErrorType]
    TOOL_CALL_ERROR_TYPE_APPROVAL: _ClassVar[ToolCallErrorType]
    TOOL_CALL_ERROR_TYPE_CANCELLED: _ClassVar[ToolCallErrorType]
    TOOL_CALL_ERROR_TYPE_SANDBOX_UNAVAILABLE: _ClassVar[ToolCallErrorType]
    TOOL_CALL_ERROR_TYPE_UNKNOWN: _ClassVar[ToolCallErrorType]
    TOOL_CALL_ERROR_TYPE_OUTPUT_LIMIT: _ClassVar[ToolCallErrorType]

class ToolChoiceMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TOOL_CHOICE_MODE_UNSPECIFIED: _ClassVar[ToolChoiceMode]
    TOOL_CHOICE_MODE_AUTO: _ClassVar[ToolChoiceMode]
    TOOL_CHOICE_MODE_ANY: _ClassVar[ToolChoiceMode]
    TOOL_CHOICE_MODE_NONE: _ClassVar[ToolChoiceMode]
TOOL_CALL_TYPE_UNSPECIFIED: ToolCallType
TOOL_CALL_TYPE_FUNCTION: ToolCallType
TOOL_CALL_TYPE_CUSTOM: ToolCallType
TOOL_CALL_CONTENT_FORMAT_UNSPECIFIED: ToolCallContentFormat
TOOL_CALL_CONTENT_FORMAT_TEXT: ToolCallContentFormat
TOOL_CALL_CONTENT_FORMAT_MARKDOWN: ToolCallContentFormat
TOOL_CALL_ERROR_TYPE_UNSPECIFIED: ToolCallErrorType
TOOL_CALL_ERROR_TYPE_PARSING: ToolCallErrorType
TOOL_CALL_ERROR_TYPE_TIMEOUT: ToolCallErrorType
TOOL_CALL_ERROR_TYPE_UNICODE_DECODE: ToolCallErrorType
TOOL_CALL_ERROR_TYPE_PERMISSION: ToolCallErrorType
TOOL_CALL_ERROR_TYPE_FILE_NOT_FOUND: ToolCallErrorType
TOOL_CALL_ERROR_TYPE_IS_A_DIRECTORY: ToolCallErrorType
TOOL_CALL_ERROR_TYPE_LIMIT: ToolCallErrorType
TOOL_CALL_ERROR_TYPE_APPROVAL: ToolCallErrorType
TOOL_CALL_ERROR_TYPE_CANCELLED: ToolCallErrorType
TOOL_CALL_ERROR_TYPE_SANDBOX_UNAVAILABLE: ToolCallErrorType
TOOL_CALL_ERROR_TYPE_UNKNOWN: ToolCallErrorType
TOOL_CALL_ERROR_TYPE_OUTPUT_LIMIT: ToolCallErrorType
TOOL_CHOICE_MODE_UNSPECIFIED: ToolChoiceMode
TOOL_CHOICE_MODE_AUTO: ToolChoiceMode
TOOL_CHOICE_MODE_ANY: ToolChoiceMode
TOOL_CHOICE_MODE_NONE: ToolChoiceMode

class ToolInfo(_message.Message):
    __slots__ = ("name", "description", "parameters_json", "options_json")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_JSON_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_JSON_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    parameters_json: str
    options_json: str
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., parameters_json: _Optional[str] = ..., options_json: _Optional[str] = ...) -> None: ...

class ToolCall(_message.Message):
    __slots__ = ("id", "function", "arguments_json", "parse_error", "view", "type")
    ID_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_JSON_FIELD_NUMBER: _ClassVar[int]
    PARSE_ERROR_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    id: str
    function: str
    arguments_json: str
    parse_error: str
    view: ToolCallContent
    type: ToolCallType
    def __init__(self, id: _Optional[str] = ..., function: _Optional[str] = ..., arguments_json: _Optional[str] = ..., parse_error: _Optional[str] = ..., view: _Optional[_Union[ToolCallContent, _Mapping]] = ..., type: _Optional[_Union[ToolCallType, str]] = ...) -> None: ...

class ToolCallContent(_message.Message):
    __slots__ = ("title", "format", "content")
    TITLE_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    title: str
    format: ToolCallContentFormat
    content: str
    def __init__(self, title: _Optional[str] = ..., format: _Optional[_Union[ToolCallContentFormat, str]] = ..., content: _Optional[str] = ...) -> None: ...

class ToolCallError(_message.Message):
    __slots__ = ("type", "message")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    type: ToolCallErrorType
    message: str
    def __init__(self, type: _Optional[_Union[ToolCallErrorType, str]] = ..., message: _Optional[str] = ...) -> None: ...

class ToolChoice(_message.Message):
    __slots__ = ("mode", "function")
    MODE_FIELD_NUMBER: _ClassVar[int]
    FUNCTION_FIELD_NUMBER: _ClassVar[int]
    mode: ToolChoiceMode
    function: str
    def __init__(self, mode: _Optional[_Union[ToolChoiceMode, str]] = ..., function: _Optional[str] = ...) -> None: ...
