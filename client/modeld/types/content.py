"""What messages are made of: text, reasoning, media, provider blocks and citations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast

from .jsonable import JsonObject, JsonValue
from .value import Value, union_from_dict

ImageDetail: TypeAlias = Literal["auto", "low", "high", "original"]
AudioFormat: TypeAlias = Literal["wav", "mp3"]
VideoFormat: TypeAlias = Literal["mp4", "mpeg", "mov"]
DocumentRangeType: TypeAlias = Literal["block", "page", "char"]
ServerToolType: TypeAlias = Literal["web_search", "mcp_call", "code_execution"]

# The standard library's mimetypes module reads system files; this is what models take.
_MEDIA_TYPES = {
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "gif": "image/gif",
    "htm": "text/html",
    "html": "text/html",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "json": "application/json",
    "md": "text/markdown",
    "pdf": "application/pdf",
    "png": "image/png",
    "ppt": "application/vnd.ms-powerpoint",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "py": "text/x-python",
    "rtf": "application/rtf",
    "tsv": "text/tab-separated-values",
    "txt": "text/plain",
    "webp": "image/webp",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xml": "application/xml",
}
_UNKNOWN_MEDIA_TYPE = "application/octet-stream"


@dataclass(slots=True, eq=False, repr=False)
class CitationBase:
    """What all citations have."""

    cited_text: str | tuple[int, int] | None = field(default=None, kw_only=True)
    """The passage, or [start, end) of the statement in the message's own text (characters)."""
    title: str | None = field(default=None, kw_only=True)
    """Title of the source."""
    internal: JsonObject | None = field(default=None, kw_only=True)
    """Round-trip data of the provider."""


@dataclass(slots=True, eq=False, repr=False)
class ContentCitation(CitationBase, Value):
    """Citation of a content block of the conversation."""

    type: Literal["content"] = field(default="content", kw_only=True)


@dataclass(slots=True, eq=False, repr=False)
class DocumentRange(Value):
    """A range in a document; indices count blocks, pages or characters from 0."""

    type: DocumentRangeType
    start_index: int
    end_index: int


@dataclass(slots=True, eq=False, repr=False)
class DocumentCitation(CitationBase, Value):
    """Citation of a document of the conversation."""

    type: Literal["document"] = field(default="document", kw_only=True)
    range: DocumentRange | None = field(default=None, kw_only=True)


@dataclass(slots=True, eq=False, repr=False)
class UrlCitation(CitationBase, Value):
    """Citation of a page of the web."""

    url: str
    type: Literal["url"] = field(default="url", kw_only=True)


Citation: TypeAlias = ContentCitation | DocumentCitation | UrlCitation
"""Where a statement comes from; told apart by `type`."""


@dataclass(slots=True, eq=False, repr=False)
class ContentBase:
    """What all content has."""

    internal: JsonValue | None = field(default=None, kw_only=True)
    """Round-trip data of the provider: opaque, sent back as it came."""


@dataclass(slots=True, eq=False, repr=False)
class ContentText(ContentBase, Value):
    """Plain text."""

    text: str
    refusal: bool | None = field(default=None, kw_only=True)
    """Whether the text is a refusal; None when the provider does not say."""
    citations: list[Citation] | None = field(default=None, kw_only=True)
    cache_breakpoint: bool | None = field(default=None, kw_only=True)
    """Whether the provider's prompt cache should have a mark after this part."""
    type: Literal["text"] = field(default="text", kw_only=True)


@dataclass(slots=True, eq=False, repr=False)
class ContentReasoning(ContentBase, Value):
    """Thoughts of a reasoning model."""

    reasoning: str
    summary: str | None = field(default=None, kw_only=True)
    signature: str | None = field(default=None, kw_only=True)
    """Proof of origin, to be sent back byte for byte."""
    redacted: bool = field(default=False, kw_only=True)
    """Whether the thoughts are encrypted or withheld."""
    type: Literal["reasoning"] = field(default="reasoning", kw_only=True)

    @property
    def text(self) -> str:
        """The thoughts as tagged text; the summary, if any, when they are redacted."""
        thoughts = (self.summary or "") if self.redacted else self.reasoning
        return f"<think>{thoughts}</think>"


