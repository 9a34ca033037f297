"""Chunks of a streamed chat completion to deltas, and to the body that a plain call would have.

https://platform.openai.com/docs/api-reference/chat-streaming
The fold makes JSON, not values: `response.output_from` then makes the output of both ways, so a
stream's result cannot differ from a plain one's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from modeld.types import JsonObject, JsonValue, ToolCall, ToolInfo

from ...core.ports import Sink
from ..http.jsontext import dumps
from .internal import REASONING_FIELDS, call_id
from .parts import details_text, read_part
from .think import ThinkSplitter
from .written_calls import CallReader

__all__ = ["ChunkFold", "StreamError"]

_PER_CHUNK = ("choices", "usage", "object", "obfuscation", "id", "model")
# Strings of these members are names and come once; others are pieces of a text.
_NAMES = frozenset(("id", "type", "name", "role", "format", "index", "url", "title"))


class StreamError(Exception):
    """The server reported an error in the middle of the stream."""

    def __init__(self, error: JsonValue) -> None:
        super().__init__("error in the stream")
        self.error = error


class ChunkFold:
    """Puts the chunks of one stream together; tells a sink about the first choice.

    Args:
        sink: Who is told.
        emulated: Tools whose calls the model writes into the text; None where it writes none.
    """

    def __init__(self, sink: Sink | None, emulated: Sequence[ToolInfo] | None = None) -> None:
        self._sink = sink
        self._emulated = emulated
        self._top: JsonObject = {}
        self._id = self._model = ""
        self._usage: JsonObject | None = None
        self._choices: dict[int, _ChoiceFold] = {}

    @property
    def empty(self) -> bool:
        """Whether no chunk has come."""
        return not self._top

    @property
    def finished(self) -> bool:
        """Whether every choice has said why it ended."""
        return bool(self._choices) and all(c.finish_reason for c in self._choices.values())

    def feed(self, chunk: JsonObject) -> None:
        """Adds a chunk."""
        if chunk.get("error"):
            raise StreamError(chunk["error"])
        if not self._id:
            self._id = chunk.get("id") or ""
        if not self._model:
            self._model = chunk.get("model") or ""
        self._top.update(chunk)
        if chunk.get("usage"):
            self._usage = chunk["usage"]
        for choice in chunk.get("choices") or ():
            index = choice.get("index") or 0
            fold = self._choices.get(index)
            if fold is None:
                fold = self._choice(index)
                self._choices[index] = fold
            fold.feed(choice)

    def _choice(self, index: int) -> _ChoiceFold:
        if index or self._sink is None:
            return _ChoiceFold(index, self._id, None)
        reader = None if self._emulated is None else CallReader(self._id, self._emulated)
        return _ChoiceFold(index, self._id, self._sink, reader)

    def body(self) -> JsonObject:
        """The body of the plain answer."""
        body = {key: value for key, value in self._top.items() if key not in _PER_CHUNK}
        body["id"], body["model"], body["usage"] = self._id, self._model, self._usage
        body["choices"] = [self._choices[index].wire() for index in sorted(self._choices)]
        return body


class _ChoiceFold:
    """One choice of the stream."""

    def __init__(
        self, index: int, response_id: str, sink: Sink | None, reader: CallReader | None = None
    ) -> None:
        self.index = index
        self.finish_reason: str | None = None
        self._response_id = response_id
        self._sink = sink
        self._reader = reader
        self._text: list[str] = []
        self._listed: list[JsonValue] = []
        self._refusal: list[str] = []
        self._reasoning: dict[str, list[str]] = {}
        self._calls: list[_CallFold] = []
        self._logprobs: dict[str, list[JsonValue]] = {}
        self._message: JsonObject = {}
        self._rest: JsonObject = {}
        self._splitter = ThinkSplitter()
        self._thinks_in = ""

    def feed(self, choice: JsonObject) -> None:
        for name, value in choice.items():
            if value is None or name == "index":
                continue
            if name == "delta" or (name == "message" and choice.get("delta") is None):
                self._delta(value)
            elif name == "message":  # Perplexity: all that was said, beside what is new
                continue
            elif name == "finish_reason":
                self.finish_reason = value
            elif name == "logprobs" and isinstance(value, dict):
                for kind, tokens in value.items():
                    if tokens:
                        self._logprobs.setdefault(kind, []).extend(tokens)
            else:
                self._rest[name] = _merge(self._rest.get(name), value, name)

    def wire(self) -> JsonObject:
        """The choice as a plain answer has it. The stream has ended: nothing is held back now."""
        if self._sink is not None:
            self._emit(*self._splitter.finish())
            if self._reader is not None:
                self._tell(self._reader.finish())
        message = self._message
        message["content"] = self._listed or ("".join(self._text) if self._text else None)
        if self._refusal:
            message["refusal"] = "".join(self._refusal)
        for name, pieces in self._reasoning.items():
            message[name] = "".join(pieces)
        if self._calls:
            message["tool_calls"] = [call.wire() for call in self._calls]
        return {
            **self._rest,
            "index": self.index,
            "message": message,
            "finish_reason": self.finish_reason,
            "logprobs": self._logprobs or None,
        }

    def _delta(self, delta: JsonObject) -> None:
        for name, value in delta.items():
            if name == "role" or value is None:
                continue
            if name == "content" and isinstance(value, str):
                self._add_text(value)
            elif name == "content" and isinstance(value, dict):  # Cloudflare's answer to a schema
                self._add_text(dumps(value).decode())
            elif name == "content" and isinstance(value, list):
                for part in value:
                    self._add_part(part)
            elif name == "tool_calls":
                for call in value:
                    if call:
                        self._add_call(call)
            elif name in REASONING_FIELDS and isinstance(value, str):
                self._add_reasoning(name, value)
            elif name == "refusal" and isinstance(value, str):
                self._add_refusal(value)
            else:
                self._message[name] = _merge(self._message.get(name), value, name)
        details = details_text(delta.get("reasoning_details"))
        if details and not any(delta.get(name) for name in REASONING_FIELDS):
            self._tell_reasoning("reasoning_details", details)

    def _add_part(self, part: JsonValue) -> None:
        """A content that is a list: parts of one kind, one after the other, are pieces of one."""
        kind, text = read_part(part)
        if not self._listed and self._text:
            self._listed.append({"type": "text", "text": "".join(self._text)})
        last = self._listed[-1] if self._listed else None
        part = {"type": "text", "text": text} if isinstance(part, str) else part
        if kind != "data" and last is not None and read_part(last)[0] == kind:
            self._listed[-1] = _merge(last, part, "content")
        elif part:
            if kind == "text" and any(read_part(one)[0] == "text" for one in self._listed):
                self._tell_text("\n")  # parts of a message's text are lines of it
            self._listed.append(part)
        if kind == "text":
            self._tell_text(text)
        elif text:
            self._tell_reasoning("content", text)

    def _add_text(self, text: str) -> None:
        if not text:
            return
        if self._listed:
            self._add_part(text)
            return
        self._text.append(text)
        self._tell_text(text)

    def _tell_text(self, text: str) -> None:
        if self._sink is None or not text:
            return
        if self._splitter.passive and self._reader is None:
            self._sink.text(text)
        else:
            self._emit(*self._splitter.feed(text))

    def _emit(self, reasoning: str, text: str) -> None:
        assert self._sink is not None
        if reasoning:
            self._sink.reasoning(reasoning)
        if text and self._reader is not None:
            self._tell(self._reader.feed(text))
        elif text:
            self._sink.text(text)

    def _tell(self, pieces: Iterable[str | ToolCall]) -> None:
        assert self._sink is not None
        for piece in pieces:
            if isinstance(piece, str):
                self._sink.text(piece)
            else:
                arguments = dumps(piece.arguments).decode()
                self._sink.tool_call(piece.id, piece.function, arguments)

    def _add_reasoning(self, name: str, text: str) -> None:
        """Servers that fill two members say the same in both: one of them is told."""
        self._reasoning.setdefault(name, []).append(text)
        if text:
            self._tell_reasoning(name, text)

    def _tell_reasoning(self, name: str, text: str) -> None:
        self._thinks_in = self._thinks_in or name
        if self._sink is not None and name == self._thinks_in:
            self._sink.reasoning(text)

    def _add_refusal(self, text: str) -> None:
        if not text:
            return
        if self._sink is not None:
            if not self._refusal and self._text:
                self._sink.text("\n")  # parts of a message's text are lines of it
            self._sink.text(text)
        self._refusal.append(text)

    def _add_call(self, delta: JsonObject) -> None:
        call = self._find_call(delta)
        piece = call.feed(delta)
        if self._sink is not None and (piece or call.name):
            name = "" if call.announced else call.name
            call.announced = call.announced or bool(name)
            self._sink.tool_call(call.id, name, piece)

    def _find_call(self, delta: JsonObject) -> _CallFold:
        """By index; servers that give none, or 0 to all, tell calls apart by id. Some vLLM servers
        give each piece of a call an id of its own: one without a name goes on with its call.
        """
        index, id = delta.get("index"), delta.get("id")
        begins = any((delta.get(kind) or {}).get("name") for kind in ("function", "custom"))
        found = None
        if index is not None:
            found = next((call for call in reversed(self._calls) if call.index == index), None)
        elif self._calls and (not id or not begins or id == self._calls[-1].id):
            found = self._calls[-1]
        if found is None or (begins and id and found.given and id != found.id):
            number = len(self._calls)
            found = _CallFold(
                number if index is None else index, call_id(self._response_id, number)
            )
            self._calls.append(found)
        return found


class _CallFold:
    """One tool call of the stream."""

    def __init__(self, index: int, id: str) -> None:
        self.index = index
        self.id = id
        self.given = self.announced = False
        self.name = ""
        self._kind = "function"
        self._pieces: list[str] = []
        self._rest: JsonObject = {}

    def feed(self, delta: JsonObject) -> str:
        """Adds a delta; returns its piece of the arguments."""
        if delta.get("id") and not self.given:
            self.id, self.given = delta["id"], True
        for name, value in delta.items():
            if name in ("function", "custom"):
                if value and any(value.values()):
                    self._kind = name
            elif name not in ("id", "index", "type") and value is not None:
                self._rest[name] = _merge(self._rest.get(name), value, name)
        said = delta.get(self._kind) or {}
        self.name = self.name or said.get("name") or ""
        piece = said.get("arguments" if self._kind == "function" else "input") or ""
        if not isinstance(piece, str):  # some servers send the object in place of its text
            piece = dumps(piece).decode()
        if piece:
            self._pieces.append(piece)
        return piece

    def wire(self) -> JsonObject:
        text = "arguments" if self._kind == "function" else "input"
        said = {"name": self.name, text: "".join(self._pieces)}
        return {**self._rest, "id": self.id, "type": self._kind, self._kind: said}


def _merge(old: JsonValue, new: JsonValue, name: str) -> JsonValue:
    """A member with no class here: texts grow, lists grow by `index`, names and numbers replace."""
    if old is None or new is None:
        return old if new is None else new
    if isinstance(old, str) and isinstance(new, str):
        return (old or new) if name in _NAMES else old + new
    if isinstance(old, dict) and isinstance(new, dict):
        return {key: _merge(old.get(key), new.get(key), key) for key in [*old, *(new.keys() - old)]}
    if isinstance(old, list) and isinstance(new, list):
        merged = list(old)
        for item in new:
            at = _position(merged, item)
            if at is None:
                merged.append(item)
            else:
                merged[at] = _merge(merged[at], item, name)
        return merged
    return new


def _position(items: list[JsonValue], item: JsonValue) -> int | None:
    if not isinstance(item, dict) or "index" not in item:
        return None
    for at, other in enumerate(items):
        if isinstance(other, dict) and other.get("index") == item["index"]:
            return at
    return None
