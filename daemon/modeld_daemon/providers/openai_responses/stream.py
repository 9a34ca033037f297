"""Events of a streamed response to deltas, and to the body that a plain call would have.

https://platform.openai.com/docs/api-reference/responses-streaming
The last event carries the whole response; `response.output_from` makes the output of both ways, so
a stream's result cannot differ from a plain one's. Deltas are only told. A server that sends no
deltas, or not all, is completed from the items when they are done.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from modeld.types import JsonObject, JsonValue

from ...core.ports import Sink
from ..http.jsontext import dumps
from .items import call_of

__all__ = ["EventFold", "StreamError"]

_LAST = frozenset(("response.completed", "response.incomplete", "response.failed"))
_TEXTS = {"output_text": "text", "refusal": "refusal"}
_THOUGHTS = ("content", "summary")
_CALLS = frozenset(("function_call", "custom_tool_call", "computer_call"))


class StreamError(Exception):
    """The server reported an error in the stream."""

    def __init__(self, error: JsonValue) -> None:
        super().__init__("error in the stream")
        self.error = error


class EventFold:
    """Puts the events of one stream together and tells a sink.

    Args:
        sink: Where deltas go.
        custom_calls: Whether calls of custom tools are the client's to run.
    """

    def __init__(self, sink: Sink | None, *, custom_calls: bool = True) -> None:
        calls = _CALLS if custom_calls else _CALLS - {"custom_tool_call"}
        self._teller = None if sink is None else _Teller(sink, calls)
        self._done: dict[int, JsonObject] = {}
        self._last: JsonObject | None = None
        self.empty = True

    @property
    def finished(self) -> bool:
        """Whether the response has come to its end."""
        return self._last is not None

    @property
    def said(self) -> bool:
        """Whether the sink was told anything."""
        return self._teller is not None and self._teller.said

    def feed(self, event: JsonObject) -> None:
        """Adds an event. Kinds that nobody here knows only lead up to items."""
        self.empty = False
        kind = event.get("type") or ""
        if kind == "error" or (not kind and event.get("error")):
            raise StreamError(event)
        if kind in _LAST:
            self._last = event["response"]
            self._settle_rest(self._last.get("output") or [])
        elif kind == "response.output_item.done":
            self._done[event["output_index"]] = event["item"]
            if self._teller is not None:
                self._teller.settle(event["output_index"], event["item"])
        elif self._teller is not None:
            self._teller.event(kind, event)

    def body(self) -> JsonObject:
        """The body of the plain answer."""
        assert self._last is not None
        output = self._last.get("output") or []
        if len(output) < len(self._done):  # a server that leaves them out at the end
            output = [self._done[index] for index in sorted(self._done)]
        return {**self._last, "output": output}

    def _settle_rest(self, output: list[JsonObject]) -> None:
        """Tells the items that were not said to be done. Ids and indices of some servers' streams
        are not those of the response, so where as many are done as there are, all are told.
        """
        if self._teller is None or len(self._done) >= len(output):
            return
        ids = {item.get("id") for item in self._done.values()}
        for index, item in enumerate(output):
            if index not in self._done and item.get("id") not in ids:
                self._teller.settle(index, item)


class _Teller:
    """Tells a sink what has not been told yet."""

    def __init__(self, sink: Sink, kinds: AbstractSet[str]) -> None:
        self._sink = sink
        self._kinds = kinds
        self._texts: dict[int, dict[int, int]] = {}
        self._thoughts: dict[int, _Thoughts] = {}
        self._calls: dict[int, _Call] = {}

    @property
    def said(self) -> bool:
        """Whether anything was told."""
        texts = any(any(told.values()) for told in self._texts.values())
        return texts or bool(self._thoughts or self._calls)

    def event(self, kind: str, event: JsonObject) -> None:
        """A piece of an item."""
        index = event.get("output_index") or 0
        match kind:
            case "response.output_text.delta" | "response.refusal.delta":
                self._text(index, event.get("content_index") or 0, event["delta"])
            case "response.content_part.added" if event["part"].get("type") in _TEXTS:
                self._text(index, event.get("content_index") or 0, "")
            case "response.reasoning_text.delta":
                self._think(index, "content", event.get("content_index") or 0, event["delta"])
            case "response.reasoning_summary_text.delta":
                self._think(index, "summary", event.get("summary_index") or 0, event["delta"])
            case "response.output_item.added" if event["item"].get("type") in self._kinds:
                self._open(index, event["item"])
            case "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta":
                self._call(index, event["delta"])

    def settle(self, index: int, item: JsonObject) -> None:
        """The rest of an item that is done."""
        kind = item.get("type")
        if kind == "message":
            told = _in_order(self._texts.get(index, {}))
            for at, part in enumerate(item.get("content") or ()):
                name = _TEXTS.get(part.get("type"))
                if name is not None:
                    key, count = next(told, (at, 0))
                    self._text(index, key, part[name][count:])
        elif kind == "reasoning":
            said = self._thoughts.get(index)
            for name in (said.kind,) if said else _THOUGHTS:
                told = _in_order(said.told if said else {})
                for at, part in enumerate(item.get(name) or ()):
                    key, count = next(told, (at, 0))
                    self._think(index, name, key, (part.get("text") or "")[count:])
        elif kind in self._kinds:
            self._open(index, item)
            self._call(index, _arguments(item)[self._calls[index].told :])

    def _text(self, index: int, at: int, text: str) -> None:
        """Parts of a message's text are lines of it."""
        told = self._texts.setdefault(index, {})
        line = "\n" if at not in told and (len(self._texts) > 1 or told) else ""
        told[at] = told.get(at, 0) + len(text)
        if line or text:
            self._sink.text(line + text)

    def _think(self, index: int, kind: str, at: int, text: str) -> None:
        """Parts of an item's thoughts are paragraphs. Of thoughts and summary one is told."""
        if not text:
            return
        said = self._thoughts.setdefault(index, _Thoughts(kind))
        if kind != said.kind:
            return
        paragraph = bool(said.told) and at not in said.told
        said.told[at] = said.told.get(at, 0) + len(text)
        self._sink.reasoning("\n\n" + text if paragraph else text)

    def _open(self, index: int, item: JsonObject) -> None:
        if index in self._calls or not item.get("call_id"):
            return
        self._calls[index] = call = _Call(item["call_id"])
        self._sink.tool_call(call.id, item.get("name") or "computer", "")

    def _call(self, index: int, piece: str) -> None:
        call = self._calls.get(index)
        if call is not None and piece:
            call.told += len(piece)
            self._sink.tool_call(call.id, "", piece)


class _Thoughts:
    """What was told of one item's thoughts."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.told: dict[int, int] = {}


class _Call:
    """What was told of one call."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.told = 0


def _in_order(told: dict[int, int]) -> Iterator[tuple[int, int]]:
    """Indices of parts and what was told of each; some servers do not count from 0."""
    return iter(sorted(told.items()))


def _arguments(item: JsonObject) -> str:
    """The text of a call's arguments."""
    text = item.get("input" if item["type"] == "custom_tool_call" else "arguments")
    if isinstance(text, str):
        return text
    call = call_of(item)
    return (
        "" if call is None or item["type"] == "custom_tool_call" else dumps(call.arguments).decode()
    )
