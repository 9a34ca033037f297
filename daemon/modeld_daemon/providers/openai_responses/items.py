"""Items of an answer to the parts of a message. Pure; `history` is the way back.

https://platform.openai.com/docs/api-reference/responses/object#responses-object-output
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from modeld.types import (
    Content,
    ContentData,
    ContentImage,
    ContentReasoning,
    ContentText,
    ContentToolUse,
    JsonObject,
    JsonValue,
    ToolCall,
    ToolInfo,
)

from ..http.jsontext import dumps
from ..tool_arguments import parse_tool_call
from .citations import citations_from
from .internal import CALL, ITEM, MESSAGE

__all__ = ["Parts", "call_of", "summary_of", "thoughts_of"]

_PICTURES = {"jpeg": "image/jpeg", "webp": "image/webp", "gif": "image/gif"}


class Parts:
    """What the items of one answer are, in their order."""

    def __init__(self, tools: Sequence[ToolInfo], *, custom_calls: bool = True) -> None:
        self.content: list[Content] = []
        self.calls: list[ToolCall] = []
        self.logprobs: list[JsonValue] = []
        self._tools = tools
        self._served = _SERVER_TOOLS if custom_calls else _ALL_SERVED
        self._messages = 0

    def add(self, item: JsonObject) -> None:
        """Adds an item."""
        kind = item["type"]
        if kind == "message":
            self._add_message(item)
        elif kind == "reasoning":
            self.content.append(_reasoning(item))
        elif kind in self._served:
            self.content.append(self._served[kind](item))
        elif (call := call_of(item, self._tools)) is not None:
            self.calls.append(call)
            self.content.append(_call_record(item, call))
        elif kind == "image_generation_call" and isinstance(item.get("result"), str):
            self.content.append(_picture(item))
        else:
            self.content.append(ContentData(item, internal={"source": ITEM}))

    def _add_message(self, item: JsonObject) -> None:
        members = {k: v for k, v in item.items() if k not in ("content", "role")}
        parts = _parts(item.get("content"))
        self._messages += 1
        if not parts:
            self.content.append(ContentData(item, internal={"source": ITEM}))
        for part in parts:
            internal: JsonObject = {"source": MESSAGE, "message": members, "number": self._messages}
            if part.get("type") == "output_text" and isinstance(part.get("text"), str):
                self.logprobs += part.get("logprobs") or ()
                self.content.append(_text(part, internal))
            elif part.get("type") == "refusal" and isinstance(part.get("refusal"), str):
                self.content.append(ContentText(part["refusal"], refusal=True, internal=internal))
            else:
                self.content.append(ContentData(part, internal=internal))


def _parts(content: JsonValue) -> list[JsonObject]:
    """The parts of a content, which some servers give as a text."""
    if isinstance(content, str):
        return [{"type": "output_text", "text": content}] if content else []
    return [part for part in content or () if isinstance(part, dict)]


def _text(part: JsonObject, internal: JsonObject) -> ContentText:
    """A text. Its log probabilities are the choice's: the API does not need them back."""
    rest = {k: v for k, v in part.items() if k not in ("type", "text", "logprobs")}
    if rest:
        internal["part"] = rest
    citations = citations_from(part.get("annotations") or ())
    return ContentText(part["text"], citations=citations or None, internal=internal)


def thoughts_of(item: JsonObject) -> str:
    """The thoughts that an item has in plain text."""
    return "\n\n".join(part.get("text") or "" for part in _parts(item.get("content")))


def summary_of(item: JsonObject) -> str:
    """The summary of an item's thoughts; its parts are paragraphs."""
    return "\n\n".join(part.get("text") or "" for part in _parts(item.get("summary")))


def _reasoning(item: JsonObject) -> ContentReasoning:
    thoughts = thoughts_of(item)
    signature = item.get("encrypted_content")
    kept = {k: v for k, v in item.items() if k != "encrypted_content" or v is None}
    return ContentReasoning(
        thoughts,
        summary=summary_of(item) or None,
        signature=signature,
        redacted=not thoughts,
        internal={"source": ITEM, "item": kept},
    )


# -- calls for the client --------------------------------------------------------------------


