"""The body of a chat completion to a `ModelOutput`. Pure.

https://platform.openai.com/docs/api-reference/chat/object
What has no class here is kept: members of a message as `ContentData`, of the choices and of the
whole in the output's metadata.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modeld.types import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    Citation,
    Content,
    ContentData,
    ContentReasoning,
    ContentText,
    JsonObject,
    JsonValue,
    ModelOutput,
    StopCategory,
    StopDetails,
    ToolCall,
    ToolInfo,
    UrlCitation,
    as_stop_reason,
)

from ..http.jsontext import dumps
from ..tool_arguments import parse_tool_call
from .internal import (
    AUDIO_TRANSCRIPT,
    CONTENT_PART,
    MESSAGE_MEMBER,
    REASONING_FIELDS,
    TOOL_CALL_MEMBERS,
    call_id,
    thoughts_to_internal,
)
from .logprobs import logprobs_from, prompt_logprobs_from
from .pages import cite_pages
from .parts import details_text, read_part
from .think import ThinkSplitter
from .usage import prompt_tokens, unmodelled_usage, usage_from
from .written_calls import CallReader

__all__ = ["output_from"]

_BODY_MEMBERS = frozenset(("id", "object", "created", "model", "choices", "usage", "error"))
# Perplexity repeats the delta, Together the text.
_CHOICE_MEMBERS = frozenset(
    ("index", "message", "finish_reason", "logprobs", "delta", "text", "prompt_logprobs")
)
_DETAIL_MEMBERS = frozenset(("finish_details", "content_filter_results"))
_MESSAGE_MEMBERS = frozenset(
    (
        *("role", "content", "refusal", "annotations", "audio", "tool_calls", "function_call"),
        *("reasoning_details", *REASONING_FIELDS),
    )
)
_SHAPES: Mapping[str, type] = {
    **dict.fromkeys(REASONING_FIELDS, str),
    "reasoning_details": list,
    "audio": dict,
    "annotations": list,
    "refusal": str,
}
"""What some servers put there is of another shape, and is kept as members without a class are."""
_CALL_MEMBERS = frozenset(("id", "index", "type", "function", "custom"))


def output_from(
    body: JsonObject, tools: Sequence[ToolInfo] = (), *, emulated: bool = False
) -> ModelOutput:
    """The output; `ValueError`, `KeyError` or `TypeError` where the body is no chat completion.

    Args:
        body: The answer.
        tools: What the model could call.
        emulated: Whether it writes its calls into the text.
    """
    model = body.get("model") or ""
    response_id = body.get("id") or None
    wire_choices = body["choices"]
    if len(wire_choices) > 1:
        wire_choices = sorted(wire_choices, key=lambda choice: choice.get("index") or 0)
    metadata: JsonObject = {
        key: value
        for key, value in body.items()
        if key not in _BODY_MEMBERS and value not in (None, "", [], {})
    }
    choices = []
    for choice in wire_choices:
        reader = CallReader(response_id, tools) if emulated else None
        choices.append(_choice(choice, model, response_id, tools, reader))
        _keep(choice, _CHOICE_MEMBERS | _DETAIL_MEMBERS, metadata, "choices", choice.get("index"))
    if choices and "prompt_logprobs" in metadata:  # vLLM's chat tells them once for all choices
        choices[0].prompt_logprobs = prompt_logprobs_from(metadata.pop("prompt_logprobs"))
    if choices and (body.get("search_results") or body.get("citations")):
        cite_pages(choices[0].message, body)
    output = ModelOutput(model, choices, response_id=response_id)
    usage = body.get("usage")
    if usage:
        output.usage = usage_from(usage)
        output.input_context_tokens = prompt_tokens(usage)
        unmodelled = unmodelled_usage(usage)
        if unmodelled:
            metadata["usage"] = unmodelled
    output.metadata = metadata or None
    return output


def _keep(
    item: JsonObject, known: frozenset[str], into: JsonObject, name: str, index: int | None
) -> None:
    rest = {k: v for k, v in item.items() if k not in known and v not in (None, "", [], {})}
    if rest:
        into.setdefault(name, {})[str(index or 0)] = rest


def _choice(
    wire: JsonObject,
    model: str,
    response_id: str | None,
    tools: Sequence[ToolInfo],
    reader: CallReader | None,
) -> ChatCompletionChoice:
    text_alone = "text" in wire and not wire.get("message")  # as the API before chat has it
    if text_alone:
        message: JsonObject = {"content": wire["text"]}
    elif wire.get("finish_reason") == "content_filter":
        message = wire.get("message") or {}  # Azure's has none where a filter took the whole
    else:
        message = wire["message"] or {}
    parts = _content(message)
    calls, call_members = _tool_calls(message, response_id, tools)
    if call_members:
        parts.append(ContentData(call_members, internal={"source": TOOL_CALL_MEMBERS}))
    written: list[ToolCall] = []
    if reader is not None:
        parts, written = _read_written(parts, reader)
        calls += written
    content: str | list[Content] = parts
    if not parts:
        content = ""
    elif len(parts) == 1:
        only = parts[0]
        if isinstance(only, ContentText) and not (only.internal or only.refusal or only.citations):
            content = only.text
    said = ChatMessageAssistant(content, source="generate", tool_calls=calls or None, model=model)
    reason = wire.get("finish_reason") or (wire.get("finish_details") or {}).get("type")
    if not reason or (written and reason == "stop"):
        reason = "tool_calls" if calls else None
    choice = ChatCompletionChoice(said, as_stop_reason(reason))
    for name in _DETAIL_MEMBERS:
        if wire.get(name):
            _add_stop_details(choice, name, wire[name])
    logprobs = wire.get("logprobs")
    if logprobs:
        choice.logprobs = logprobs_from(logprobs)
    choice.prompt_logprobs = prompt_logprobs_from(wire.get("prompt_logprobs"))
    return choice


def _content(message: JsonObject) -> list[Content]:
    parts: list[Content] = []
    reasoning = _reasoning(message)
    if reasoning is not None:
        parts.append(reasoning)
    text = message.get("content")
    if isinstance(text, str) and text:
        parts.extend(_text_parts(text, message.get("annotations")))
    elif isinstance(text, list):
        parts.extend(_listed_part(part) for part in text if part)
    elif isinstance(text, dict):  # Cloudflare's answer to a schema
        parts.append(ContentText(dumps(text).decode()))
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal:
        parts.append(ContentText(refusal, refusal=True))
    audio = message.get("audio")
    if isinstance(audio, dict) and any(audio.values()):
        if audio.get("transcript") and not text:
            transcript = {"source": AUDIO_TRANSCRIPT}
            parts.append(ContentText(audio["transcript"], internal=transcript))
        parts.append(_member("audio", audio))
    for name, value in message.items():
        odd = name not in _MESSAGE_MEMBERS or not isinstance(value, _SHAPES.get(name, object))
        if odd and value not in (None, "", [], {}, False):
            parts.append(_member(name, value))
    return parts


def _read_written(parts: list[Content], reader: CallReader) -> tuple[list[Content], list[ToolCall]]:
    """The parts without the calls that stand in their texts, and those calls."""
    rest: list[Content] = []
    calls: list[ToolCall] = []
    for part in parts:
        if isinstance(part, ContentText) and not part.refusal:
            found = [*reader.feed(part.text), *reader.finish()]
            calls += (piece for piece in found if isinstance(piece, ToolCall))
            part.text = "".join(piece for piece in found if isinstance(piece, str))
            if not part.text and not part.citations:
                continue
        rest.append(part)
    return rest, calls


def _member(name: str, value: JsonValue) -> ContentData:
    return ContentData({name: value}, internal={"source": MESSAGE_MEMBER})


def _reasoning(message: JsonObject) -> ContentReasoning | None:
    details = message.get("reasoning_details")
    details = details if isinstance(details, list) else None
    found = [name for name in REASONING_FIELDS if isinstance(message.get(name), str)]
    field = next((name for name in found if message[name]), None)
    text: str = message[field] if field else details_text(details)
    if details:
        internal = {"source": "reasoning_details", "details": details}
        signed = (d.get("signature") for d in details if isinstance(d, dict))
        signature = next((one for one in signed if isinstance(one, str) and one), None)
        return ContentReasoning(text, signature=signature, redacted=not text, internal=internal)
    if field is None:
        return None
    return ContentReasoning(text, internal={"source": field})


def _text_parts(text: str, annotations: JsonValue) -> list[Content]:
    parts: list[Content] = []
    if text[0] in "< \n\t\r":
        splitter = ThinkSplitter()
        _, answer = splitter.feed(text)
        _, rest = splitter.finish()
        thoughts = splitter.thoughts()
        if thoughts is not None:
            internal = thoughts_to_internal(thoughts)
            parts.append(ContentReasoning(thoughts.reasoning, internal=internal))
            text = answer + rest
    if isinstance(annotations, list) and annotations:
        citations, unknown = _citations(annotations)
        parts.append(ContentText(text, citations=citations or None))
        if unknown:
            parts.append(_member("annotations", unknown))
    elif text:
        parts.append(ContentText(text))
    return parts


def _citations(annotations: list[JsonObject]) -> tuple[list[Citation], list[JsonObject]]:
    citations: list[Citation] = []
    unknown = []
    for annotation in annotations:
        if not isinstance(annotation, dict):
            continue
        page = annotation.get("url_citation")
        if annotation.get("type") != "url_citation" or not isinstance(page, dict):
            unknown.append(annotation)
            continue
        start, end = page.get("start_index"), page.get("end_index")
        rest = {
            key: value
            for key, value in page.items()
            if key not in ("url", "title", "start_index", "end_index")
        }
        citations.append(
            UrlCitation(
                page.get("url") or "",
                title=page.get("title"),
                cited_text=(start, end) if start is not None and end is not None else None,
                internal=rest or None,
            )
        )
    return citations, unknown


def _listed_part(part: JsonValue) -> Content:
    """Some servers answer with a list of parts, as requests may have."""
    kind, text = read_part(part)
    if kind == "text":
        return ContentText(text)
    if kind == "reasoning":
        internal = {"source": CONTENT_PART, "part": part}
        return ContentReasoning(text, redacted=not text, internal=internal)
    return ContentData(part if isinstance(part, dict) else {"content": part})


def _tool_calls(
    message: JsonObject, response_id: str | None, tools: Sequence[ToolInfo]
) -> tuple[list[ToolCall], JsonObject]:
    """The calls, and what they have that is not modelled, by the call's id."""
    wire_calls = message.get("tool_calls")
    if not wire_calls:
        function = message.get("function_call")  # the API before tools
        wire_calls = [{"function": function}] if function and function.get("name") else []
    calls = []
    members: JsonObject = {}
    for index, wire in enumerate(wire_calls):
        if not wire:
            continue
        id = wire.get("id") or call_id(response_id, index)
        custom = wire.get("custom")
        if custom and custom.get("name"):  # Snowflake has an empty one in every call
            said = {"input": custom.get("input") or ""}
            calls.append(ToolCall(id, custom["name"], said, type="custom"))
        else:
            function = wire.get("function") or {}
            name, arguments = function.get("name") or "", function.get("arguments")
            if isinstance(arguments, dict):  # some servers send an object in place of its text
                calls.append(ToolCall(id, name, arguments))
            else:
                text = arguments if isinstance(arguments, str) else ""
                text = text or ("" if arguments in (None, "") else dumps(arguments).decode())
                calls.append(parse_tool_call(id, name, text, tools))
        rest = {k: v for k, v in wire.items() if k not in _CALL_MEMBERS and v is not None}
        if rest:
            members[id] = rest
    return calls, members


def _add_stop_details(choice: ChatCompletionChoice, name: str, wire: JsonObject) -> None:
    """Azure's content filter, and what older vision models say about the end."""
    details = choice.stop_details or StopDetails()
    if name == "finish_details":
        details.type = wire.get("type")
        details.explanation = wire.get("stop")
    else:
        details.categories = [
            StopCategory(category, result.get("severity"))
            for category, result in wire.items()
            if isinstance(result, dict) and result.get("filtered")
        ]
    if details.type or details.explanation or details.categories:
        choice.stop_details = details