@dataclass(slots=True, eq=False, repr=False)
class ContentImage(ContentBase, Value):
    """A picture."""

    image: str
    """data: URI, URL or path."""
    detail: ImageDetail = field(default="auto", kw_only=True)
    type: Literal["image"] = field(default="image", kw_only=True)


@dataclass(slots=True, eq=False, repr=False)
class ContentAudio(ContentBase, Value):
    """A sound clip."""

    audio: str
    """data: URI, URL or path."""
    format: AudioFormat
    type: Literal["audio"] = field(default="audio", kw_only=True)


@dataclass(slots=True, eq=False, repr=False)
class ContentVideo(ContentBase, Value):
    """A film clip."""

    video: str
    """data: URI, URL or path."""
    format: VideoFormat
    type: Literal["video"] = field(default="video", kw_only=True)


@dataclass(slots=True, eq=False, repr=False)
class ContentDocument(ContentBase, Value):
    """A document such as a PDF file. Name and media type are derived when not given."""

    document: str
    """data: URI, URL or path."""
    filename: str = field(default="", kw_only=True)
    mime_type: str = field(default="", kw_only=True)
    citations: bool = field(default=False, kw_only=True)
    """Whether the model should cite it."""
    type: Literal["document"] = field(default="document", kw_only=True)

    def __post_init__(self) -> None:
        if not self.document:
            return
        if self.document.startswith("data:"):
            self.mime_type = self.mime_type or _data_uri_media_type(self.document)
            self.filename = self.filename or f"document.{self.mime_type.rpartition('/')[2]}"
        else:
            self.filename = self.filename or self.document.replace("\\", "/").rpartition("/")[2]
            self.mime_type = self.mime_type or _guess_media_type(self.document)


@dataclass(slots=True, eq=False, repr=False)
class ContentData(ContentBase, Value):
    """A provider block that has no class here; kept as it came."""

    data: JsonObject
    type: Literal["data"] = field(default="data", kw_only=True)


@dataclass(slots=True, eq=False, repr=False)
class ContentToolUse(ContentBase, Value):
    """A tool call that the provider itself ran; the client does not run it."""

    tool_type: ServerToolType = field(kw_only=True)
    id: str = field(kw_only=True)
    name: str = field(kw_only=True)
    context: str | None = field(default=None, kw_only=True)
    """Where the tool lives, such as the label of an MCP server."""
    arguments: str = field(kw_only=True)
    result: str = field(kw_only=True)
    error: str | None = field(default=None, kw_only=True)
    type: Literal["tool_use"] = field(default="tool_use", kw_only=True)


Content: TypeAlias = (
    ContentText
    | ContentReasoning
    | ContentImage
    | ContentAudio
    | ContentVideo
    | ContentDocument
    | ContentData
    | ContentToolUse
)
"""One part of a message; told apart by `type`."""

CONTENT_TYPES = (
    ContentText,
    ContentReasoning,
    ContentImage,
    ContentAudio,
    ContentVideo,
    ContentDocument,
    ContentData,
    ContentToolUse,
)


def content_from_dict(data: JsonObject) -> Content:
    """The content whose class `data["type"]` names."""
    return cast("Content", union_from_dict("Content", CONTENT_TYPES, data))


def citation_from_dict(data: JsonObject) -> Citation:
    """The citation whose class `data["type"]` names."""
    return cast(
        "Citation",
        union_from_dict("Citation", (ContentCitation, DocumentCitation, UrlCitation), data),
    )


def _data_uri_media_type(uri: str) -> str:
    head = uri[len("data:") :].partition(",")[0]
    return head.partition(";")[0] or _UNKNOWN_MEDIA_TYPE


def _guess_media_type(path: str) -> str:
    bare = path.partition("?")[0] if "://" in path else path
    return _MEDIA_TYPES.get(bare.rpartition(".")[2].lower(), _UNKNOWN_MEDIA_TYPE)
