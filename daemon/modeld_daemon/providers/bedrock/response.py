"""The body of an answer to a `ModelOutput`. Pure.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html#API_runtime_Converse_ResponseSyntax
What has no class here is kept: blocks as `ContentData`, the other members in the output's metadata.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modeld.types import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    Citation,
    Content,
    ContentCitation,
    ContentData,
    ContentReasoning,
    ContentText,
    ContentToolUse,
    DocumentCitation,
    DocumentRange,
    JsonObject,
    JsonValue,
    ModelOutput,
    StopDetails,
    StopReason,
    ToolCall,
    ToolInfo,
    UrlCitation,
)
from modeld.types.content import DocumentRangeType

from ..anthropic.response import joined_text
from ..http.jsontext import dumps
from ..tool_arguments import parse_tool_call
from .internal import TOOL_CALL, blocks_of, from_bedrock
from .usage import context_tokens, usage_from

__all__ = ["output_from"]

_STOP_REASONS: Mapping[str, StopReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "max_tokens",
    "model_context_window_exceeded": "model_length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "refusal": "content_filter",
}
_PLAIN_REASONS = ("end_turn", "tool_use", "max_tokens")
_RANGES: Mapping[str, DocumentRangeType] = {
    "documentChar": "char",
    "documentPage": "page",
    "documentChunk": "block",
}
_MEMBERS = frozenset(("output", "stopReason", "usage"))
_COUNTERS = frozenset(
    (
        *("inputTokens", "outputTokens", "totalTokens", "cacheReadInputTokens"),
        *("cacheWriteInputTokens", "cacheReadInputTokenCount", "cacheWriteInputTokenCount"),
    )
)
_NOTHING: tuple[JsonValue, ...] = (None, "", [], {})


def output_from(
    body: JsonObject, model: str, tools: Sequence[ToolInfo], response_id: str | None
) -> ModelOutput:
    """The output; `ValueError`, `KeyError` or `TypeError` where the body is no answer."""
    blocks = body["output"]["message"]["content"]
    if not isinstance(blocks, list):
        raise TypeError("its content is no list")
    parts, calls = _read(blocks, tools)
    content: str | list[Content] = parts
    if not parts:
        content = ""
    elif len(parts) == 1 and isinstance(parts[0], ContentText) and not parts[0].citations:
        content = parts[0].text
    said = ChatMessageAssistant(content, source="generate", tool_calls=calls or None, model=model)
    reason = body.get("stopReason") or ""
    choice = ChatCompletionChoice(said, _STOP_REASONS.get(reason, "unknown"))
    if calls and choice.stop_reason == "stop":
        choice.stop_reason = "tool_calls"
    if reason and reason not in _PLAIN_REASONS:
        choice.stop_details = StopDetails(type=reason, explanation=_explanation(body))
    output = ModelOutput(model, [choice], response_id=response_id)
    output.completion = joined_text(said)
    metadata = {k: v for k, v in body.items() if k not in _MEMBERS and v not in _NOTHING}
    usage = body.get("usage")
    if usage:
        output.usage = usage_from(usage)
        output.input_context_tokens = context_tokens(output.usage)
        rest = {k: v for k, v in usage.items() if k not in _COUNTERS and v not in _NOTHING}
        if rest:
            metadata["usage"] = rest
    output.metadata = metadata or None
    return output


def _explanation(body: JsonObject) -> str | None:
    """What the guardrail says that it did."""
    trace = (body.get("trace") or {}).get("guardrail") or {}
    return trace.get("actionReason") or None


def _read(
    blocks: Sequence[JsonObject], tools: Sequence[ToolInfo]
) -> tuple[list[Content], list[ToolCall]]:
    """The content and the calls. Calls stand behind the content; where one does not, it leaves a
    mark in its place.
    """
    content: list[Content] = []
    calls: list[ToolCall] = []
    waiting: list[ToolCall] = []
    for block in blocks:
        use = block.get("toolUse")
        if use is not None and use.get("type") != "server_tool_use":
            call = _call(use, tools)
            calls.append(call)
            waiting.append(call)
            continue
        part = _part(block, content)
        if part is None:
            continue
        content += [ContentData({"id": c.id}, internal={"source": TOOL_CALL}) for c in waiting]
        waiting = []
        content.append(part)
    return content, calls


def _call(use: JsonObject, tools: Sequence[ToolInfo]) -> ToolCall:
    input = use.get("input")
    if isinstance(input, str):  # no JSON object
        return parse_tool_call(use["toolUseId"], use["name"], input, tools)
    return ToolCall(use["toolUseId"], use["name"], dict(input or {}))


def _part(block: JsonObject, before: Sequence[Content]) -> Content | None:
    if isinstance(block.get("text"), str):
        return ContentText(block["text"]) if block["text"] else None
    if "reasoningContent" in block:
        return _reasoning(block)
    if "citationsContent" in block:
        return _cited(block)
    if "toolUse" in block:
        use = block["toolUse"]
        return ContentToolUse(
            tool_type="code_execution" if "code" in use["name"] else "web_search",
            id=use["toolUseId"],
            name=use["name"],
            arguments=dumps(use.get("input")).decode(),
            result="",
            internal=from_bedrock(blocks=[block]),
        )
    if "toolResult" in block and _answers(block, before):
        return None
    return ContentData(block, internal=from_bedrock(blocks=[block]))


def _answers(block: JsonObject, before: Sequence[Content]) -> bool:
    """Puts the result of a server's tool to its call, if that is there."""
    result = block["toolResult"]
    for part in reversed(before):
        if isinstance(part, ContentToolUse) and part.id == result.get("toolUseId"):
            part.internal = from_bedrock(blocks=[*blocks_of(part), block])
            content = result.get("content") or []
            texts = [piece.get("text") or dumps(piece).decode() for piece in content]
            part.result = "\n".join(texts)
            part.error = part.result if result.get("status") == "error" else None
            return True
    return False


def _reasoning(block: JsonObject) -> ContentReasoning:
    content = block["reasoningContent"]
    if "redactedContent" in content:
        data = content["redactedContent"]
        return ContentReasoning(data, redacted=True, internal=from_bedrock())
    text = content["reasoningText"]
    signature = text.get("signature")
    return ContentReasoning(text.get("text") or "", signature=signature, internal=from_bedrock())


def _cited(block: JsonObject) -> ContentText:
    cited = block["citationsContent"]
    text = "".join(piece.get("text") or "" for piece in cited.get("content") or ())
    citations = [_citation(citation) for citation in cited.get("citations") or ()]
    return ContentText(text, citations=citations or None, internal=from_bedrock(blocks=[block]))


def _citation(wire: JsonObject) -> Citation:
    passage = "".join(piece.get("text") or "" for piece in wire.get("sourceContent") or ())
    quoted, title = passage or None, wire.get("title")
    location: JsonObject = wire.get("location") or {}
    kind = next(iter(location), "")
    place: JsonObject = location.get(kind) or {}
    if kind in _RANGES:
        where = DocumentRange(_RANGES[kind], place.get("start") or 0, place.get("end") or 0)
        return DocumentCitation(cited_text=quoted, title=title, range=where, internal=wire)
    if kind == "web" and place.get("url"):
        return UrlCitation(place["url"], cited_text=quoted, title=title, internal=wire)
    return ContentCitation(cited_text=quoted, title=title, internal=wire)
