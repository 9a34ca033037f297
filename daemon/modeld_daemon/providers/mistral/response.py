"""The body of a chat completion to a `ModelOutput`. Pure.

https://docs.mistral.ai/api/endpoint/chat
What has no class here is kept: chunks, members and whole messages as `ContentData`, what belongs to
choices, usage and the whole in the output's metadata.
"""

from __future__ import annotations

from collections.abc import Sequence

from modeld.types import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    Citation,
    Content,
    ContentCitation,
    ContentData,
    ContentReasoning,
    ContentText,
    JsonObject,
    JsonValue,
    Logprob,
    Logprobs,
    ModelOutput,
    StopDetails,
    ToolCall,
    ToolInfo,
    TopLogprob,
    as_stop_reason,
)

from ..openai_chat.internal import thoughts_to_internal
from ..openai_chat.think import ThinkSplitter
from ..tool_arguments import parse_tool_call
from .internal import (
    CHUNK,
    CHUNKS,
    MESSAGE,
    MESSAGE_MEMBER,
    TOOL_CALL_MEMBERS,
    reasoning_from,
)
from .usage import context_tokens, unmodelled_usage, usage_from

__all__ = ["NO_ID", "TEXT_CHUNKS", "call_id", "output_from"]

TEXT_CHUNKS = ("text", "reference")
"""Chunks that make up one text: its pieces and what they refer to."""

NO_ID = (None, "", "null")
"""What the API says for the id of a tool call that has none."""

_BODY_MEMBERS = frozenset(("id", "object", "created", "model", "choices", "usage"))
_CHOICE_MEMBERS = frozenset(
    ("index", "message", "messages", "finish_reason", "logprobs", "prompt_logprobs")
)
_MESSAGE_MEMBERS = frozenset(("role", "content", "tool_calls", "prefix", "index"))
_CALL_MEMBERS = frozenset(("id", "index", "type", "function"))
_EMPTY: tuple[JsonValue, ...] = (None, "", [], {})


def output_from(body: JsonObject, tools: Sequence[ToolInfo] = ()) -> ModelOutput:
    """The output; `ValueError`, `KeyError` or `TypeError` where the body is no chat completion."""
    model = body.get("model") or ""
    response_id = body.get("id") or None
    wire_choices = sorted(body["choices"], key=lambda choice: choice.get("index") or 0)
    metadata = {k: v for k, v in body.items() if k not in _BODY_MEMBERS and v not in _EMPTY}
    choices = []
    for choice in wire_choices:
        choices.append(_choice(choice, model, response_id, tools))
        rest = {k: v for k, v in choice.items() if k not in _CHOICE_MEMBERS and v not in _EMPTY}
        if rest:
            metadata.setdefault("choices", {})[str(choice.get("index") or 0)] = rest
    output = ModelOutput(model, choices, response_id=response_id)
    usage = body.get("usage")
    if usage:
        output.usage = usage_from(usage)
        output.input_context_tokens = context_tokens(usage)
        unmodelled = unmodelled_usage(usage)
        if unmodelled:
            metadata["usage"] = unmodelled
    output.metadata = metadata or None
    return output


def call_id(response_id: str | None, index: int) -> str:
    """An id for a tool call that the server gave none."""
    return f"call_{response_id or 'modeld'}_{index}"


def _choice(
    wire: JsonObject, model: str, response_id: str | None, tools: Sequence[ToolInfo]
) -> ChatCompletionChoice:
    *before, message = wire.get("messages") or [wire["message"]]
    parts: list[Content] = [ContentData(m, internal={"source": MESSAGE}) for m in before]
    parts += _content(message)
    calls, call_members = _tool_calls(message, response_id, tools)
    if call_members:
        parts.append(ContentData(call_members, internal={"source": TOOL_CALL_MEMBERS}))
    said = ChatMessageAssistant(
        _simplest(parts), source="generate", tool_calls=calls or None, model=model
    )
    reason = wire.get("finish_reason")
    choice = ChatCompletionChoice(said, as_stop_reason(reason))
    if choice.stop_reason == "unknown" and reason:
        choice.stop_details = StopDetails(type=reason)
    choice.logprobs = _logprobs(wire.get("logprobs"))
    choice.prompt_logprobs = _logprobs(wire.get("prompt_logprobs"))
    return choice


