"""Content and citations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modeld.v1 import content_pb2 as pb

from ..types import (
    Citation,
    Content,
    ContentAudio,
    ContentCitation,
    ContentData,
    ContentDocument,
    ContentImage,
    ContentReasoning,
    ContentText,
    ContentToolUse,
    ContentVideo,
    DocumentCitation,
    DocumentRange,
    UrlCitation,
)
from . import enums
from .jsontext import dump, dump_object, load, load_object
from .naming import build, unknown


def content_to_proto(part: Content) -> pb.Content:
    """One part of a message."""
    return build(pb.Content(), fill_content, part, "content")


def content_from_proto(proto: pb.Content) -> Content:
    """One part of a message."""
    kind = proto.WhichOneof("kind")
    if kind is None:
        unknown("Content.kind", kind)
    part = _READ[kind](getattr(proto, kind))
    if proto.HasField("internal_json"):
        part.internal = load(proto.internal_json, "Content.internal_json")
    return part


def fill_content(out: pb.Content, part: Content) -> None:
    """Write a part into an empty message."""
    _FILL[part.type](getattr(out, part.type), part)
    if part.internal is not None:
        out.internal_json = dump(part.internal)


def _fill_text(out: pb.ContentText, part: ContentText) -> None:
    out.text = part.text
    if part.refusal is not None:
        out.refusal = part.refusal
    if part.citations:
        for citation in part.citations:
            fill_citation(out.citations.add(), citation)
    if part.cache_breakpoint is not None:
        out.cache_breakpoint = part.cache_breakpoint


def _read_text(proto: pb.ContentText) -> ContentText:
    return ContentText(
        proto.text,
        refusal=proto.refusal if proto.HasField("refusal") else None,
        citations=[citation_from_proto(c) for c in proto.citations] or None,
        cache_breakpoint=proto.cache_breakpoint if proto.HasField("cache_breakpoint") else None,
    )


def _fill_reasoning(out: pb.ContentReasoning, part: ContentReasoning) -> None:
    out.reasoning = part.reasoning
    if part.summary is not None:
        out.summary = part.summary
    if part.signature is not None:
        out.signature = part.signature
    out.redacted = part.redacted


def _read_reasoning(proto: pb.ContentReasoning) -> ContentReasoning:
    return ContentReasoning(
        proto.reasoning,
        summary=proto.summary if proto.HasField("summary") else None,
        signature=proto.signature if proto.HasField("signature") else None,
        redacted=proto.redacted,
    )


def _fill_image(out: pb.ContentImage, part: ContentImage) -> None:
    out.image = part.image
    out.detail = enums.IMAGE_DETAIL[part.detail]


def _read_image(proto: pb.ContentImage) -> ContentImage:
    detail = enums.IMAGE_DETAIL_WORD.get(proto.detail)
    if detail is None:
        unknown("ContentImage.detail", proto.detail)
    return ContentImage(proto.image, detail=detail)


def _fill_audio(out: pb.ContentAudio, part: ContentAudio) -> None:
    out.audio = part.audio
    out.format = enums.AUDIO_FORMAT[part.format]


def _read_audio(proto: pb.ContentAudio) -> ContentAudio:
    clip_format = enums.AUDIO_FORMAT_WORD.get(proto.format)
    if clip_format is None:
        unknown("ContentAudio.format", proto.format)
    return ContentAudio(proto.audio, clip_format)


def _fill_video(out: pb.ContentVideo, part: ContentVideo) -> None:
    out.video = part.video
    out.format = enums.VIDEO_FORMAT[part.format]


def _read_video(proto: pb.ContentVideo) -> ContentVideo:
    clip_format = enums.VIDEO_FORMAT_WORD.get(proto.format)
    if clip_format is None:
        unknown("ContentVideo.format", proto.format)
    return ContentVideo(proto.video, clip_format)


def _fill_document(out: pb.ContentDocument, part: ContentDocument) -> None:
    out.document = part.document
    out.filename = part.filename
    out.mime_type = part.mime_type
    out.citations = part.citations


def _read_document(proto: pb.ContentDocument) -> ContentDocument:
    return ContentDocument(
        proto.document,
        filename=proto.filename,
        mime_type=proto.mime_type,
        citations=proto.citations,
    )


def _fill_data(out: pb.ContentData, part: ContentData) -> None:
    out.data_json = dump_object(part.data)


def _read_data(proto: pb.ContentData) -> ContentData:
    return ContentData(load_object(proto.data_json, "ContentData.data_json"))


def _fill_tool_use(out: pb.ContentToolUse, part: ContentToolUse) -> None:
    out.tool_type = enums.SERVER_TOOL_TYPE[part.tool_type]
    out.id = part.id
    out.name = part.name
    if part.context is not None:
        out.context = part.context
    out.arguments = part.arguments
    out.result = part.result
    if part.error is not None:
        out.error = part.error


def _read_tool_use(proto: pb.ContentToolUse) -> ContentToolUse:
    tool_type = enums.SERVER_TOOL_TYPE_WORD.get(proto.tool_type)
    if tool_type is None:
        unknown("ContentToolUse.tool_type", proto.tool_type)
    return ContentToolUse(
        tool_type=tool_type,
        id=proto.id,
        name=proto.name,
        context=proto.context if proto.HasField("context") else None,
        arguments=proto.arguments,
        result=proto.result,
        error=proto.error if proto.HasField("error") else None,
    )


# The discriminator of the value is the name of the field on the wire.
_FILL: dict[str, Callable[[Any, Any], None]] = {
    "text": _fill_text,
    "reasoning": _fill_reasoning,
    "image": _fill_image,
    "audio": _fill_audio,
    "video": _fill_video,
    "document": _fill_document,
    "data": _fill_data,
    "tool_use": _fill_tool_use,
}
_READ: dict[str, Callable[[Any], Content]] = {
    "text": _read_text,
    "reasoning": _read_reasoning,
    "image": _read_image,
    "audio": _read_audio,
    "video": _read_video,
    "document": _read_document,
    "data": _read_data,
    "tool_use": _read_tool_use,
}


def citation_to_proto(citation: Citation) -> pb.Citation:
    """Where a statement comes from."""
    return build(pb.Citation(), fill_citation, citation, "citation")


def fill_citation(out: pb.Citation, citation: Citation) -> None:
    """Write a citation into an empty message."""
    cited = citation.cited_text
    if isinstance(cited, str):
        out.cited_text = cited
    elif cited is not None:
        out.cited_range.start, out.cited_range.end = cited
    if citation.title is not None:
        out.title = citation.title
    if citation.internal is not None:
        out.internal_json = dump_object(citation.internal)
    if isinstance(citation, UrlCitation):
        out.url.url = citation.url
    elif isinstance(citation, DocumentCitation):
        out.document.SetInParent()
        if citation.range is not None:
            out.document.range.type = enums.DOCUMENT_RANGE_TYPE[citation.range.type]
            out.document.range.start_index = citation.range.start_index
            out.document.range.end_index = citation.range.end_index
    else:
        out.content.SetInParent()


def citation_from_proto(proto: pb.Citation) -> Citation:
    """Where a statement comes from."""
    kind = proto.WhichOneof("kind")
    citation: Citation
    if kind == "url":
        citation = UrlCitation(proto.url.url)
    elif kind == "document":
        citation = DocumentCitation(range=_read_range(proto.document))
    elif kind == "content":
        citation = ContentCitation()
    else:
        unknown("Citation.kind", kind)
    cited = proto.WhichOneof("cited")
    if cited == "cited_text":
        citation.cited_text = proto.cited_text
    elif cited == "cited_range":
        citation.cited_text = (proto.cited_range.start, proto.cited_range.end)
    if proto.HasField("title"):
        citation.title = proto.title
    if proto.HasField("internal_json"):
        citation.internal = load_object(proto.internal_json, "Citation.internal_json")
    return citation


def _read_range(proto: pb.DocumentCitation) -> DocumentRange | None:
    if not proto.HasField("range"):
        return None
    unit = enums.DOCUMENT_RANGE_TYPE_WORD.get(proto.range.type)
    if unit is None:
        unknown("DocumentRange.type", proto.range.type)
    return DocumentRange(unit, proto.range.start_index, proto.range.end_index)
