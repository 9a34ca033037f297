"""Events of a streamed message to deltas, and to the body that a plain call would have.

https://platform.claude.com/docs/en/build-with-claude/streaming
The fold makes JSON, not values: `response.output_from` then makes the output of both ways, so a
stream's result cannot differ from a plain one's.
"""

from __future__ import annotations

from collections.abc import Sequence

from modeld.types import JsonObject, JsonValue

from ...core.ports import Sink
from ..http.jsontext import dumps, loads

__all__ = ["EventFold", "StreamError"]

_INPUT = "partial_json"


class StreamError(Exception):
    """The server reported an error in the middle of the stream."""

    def __init__(self, error: JsonValue) -> None:
        super().__init__("error in the stream")
        self.error = error


class EventFold:
    """Puts the events of one stream together, and tells a sink.

    Args:
        sink: Where deltas go.
        before: Blocks of an earlier part of the same turn.
    """

    def __init__(self, sink: Sink | None, before: Sequence[JsonObject] = ()) -> None:
        self._sink = sink
        self._before: str = before[-1].get("type") or "" if before else ""
        self._message: JsonObject = {}
        self._blocks: dict[int, _BlockFold] = {}
        self._spoke = any(block.get("type") == "text" for block in before)
        self.finished = False
        """Whether the message has ended."""

    @property
    def empty(self) -> bool:
        """Whether no message has begun."""
        return not self._message

    def feed(self, event: JsonObject) -> None:
        """Adds an event; kinds that nobody knows yet are passed over, as the API asks."""
        match event.get("type"):
            case "message_start":
                self._message = {**event["message"]}
                for index, block in enumerate(self._message.get("content") or ()):
                    self._start(index, block)
            case "content_block_start":
                self._start(event["index"], event["content_block"])
            case "content_block_delta":
                self._blocks[event["index"]].feed(event["delta"], self._sink)
            case "content_block_stop":
                self._blocks[event["index"]].end(self._sink)
            case "message_delta":
                self._delta(event)
            case "message_stop":
                for block in self._blocks.values():
                    block.end(self._sink)
                self.finished = True
            case "error":
                raise StreamError(event)
            case None if "error" in event:
                raise StreamError(event)

    def body(self) -> JsonObject:
        """The body of the plain answer."""
        content = [self._blocks[index].wire() for index in sorted(self._blocks)]
        return {**self._message, "content": content}

    def _start(self, index: int, block: JsonObject) -> None:
        previous = self._blocks[max(self._blocks)].kind if self._blocks else self._before
        fold = self._blocks[index] = _BlockFold(block)
        if self._sink is None:
            return
        if fold.kind == "text":
            if self._spoke and previous != "text":
                self._sink.text("\n")  # see response.joined_text
            self._spoke = True
            if block.get("text"):
                self._sink.text(block["text"])
        elif fold.kind == "thinking" and block.get("thinking"):
            self._sink.reasoning(block["thinking"])
        elif fold.kind == "tool_use":
            self._sink.tool_call(fold.id, block.get("name") or "", "")

    def _delta(self, event: JsonObject) -> None:
        for name, value in event.items():
            if name == "delta":
                self._message.update(value or {})
            elif name == "usage":
                # counts are cumulative, and those that did not change may be left out
                usage = self._message.get("usage") or {}
                given = {k: v for k, v in (value or {}).items() if v is not None}
                self._message["usage"] = {**usage, **given}
            elif name != "type":
                self._message[name] = value


class _BlockFold:
    """One block of the stream."""

    def __init__(self, block: JsonObject) -> None:
        self.kind: str = block.get("type") or ""
        self.id: str = block.get("id") or ""
        self._block = dict(block)
        self._pieces: dict[str, list[str]] = {}
        self._told_input = False

    def feed(self, delta: JsonObject, sink: Sink | None) -> None:
        for name, value in delta.items():
            if name == "type":
                continue
            if name == "citation":
                self._block["citations"] = [*(self._block.get("citations") or ()), value]
            elif isinstance(value, str):
                self._pieces.setdefault(name, []).append(value)
                if sink is not None and value:
                    self._tell(name, value, sink)
            elif isinstance(value, list) and isinstance(self._block.get(name), list):
                self._block[name] = [*self._block[name], *value]
            elif value is not None:
                self._block[name] = value

    def _tell(self, name: str, piece: str, sink: Sink) -> None:
        if name == "text" and self.kind == "text":
            sink.text(piece)
        elif name == "thinking":
            sink.reasoning(piece)
        elif name == _INPUT and self.kind == "tool_use":
            self._told_input = True
            sink.tool_call(self.id, "", piece)

    def end(self, sink: Sink | None = None) -> None:
        """Puts the pieces together. An input that came whole with the start of its block is told
        now, as that of a call that code of the server made.

        https://platform.claude.com/docs/en/agents-and-tools/tool-use/programmatic-tool-calling
        """
        for name, pieces in self._pieces.items():
            text = "".join(pieces)
            if name != _INPUT:
                self._block[name] = (self._block.get(name) or "") + text
            elif text:
                self._block["input"] = _object(text)
        self._pieces = {}
        given = self._block.get("input")
        if sink is not None and self.kind == "tool_use" and given and not self._told_input:
            self._told_input = True
            sink.tool_call(self.id, "", dumps(given).decode())

    def wire(self) -> JsonObject:
        """The block as a plain answer has it."""
        self.end()
        return self._block


def _object(text: str) -> JsonValue:
    """The input; the text itself where it is no JSON, for whoever reads calls."""
    try:
        value = loads(text.encode())
    except ValueError:
        return text
    return value if isinstance(value, dict) else text