def _simplest(parts: list[Content]) -> str | list[Content]:
    """A plain text where that is all there is."""
    if not parts:
        return ""
    only = parts[0]
    if len(parts) == 1 and isinstance(only, ContentText) and not only.internal:
        return only.text
    return parts


def _content(message: JsonObject) -> list[Content]:
    content = message.get("content")
    parts: list[Content] = []
    if isinstance(content, str) and content:
        parts += _text_parts(content)
    elif isinstance(content, list):
        parts += _chunk_parts(content)
    for name, value in message.items():
        if name not in _MESSAGE_MEMBERS and value not in _EMPTY:
            parts.append(ContentData({name: value}, internal={"source": MESSAGE_MEMBER}))
    return parts


def _text_parts(text: str) -> list[Content]:
    """The text; models of old write their thoughts into it, with tags around them."""
    if text[0] in "< \n\t\r":
        splitter = ThinkSplitter()
        _, answer = splitter.feed(text)
        _, rest = splitter.finish()
        thoughts = splitter.thoughts()
        if thoughts is not None:
            internal = thoughts_to_internal(thoughts)
            reasoning = ContentReasoning(thoughts.reasoning, internal=internal)
            text = answer + rest
            return [reasoning, ContentText(text)] if text else [reasoning]
    return [ContentText(text)]


def _chunk_parts(chunks: list[JsonObject]) -> list[Content]:
    parts: list[Content] = []
    run: list[JsonObject] = []
    for chunk in chunks:
        kind = chunk.get("type")
        if kind in TEXT_CHUNKS:
            run.append(chunk)
            continue
        parts += _run_parts(run)
        run = []
        if kind == "thinking":
            parts.append(reasoning_from(chunk))
        else:
            parts.append(ContentData(chunk, internal={"source": CHUNK}))
    return parts + _run_parts(run)


def _run_parts(run: list[JsonObject]) -> list[Content]:
    """Neighbouring texts and references as one text, which knows the chunks that it was."""
    text = "".join(_text_of(chunk) for chunk in run)
    if not text:
        references = [chunk for chunk in run if chunk.get("type") != "text"]
        return [ContentData(chunk, internal={"source": CHUNK}) for chunk in references]
    if run == [{"type": "text", "text": text}]:
        return [ContentText(text)]
    internal: JsonObject = {"source": CHUNKS, "chunks": run}
    return [ContentText(text, citations=_citations(run) or None, internal=internal)]


def _citations(run: list[JsonObject]) -> list[Citation]:
    """A reference stands behind the piece of text that it is for.

    https://docs.mistral.ai/capabilities/citations
    """
    citations: list[Citation] = []
    start = end = 0
    for chunk in run:
        text = _text_of(chunk)
        if text:
            start, end = end, end + len(text)
        elif chunk.get("type") == "reference":
            rest = {key: value for key, value in chunk.items() if key != "type"}
            citations.append(ContentCitation(cited_text=(start, end), internal=rest))
    return citations


def _text_of(chunk: JsonObject) -> str:
    text: str = chunk["text"] if chunk.get("type") == "text" else ""
    return text


def _tool_calls(
    message: JsonObject, response_id: str | None, tools: Sequence[ToolInfo]
) -> tuple[list[ToolCall], JsonObject]:
    """The calls, and what they have that is not modelled, by the call's id."""
    calls = []
    members: JsonObject = {}
    for index, wire in enumerate(message.get("tool_calls") or ()):
        id = call_id(response_id, index) if wire.get("id") in NO_ID else wire["id"]
        function = wire["function"]
        arguments = function.get("arguments")
        if isinstance(arguments, dict):  # the API may send an object in place of its text
            calls.append(ToolCall(id, function["name"], arguments))
        else:
            calls.append(parse_tool_call(id, function["name"], arguments or "", tools))
        rest = {k: v for k, v in wire.items() if k not in _CALL_MEMBERS and v is not None}
        if rest:
            members[id] = rest
    return calls, members


def _logprobs(wire: JsonObject | None) -> Logprobs | None:
    tokens = (wire or {}).get("content")
    if not isinstance(tokens, list):
        return None
    return Logprobs([_logprob(token) for token in tokens])


def _logprob(token: JsonObject) -> Logprob:
    tops = [
        TopLogprob(top["token"], top["logprob"], top.get("bytes"))
        for top in token.get("top_logprobs") or ()
    ]
    return Logprob(token["token"], token["logprob"], token.get("bytes"), tops or None)
