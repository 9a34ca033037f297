"""Parts of an answer to content. Pure.

https://ai.google.dev/api/caching#Part
Adjacent text parts are one text to people; how it was cut, and what the pieces carry beside their
text (a thought signature may come on an empty piece), is kept in `internal`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modeld.types import (
    Content,
    ContentData,
    ContentReasoning,
    ContentText,
    ContentToolUse,
    JsonObject,
    ServerToolType,
    ToolCall,
)

from ..http.jsontext import dumps
from .internal import FUNCTION_CALL, PART, SOURCE, from_google, source_of
from .media import media_from_part

__all__ = ["call_id", "is_nothing", "read_parts"]

_KINDS = frozenset(
    (
        *("text", "inlineData", "functionCall", "executableCode"),
        *("codeExecutionResult", "toolCall", "toolResponse"),
    )
)
# https://ai.google.dev/api/caching#ToolType
_TOOL_TYPES: tuple[tuple[str, ServerToolType], ...] = (
    ("CODE", "code_execution"),
    ("MCP", "mcp_call"),
    ("", "web_search"),
)
_GOOD_OUTCOMES = ("OUTCOME_OK", "OUTCOME_UNSPECIFIED", "")


def call_id(response_id: str | None, index: int) -> str:
    """An id for a function call that the API gave none."""
    return f"call_{response_id or 'modeld'}_{index}"


def is_nothing(part: JsonObject) -> bool:
    """Whether the part says nothing at all: an empty text that carries nothing."""
    return not part or (part.keys() <= {"text", "thought"} and not part.get("text"))


def read_parts(
    parts: Sequence[JsonObject], response_id: str | None
) -> tuple[list[Content], list[ToolCall]]:
    """The content and the calls of functions; the content marks where each call stood."""
    reader = _Reader(response_id)
    for part in parts:
        if not is_nothing(part):
            reader.add(part)
    return reader.content, reader.calls


class _Reader:
    def __init__(self, response_id: str | None) -> None:
        self.content: list[Content] = []
        self.calls: list[ToolCall] = []
        self._response_id = response_id

    def add(self, part: JsonObject) -> None:
        kinds = part.keys() & _KINDS
        kind = next(iter(kinds)) if len(kinds) == 1 else ""
        members = {key: value for key, value in part.items() if key != kind}
        match kind:
            case "text" if isinstance(part["text"], str):
                self._text(part["text"], members, part)
            case "functionCall":
                self._call(part["functionCall"], members)
            case "executableCode" | "toolCall":
                self._tool(kind, part)
            case "codeExecutionResult" | "toolResponse":
                self._tool_result(kind, part)
            case "inlineData":
                self.content.append(media_from_part(part, members) or _unknown(part))
            case _:
                self.content.append(_unknown(part))

    def _text(self, text: str, members: JsonObject, part: JsonObject) -> None:
        if members.get("thought"):
            signature = members.pop("thoughtSignature", None)
            members.pop("thought")
            internal = from_google(members=members) if members else from_google()
            thoughts = ContentReasoning(text, signature=signature, internal=internal)
            thoughts.redacted = not text
            self.content.append(thoughts)
            return
        before = self.content[-1] if self.content else None
        if isinstance(before, ContentText):
            _join(before, text, members)
        elif not text:
            self.content.append(_unknown(part))  # a signature alone
        else:
            pieces = from_google(pieces=[[len(text), members]]) if members else None
            self.content.append(ContentText(text, internal=pieces))

    def _call(self, wire: JsonObject, members: JsonObject) -> None:
        id = wire.get("id") or ""
        marker: JsonObject = {"id": id or call_id(self._response_id, len(self.calls))}
        if id:
            marker["given"] = True
        rest = {key: value for key, value in wire.items() if key not in ("id", "name", "args")}
        if rest:
            marker["call"] = rest
        if members:
            marker["members"] = members
        self.calls.append(ToolCall(marker["id"], wire["name"], dict(wire.get("args") or {})))
        self.content.append(ContentData(marker, internal={"source": FUNCTION_CALL}))

    def _tool(self, kind: str, part: JsonObject) -> None:
        wire = part[kind]
        code = kind == "executableCode"
        name = "code_execution" if code else wire.get("toolType") or "tool"
        said = wire.get("code") or "" if code else dumps(wire.get("args") or {}).decode()
        self.content.append(
            ContentToolUse(
                tool_type="code_execution" if code else _tool_type(name),
                id=wire.get("id") or "",
                name=name,
                context=wire.get("language") if code else None,
                arguments=said,
                result="",
                internal=from_google(parts=[part]),
            )
        )

    def _tool_result(self, kind: str, part: JsonObject) -> None:
        """The result goes to its call: that of its id, or the one just before it."""
        wire = part[kind]
        code = kind == "codeExecutionResult"
        before = self.content[-1] if self.content else None
        if not isinstance(before, ContentToolUse) or not _answers(before, wire.get("id")):
            name = "code_execution" if code else wire.get("toolType") or "tool"
            before = ContentToolUse(
                tool_type="code_execution" if code else _tool_type(name),
                id=wire.get("id") or "",
                name=name,
                arguments="",
                result="",
                internal=from_google(parts=[]),
            )
            self.content.append(before)
        before.internal["parts"].append(part)  # type: ignore[index]
        if code:
            before.result = wire.get("output") or ""
            outcome = wire.get("outcome") or ""
            before.error = None if outcome in _GOOD_OUTCOMES else before.result or outcome
        else:
            response = wire.get("response")
            before.result = "" if response is None else dumps(response).decode()


def _answers(use: ContentToolUse, id: str | None) -> bool:
    waits = source_of(use) == SOURCE and len(use.internal["parts"]) == 1  # type: ignore[index]
    return waits and (use.id or "") == (id or "")


def _tool_type(name: str) -> ServerToolType:
    return next(kind for word, kind in _TOOL_TYPES if word in name)


def _unknown(part: Mapping[str, object]) -> ContentData:
    return ContentData(dict(part), internal={"source": PART})


def _join(before: ContentText, text: str, members: JsonObject) -> None:
    if before.internal is None:
        before.internal = from_google(pieces=[[len(before.text), {}]])
    before.internal["pieces"].append([len(text), members])
    before.text += text
