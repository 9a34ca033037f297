from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ImageDetail(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    IMAGE_DETAIL_UNSPECIFIED: _ClassVar[ImageDetail]
    IMAGE_DETAIL_AUTO: _ClassVar[ImageDetail]
    IMAGE_DETAIL_LOW: _ClassVar[ImageDetail]
    IMAGE_DETAIL_HIGH: _ClassVar[ImageDetail]
    IMAGE_DETAIL_ORIGINAL: _ClassVar[ImageDetail]

class AudioFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AUDIO_FORMAT_UNSPECIFIED: _ClassVar[AudioFormat]
    AUDIO_FORMAT_WAV: _ClassVar[AudioFormat]
    AUDIO_FORMAT_MP3: _ClassVar[AudioFormat]

class VideoFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VIDEO_FORMAT_UNSPECIFIED: _ClassVar[VideoFormat]
    VIDEO_FORMAT_MP4: _ClassVar[VideoFormat]
    VIDEO_FORMAT_MPEG: _ClassVar[VideoFormat]
    VIDEO_FORMAT_MOV: _ClassVar[VideoFormat]

class DocumentRangeType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DOCUMENT_RANGE_TYPE_UNSPECIFIED: _ClassVar[DocumentRangeType]
    DOCUMENT_RANGE_TYPE_BLOCK: _ClassVar[DocumentRangeType]
    DOCUMENT_RANGE_TYPE_PAGE: _ClassVar[DocumentRangeType]
    DOCUMENT_RANGE_TYPE_CHAR: _ClassVar[DocumentRangeType]

class ServerToolType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SERVER_TOOL_TYPE_UNSPECIFIED: _ClassVar[ServerToolType]
    SERVER_TOOL_TYPE_WEB_SEARCH: _ClassVar[ServerToolType]
    SERVER_TOOL_TYPE_MCP_CALL: _ClassVar[ServerToolType]
    SERVER_TOOL_TYPE_CODE_EXECUTION: _ClassVar[ServerToolType]
IMAGE_DETAIL_UNSPECIFIED: ImageDetail
IMAGE_DETAIL_AUTO: ImageDetail
IMAGE_DETAIL_LOW: ImageDetail
IMAGE_DETAIL_HIGH: ImageDetail
IMAGE_DETAIL_ORIGINAL: ImageDetail
AUDIO_FORMAT_UNSPECIFIED: AudioFormat
AUDIO_FORMAT_WAV: AudioFormat
AUDIO_FORMAT_MP3: AudioFormat
VIDEO_FORMAT_UNSPECIFIED: VideoFormat
VIDEO_FORMAT_MP4: VideoFormat
VIDEO_FORMAT_MPEG: VideoFormat
VIDEO_FORMAT_MOV: VideoFormat
DOCUMENT_RANGE_TYPE_UNSPECIFIED: DocumentRangeType
DOCUMENT_RANGE_TYPE_BLOCK: DocumentRangeType
DOCUMENT_RANGE_TYPE_PAGE: DocumentRangeType
DOCUMENT_RANGE_TYPE_CHAR: DocumentRangeType
SERVER_TOOL_TYPE_UNSPECIFIED: ServerToolType
SERVER_TOOL_TYPE_WEB_SEARCH: ServerToolType
SERVER_TOOL_TYPE_MCP_CALL: ServerToolType
SERVER_TOOL_TYPE_CODE_EXECUTION: ServerToolType

class Content(_message.Message):
    __slots__ = ("text", "reasoning", "image", "audio", "video", "document", "data", "tool_use", "internal_json")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    REASONING_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    TOOL_USE_FIELD_NUMBER: _ClassVar[int]
    INTERNAL_JSON_FIELD_NUMBER: _ClassVar[int]
    text: ContentText
    reasoning: ContentReasoning
    image: ContentImage
    audio: ContentAudio
    video: ContentVideo
    document: ContentDocument
    data: ContentData
    tool_use: ContentToolUse
    internal_json: str
    def __init__(self, text: _Optional[_Union[ContentText, _Mapping]] = ..., reasoning: _Optional[_Union[ContentReasoning, _Mapping]] = ..., image: _Optional[_Union[ContentImage, _Mapping]] = ..., audio: _Optional[_Union[ContentAudio, _Mapping]] = ..., video: _Optional[_Union[ContentVideo, _Mapping]] = ..., document: _Optional[_Union[ContentDocument, _Mapping]] = ..., data: _Optional[_Union[ContentData, _Mapping]] = ..., tool_use: _Optional[_Union[ContentToolUse, _Mapping]] = ..., internal_json: _Optional[str] = ...) -> None: ...

class ContentParts(_message.Message):
    __slots__ = ("parts",)
    PARTS_FIELD_NUMBER: _ClassVar[int]
    parts: _containers.RepeatedCompositeFieldContainer[Content]
    def __init__(self, parts: _Optional[_Iterable[_Union[Content, _Mapping]]] = ...) -> None: ...

class ContentText(_message.Message):
    __slots__ = ("text", "refusal", "citations", "cache_breakpoint")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    CITATIONS_FIELD_NUMBER: _ClassVar[int]
    CACHE_BREAKPOINT_FIELD_NUMBER: _ClassVar[int]
    text: str
    refusal: bool
    citations: _containers.RepeatedCompositeFieldContainer[Citation]
    cache_breakpoint: bool
    def __init__(self, text: _Optional[str] = ..., refusal: bool = ..., citations: _Optional[_Iterable[_Union[Citation, _Mapping]]] = ..., cache_breakpoint: bool = ...) -> None: ...

class ContentReasoning(_message.Message):
    __slots__ = ("reasoning", "summary", "signature", "redacted")
    REASONING_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    REDACTED_FIELD_NUMBER: _ClassVar[int]
    reasoning: str
    summary: str
    signature: str
    redacted: bool
    def __init__(self, reasoning: _Optional[str] = ..., summary: _Optional[str] = ..., signature: _Optional[str] = ..., redacted: bool = ...) -> None: ...

class ContentImage(_message.Message):
    __slots__ = ("image", "detail")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    image: str
    detail: ImageDetail
    def __init__(self, image: _Optional[str] = ..., detail: _Optional[_Union[ImageDetail, str]] = ...) -> None: ...

class ContentAudio(_message.Message):
    __slots__ = ("audio", "format")
    AUDIO_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    audio: str
    format: AudioFormat
    def __init__(self, audio: _Optional[str] = ..., format: _Optional[_Union[AudioFormat, str]] = ...) -> None: ...

class ContentVideo(_message.Message):
    __slots__ = ("video", "format")
    VIDEO_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    video: str
    format: VideoFormat
    def __init__(self, video: _Optional[str] = ..., format: _Optional[_Union[VideoFormat, str]] = ...) -> None: ...

class ContentDocument(_message.Message):
    __slots__ = ("document", "filename", "mime_type", "citations")
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    FILENAME_FIELD_NUMBER: _ClassVar[int]
    MIME_TYPE_FIELD_NUMBER: _ClassVar[int]
    CITATIONS_FIELD_NUMBER: _ClassVar[int]
    document: str
    filename: str
    mime_type: str
    citations: bool
    def __init__(self, document: _Optional[str] = ..., filename: _Optional[str] = ..., mime_type: _Optional[str] = ..., citations: bool = ...) -> None: ...

class ContentData(_message.Message):
    __slots__ = ("data_json",)
    DATA_JSON_FIELD_NUMBER: _ClassVar[int]
    data_json: str
    def __init__(self, data_json: _Optional[str] = ...) -> None: ...

class ContentToolUse(_message.Message):
    __slots__ = ("tool_type", "id", "name", "context", "arguments", "result", "error")
    TOOL_TYPE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    tool_type: ServerToolType
    id: str
    name: str
    context: str
    arguments: str
    result: str
    error: str
    def __init__(self, tool_type: _Optional[_Union[ServerToolType, str]] = ..., id: _Optional[str] = ..., name: _Optional[str] = ..., context: _Optional[str] = ..., arguments: _Optional[str] = ..., result: _Optional[str] = ..., error: _Optional[str] = ...) -> None: ...

class Citation(_message.Message):
    __slots__ = ("cited_text", "cited_range", "title", "internal_json", "content", "document", "url")
    CITED_TEXT_FIELD_NUMBER: _ClassVar[int]
    CITED_RANGE_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    INTERNAL_JSON_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    cited_text: str
    cited_range: TextRange
    title: str
    internal_json: str
    content: ContentCitation
    document: DocumentCitation
    url: UrlCitation
    def __init__(self, cited_text: _Optional[str] = ..., cited_range: _Optional[_Union[TextRange, _Mapping]] = ..., title: _Optional[str] = ..., internal_json: _Optional[str] = ..., content: _Optional[_Union[ContentCitation, _Mapping]] = ..., document: _Optional[_Union[DocumentCitation, _Mapping]] = ..., url: _Optional[_Union[UrlCitation, _Mapping]] = ...) -> None: ...

class TextRange(_message.Message):
    __slots__ = ("start", "end")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    start: int
    end: int
    def __init__(self, start: _Optional[int] = ..., end: _Optional[int] = ...) -> None: ...

class ContentCitation(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DocumentCitation(_message.Message):
    __slots__ = ("range",)
    RANGE_FIELD_NUMBER: _ClassVar[int]
    range: DocumentRange
    def __init__(self, range: _Optional[_Union[DocumentRange, _Mapping]] = ...) -> None: ...

class DocumentRange(_message.Message):
    __slots__ = ("type", "start_index", "end_index")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    START_INDEX_FIELD_NUMBER: _ClassVar[int]
    END_INDEX_FIELD_NUMBER: _ClassVar[int]
    type: DocumentRangeType
    start_index: int
    end_index: int
    def __init__(self, type: _Optional[_Union[DocumentRangeType, str]] = ..., start_index: _Optional[int] = ..., end_index: _Optional[int] = ...) -> None: ...

class UrlCitation(_message.Message):
    __slots__ = ("url",)
    URL_FIELD_NUMBER: _ClassVar[int]
    url: str
    def __init__(self, url: _Optional[str] = ...) -> None: ...