def call_of(item: JsonObject, tools: Sequence[ToolInfo] = ()) -> ToolCall | None:
    """The call that an item is, if the client must run it."""
    match item["type"]:
        case "function_call":
            text, id = item.get("arguments") or "", item.get("call_id") or item["id"]
            if isinstance(text, dict):  # some servers send an object in place of its text
                return ToolCall(id, item["name"], text)
            return parse_tool_call(id, item["name"], text, tools)
        case "custom_tool_call":
            said = {"input": item.get("input") or ""}
            return ToolCall(item["call_id"], item["name"], said, type="custom")
        case "computer_call":
            said = {name: item[name] for name in ("action", "actions") if item.get(name)}
            return ToolCall(item["call_id"], "computer", said)
    return None


def _call_record(item: JsonObject, call: ToolCall) -> ContentData:
    """Where the call stood, and what the call has no field for. Its arguments are the call's: their
    text is kept only where it differs from what would be written.
    """
    given = ("input", *(call.arguments if item["type"] == "computer_call" else ()))
    record = {k: v for k, v in item.items() if k not in given}
    if isinstance(record.get("arguments"), dict):
        record["arguments"] = dumps(record["arguments"]).decode()
    if record.get("arguments") == dumps(call.arguments).decode() and not call.parse_error:
        del record["arguments"]
    return ContentData(record, internal={"source": CALL})


# -- tools of the server ---------------------------------------------------------------------


def _web_search(item: JsonObject) -> ContentToolUse:
    action = item.get("action") or {}
    return ContentToolUse(
        tool_type="web_search",
        id=item.get("id") or "",
        name=action.get("type") or "search",
        arguments=_json({k: v for k, v in action.items() if k not in ("type", "sources")})
        or item.get("arguments")  # older answers of xAI's
        or "",
        result=_json(action.get("sources")),
        error=_failed(item),
        internal={"source": ITEM, "item": item},
    )


def _code_interpreter(item: JsonObject) -> ContentToolUse:
    return ContentToolUse(
        tool_type="code_execution",
        id=item.get("id") or "",
        name="code_interpreter",
        arguments=item.get("code") or item.get("arguments") or "",
        result=_json(item.get("outputs")),
        error=_failed(item),
        internal={"source": ITEM, "item": item},
    )


def _mcp_call(item: JsonObject) -> ContentToolUse:
    error = item.get("error")
    return ContentToolUse(
        tool_type="mcp_call",
        id=item.get("id") or "",
        name=item.get("name") or "",
        context=item.get("server_label"),
        arguments=item.get("arguments") or "",
        result=item.get("output") or "",
        error=error if isinstance(error, str) else _json(error) or None,
        internal={"source": ITEM, "item": item},
    )


def _x_search(item: JsonObject) -> ContentToolUse:
    """A search of posts: https://docs.x.ai/developers/tools/x-search. Its results are not told."""
    return ContentToolUse(
        tool_type="web_search",
        id=item.get("call_id") or item.get("id") or "",
        name=item.get("name") or "x_search",
        arguments=item.get("input") or item.get("arguments") or "",
        result="",
        error=_failed(item),
        internal={"source": ITEM, "item": item},
    )


def _json(value: JsonValue) -> str:
    return dumps(value).decode() if value else ""


def _failed(item: JsonObject) -> str | None:
    return "failed" if item.get("status") == "failed" else None


_SERVER_TOOLS: Mapping[str, Callable[[JsonObject], Content]] = {
    "web_search_call": _web_search,
    "code_interpreter_call": _code_interpreter,
    "mcp_call": _mcp_call,
    "x_search_call": _x_search,
}
_ALL_SERVED: Mapping[str, Callable[[JsonObject], Content]] = {
    **_SERVER_TOOLS,
    "custom_tool_call": _x_search,
}
"""Where the server's own searches of posts come as calls of custom tools."""


def _picture(item: JsonObject) -> ContentImage:
    media = _PICTURES.get(item.get("output_format") or "png", "image/png")
    kept = {name: value for name, value in item.items() if name != "result"}
    picture = f"data:{media};base64,{item['result']}"
    return ContentImage(picture, internal={"source": ITEM, "item": kept})
