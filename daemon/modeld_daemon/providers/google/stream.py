"""Chunks of a streamed answer to deltas, and to the body that a plain answer would have. Pure.

https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
A chunk is an answer of its own with the next parts in it. The fold makes JSON, not values:
`response.output_from` then makes the output of both ways, so a stream's result cannot differ.
"""

from __future__ import annotations

from modeld.types import JsonObject, JsonValue

from ...core.ports import Sink
from ..http.jsontext import dumps
from .growing import GrowingCall, is_in_pieces
from .parts import call_id, is_nothing

__all__ = ["ChunkFold", "StreamError"]

_REPLACED = frozenset(("safetyRatings", "finishReason", "index"))


class StreamError(Exception):
    """The server reported an error in the middle of the stream."""

    def __init__(self, error: JsonValue) -> None:
        super().__init__("error in the stream")
        self.error = error


class ChunkFold:
    """Puts the chunks of one stream together; tells a sink about the first candidate."""

    def __init__(self, sink: Sink | None) -> None:
        self._sink = sink
        self._top: JsonObject = {}
        self._candidates: dict[int, _CandidateFold] = {}
        self.empty = True
        """Whether no chunk has come."""

    @property
    def finished(self) -> bool:
        """Whether every candidate has said why it ended, or the prompt was refused."""
        if not self._candidates:
            return bool((self._top.get("promptFeedback") or {}).get("blockReason"))
        return all("finishReason" in fold.members for fold in self._candidates.values())

    def feed(self, chunk: JsonValue) -> None:
        """Adds a chunk; an array is all chunks at once (the API's form without `alt=sse`)."""
        if isinstance(chunk, list):
            for one in chunk:
                self.feed(one)
            return
        if chunk.get("error"):
            raise StreamError(chunk)
        self.empty = False
        for name, value in chunk.items():
            if name != "candidates" and value is not None:
                self._top[name] = value  # counters of the last chunk are those of the answer
        for candidate in chunk.get("candidates") or ():
            index = candidate.get("index") or 0
            fold = self._candidates.get(index)
            if fold is None:
                fold = _CandidateFold(self._sink if index == 0 else None)
                self._candidates[index] = fold
            fold.feed(candidate, self._top.get("responseId"))

    def body(self) -> JsonObject:
        """The body of the plain answer."""
        folds = self._candidates
        return {**self._top, "candidates": [folds[index].wire(index) for index in sorted(folds)]}


class _CandidateFold:
    """One candidate of the stream."""

    def __init__(self, sink: Sink | None) -> None:
        self.members: JsonObject = {}
        self._sink = sink
        self._parts: list[JsonObject] = []
        self._calls = 0
        self._growing: GrowingCall | None = None
        self._texts = 0
        self._in_text = False

    def feed(self, candidate: JsonObject, response_id: str | None) -> None:
        for name, value in candidate.items():
            if name == "content":
                for part in (value or {}).get("parts") or ():
                    if not is_nothing(part):
                        self._add(part, response_id)
            elif value is not None:
                self.members[name] = _merge(self.members.get(name), value, name)
        if "finishReason" in self.members:
            self._end_call()

    def wire(self, index: int) -> JsonObject:
        """The candidate as a plain answer has it."""
        return {**self.members, "index": index, "content": {"role": "model", "parts": self._parts}}

    def _add(self, part: JsonObject, response_id: str | None) -> None:
        if "functionCall" in part and self._takes_piece(part, response_id):
            return
        if self._sink is not None:
            self._tell(part, response_id, self._sink)
        if "functionCall" in part:
            self._calls += 1
        last = self._parts[-1] if self._parts else None
        if last is not None and _continues(last, part):
            last["text"] += part["text"]
        else:
            self._parts.append(dict(part))

    def _takes_piece(self, part: JsonObject, response_id: str | None) -> bool:
        """Whether the part is a piece of a call, or the end of one that has ended already."""
        call = part["functionCall"]
        if call.get("name"):
            self._end_call()
            if not is_in_pieces(call):
                return False
            id = call.get("id") or call_id(response_id, self._calls)
            self._growing = GrowingCall(part, id)
            self._calls += 1
            self._in_text = False
            self._parts.append(self._growing.part)
            if self._sink is not None:
                self._sink.tool_call(id, call["name"], "")
        elif self._growing is not None:
            self._growing.feed(part)
        elif call:
            return False
        if self._growing is not None and self._growing.ended:
            self._end_call()
        return True

    def _end_call(self) -> None:
        """Tells the arguments of a call that came in pieces."""
        growing, self._growing = self._growing, None
        if growing is not None and self._sink is not None:
            self._sink.tool_call(growing.id, "", dumps(growing.args).decode())

    def _tell(self, part: JsonObject, response_id: str | None, sink: Sink) -> None:
        text = part.get("text")
        if isinstance(text, str) and not part.get("thought"):
            if text and not self._in_text:
                if self._texts:
                    sink.text("\n")  # parts of a message's text are lines of it
                self._texts += 1
                self._in_text = True
            if text:
                sink.text(text)
            return
        self._in_text = False
        if isinstance(text, str):
            if text:
                sink.reasoning(text)
            return
        call = part.get("functionCall")
        if call:
            id = call.get("id") or call_id(response_id, self._calls)
            sink.tool_call(id, call["name"], dumps(call.get("args") or {}).decode())


def _continues(last: JsonObject, part: JsonObject) -> bool:
    """Whether a part is the rest of the one before: nothing but text or nothing but thoughts.

    A piece with a signature stays apart, as Google asks of whoever joins pieces.
    """
    if last.keys() != part.keys() or last.get("thought") != part.get("thought"):
        return False
    return part.keys() <= {"text", "thought"} and isinstance(part.get("text"), str)


def _merge(old: JsonValue, new: JsonValue, name: str) -> JsonValue:
    """A candidate's member that comes in several chunks: lists grow, or come again longer."""
    if old is None or name in _REPLACED:
        return new
    if isinstance(old, dict) and isinstance(new, dict):
        return {
            key: _merge(old.get(key), new[key], key) if key in new else old[key]
            for key in [*old, *(new.keys() - old.keys())]
        }
    if isinstance(old, list) and isinstance(new, list):
        return new if new[: len(old)] == old else old + new
    return new
