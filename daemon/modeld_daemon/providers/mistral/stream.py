"""Chunks of a streamed chat completion to deltas, and to the body that a plain call would have.

https://docs.mistral.ai/api/endpoint/chat
The fold makes JSON, not values: `response.output_from` then makes the output of both ways, so a
stream's result cannot differ from a plain one's.
"""

from __future__ import annotations

from modeld.types import JsonObject, JsonValue

from ...core.ports import Sink
from ..openai_chat.think import ThinkSplitter
from .growing import GrowingCall, GrowingChunk
from .response import NO_ID, TEXT_CHUNKS, call_id

__all__ = ["ChunkFold", "StreamError"]

_PER_CHUNK = ("choices", "usage", "object", "id", "model", "p")
"""Members that the answer has once, or not at all: `p` is padding, against eavesdropping by size."""


class StreamError(Exception):
    """The server reported an error in the middle of the stream."""

    def __init__(self, error: JsonValue) -> None:
        super().__init__("error in the stream")
        self.error = error


class ChunkFold:
    """Puts the chunks of one stream together; tells a sink about the first choice."""

    def __init__(self, sink: Sink | None) -> None:
        self._sink = sink
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
        if chunk.get("error") or chunk.get("object") == "error":
            raise StreamError(chunk)
        if "choices" not in chunk and ("message" in chunk or "detail" in chunk):
            raise StreamError(chunk)
        self._id = self._id or chunk.get("id") or ""
        self._model = self._model or chunk.get("model") or ""
        self._top.update(chunk)
        self._usage = chunk.get("usage") or self._usage
        for choice in chunk.get("choices") or ():
            index = choice.get("index") or 0
            fold = self._choices.get(index)
            if fold is None:
                fold = _ChoiceFold(index, self._id, self._sink if index == 0 else None)
                self._choices[index] = fold
            fold.feed(choice)

    def body(self) -> JsonObject:
        """The body of the plain answer. The stream has ended: nothing is held back now."""
        body = {key: value for key, value in self._top.items() if key not in _PER_CHUNK}
        body["id"], body["model"], body["usage"] = self._id, self._model, self._usage
        body["choices"] = [self._choices[index].wire() for index in sorted(self._choices)]
        return body


class _ChoiceFold:
    """One choice of the stream."""

    def __init__(self, index: int, response_id: str, sink: Sink | None) -> None:
        self.index = index
        self.finish_reason: str | None = None
        self._response_id = response_id
        self._sink = sink
        self._messages: dict[int, _MessageFold] = {}
        self._logprobs: dict[str, list[JsonValue]] = {}
        self._rest: JsonObject = {}

    def feed(self, choice: JsonObject) -> None:
        for name, value in choice.items():
            if value is None or name == "index":
                continue
            if name in ("delta", "message"):
                self._message(value).feed(value)
            elif name == "finish_reason":
                self.finish_reason = value
            elif name in ("logprobs", "prompt_logprobs"):
                self._logprobs.setdefault(name, []).extend(value.get("content") or ())
            else:
                self._rest[name] = value

    def wire(self) -> JsonObject:
        """The choice as a plain answer has it."""
        messages = [self._messages[index].wire() for index in sorted(self._messages)]
        wire: JsonObject = {**self._rest, "index": self.index, "finish_reason": self.finish_reason}
        for name, tokens in self._logprobs.items():
            wire[name] = {"content": tokens}
        if len(messages) > 1:
            return {**wire, "messages": messages}
        return {**wire, "message": messages[0] if messages else {"content": ""}}

    def _message(self, delta: JsonObject) -> _MessageFold:
        """A server that runs tools itself sends several messages, told apart by their index."""
        index = delta.get("index") or 0
        if index not in self._messages:
            sink = None if delta.get("role") == "tool" else self._sink
            self._messages[index] = _MessageFold(self._response_id, sink)
        return self._messages[index]


class _MessageFold:
    """One message of a choice."""

    def __init__(self, response_id: str, sink: Sink | None) -> None:
        self._response_id = response_id
        self._sink = sink
        self._message: JsonObject = {"role": "assistant"}
        self._chunks: list[GrowingChunk | JsonObject] = []
        self._calls: list[GrowingCall] = []
        self._splitter: ThinkSplitter | None = ThinkSplitter()
        self._said = self._broken = False

    def feed(self, delta: JsonObject) -> None:
        for name, value in delta.items():
            if value is None:
                continue
            if name == "content":
                self._add_content(value)
            elif name == "tool_calls":
                for call in value:
                    self._add_call(call)
            elif name != "role" or value:
                self._message[name] = value

    def wire(self) -> JsonObject:
        self._end_of_tags()
        message = {**self._message, "content": self._content()}
        if self._calls:
            message["tool_calls"] = [call.wire() for call in self._calls]
        return message

    def _content(self) -> JsonValue:
        chunks = self._chunks
        if all(isinstance(chunk, GrowingChunk) and chunk.plain for chunk in chunks):
            return "".join(chunk.text() for chunk in chunks if isinstance(chunk, GrowingChunk))
        wire = [chunk.wire() if isinstance(chunk, GrowingChunk) else chunk for chunk in chunks]
        return [chunk for chunk in wire if chunk != {"type": "text", "text": ""}]

    def _add_content(self, content: JsonValue) -> None:
        if isinstance(content, str):
            self._add_text("text", {"type": "text", "text": content})
            return
        for chunk in content:
            kind = chunk.get("type")
            if kind in ("text", "thinking"):
                self._add_text(kind, chunk)
            else:
                self._chunks.append(chunk)
                self._end_of_tags()
                self._broken = self._said if kind not in TEXT_CHUNKS else self._broken

    def _add_text(self, kind: str, chunk: JsonObject) -> None:
        last = self._chunks[-1] if self._chunks else None
        if not isinstance(last, GrowingChunk) or not last.takes(kind):
            last = GrowingChunk(kind)
            self._chunks.append(last)
        piece = last.feed(chunk)
        if kind == "thinking":
            self._end_of_tags()
            self._broken = self._said
            if piece and self._sink is not None:
                self._sink.reasoning(piece)
        elif piece and self._sink is not None:
            self._emit(*(self._splitter.feed(piece) if self._splitter else ("", piece)))

    def _end_of_tags(self) -> None:
        """Only a text in front of everything else can be tagged thoughts."""
        splitter, self._splitter = self._splitter, None
        if splitter is not None and self._sink is not None:
            self._emit(*splitter.finish())

    def _emit(self, reasoning: str, text: str) -> None:
        """Tells the sink. A text behind a chunk that is none is a part, and thus a line, of its own."""
        assert self._sink is not None
        if reasoning:
            self._sink.reasoning(reasoning)
        if text:
            if self._broken:
                self._sink.text("\n")
            self._said, self._broken = True, False
            self._sink.text(text)

    def _add_call(self, delta: JsonObject) -> None:
        call = self._find_call(delta)
        piece = call.feed(delta)
        if self._sink is not None and (piece or call.name):
            name = "" if call.announced else call.name
            call.announced = call.announced or bool(name)
            self._sink.tool_call(call.id, name, piece)

    def _find_call(self, delta: JsonObject) -> GrowingCall:
        """By id; a delta without one goes on with the call of its index."""
        id, index = delta.get("id"), delta.get("index") or 0
        if id in NO_ID:
            found = next((call for call in reversed(self._calls) if call.index == index), None)
        else:
            found = next((call for call in self._calls if call.id == id), None)
        if found is None:
            given = call_id(self._response_id, len(self._calls)) if id in NO_ID else id
            found = GrowingCall(index, given)
            self._calls.append(found)
        return found
