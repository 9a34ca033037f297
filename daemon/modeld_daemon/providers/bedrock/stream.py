"""Events of ConverseStream to deltas, and to the body that a plain answer would have. Pure.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStreamOutput.html
"""

from __future__ import annotations

from modeld.types import JsonObject, JsonValue

from ...core.ports import Sink
from ..aws.errors import WireError, read_error
from ..aws.eventstream import Frame
from ..http.jsontext import loads

__all__ = ["EventFold", "StreamError"]


class StreamError(Exception):
    """The server reported an error in the middle of the stream."""

    def __init__(self, error: WireError) -> None:
        super().__init__("error in the stream")
        self.error = error


class EventFold:
    """Puts the events of one stream together, and tells a sink."""

    def __init__(self, sink: Sink | None) -> None:
        self._sink = sink
        self._blocks: dict[int, _BlockFold] = {}
        self._members: JsonObject = {}
        self._spoke = False
        self.empty = True
        """Whether no event has come."""

    @property
    def finished(self) -> bool:
        """Whether the message has ended; its usage comes after that."""
        return "stopReason" in self._members

    @property
    def complete(self) -> bool:
        """Whether nothing more will come."""
        return self.finished and "usage" in self._members

    def feed(self, frame: Frame) -> None:
        """Adds an event; kinds that nobody knows yet are passed over."""
        self.empty = False
        if frame.kind != "event":
            error = read_error(frame.payload, {"x-amzn-errortype": frame.name})
            message = error.message if frame.payload else frame.headers.get(":error-message", "")
            raise StreamError(WireError(message, error.type))
        event = loads(frame.payload)
        match frame.name:
            case "contentBlockStart":
                self._start(event["contentBlockIndex"], event["start"])
            case "contentBlockDelta":
                self._delta(event["contentBlockIndex"], event["delta"])
            case "messageStop":
                self._members["stopReason"] = event["stopReason"]
                if event.get("additionalModelResponseFields"):
                    further = event["additionalModelResponseFields"]
                    self._members["additionalModelResponseFields"] = further
            case "metadata":
                self._members.update({k: v for k, v in event.items() if k != "p"})  # p is padding

    def body(self) -> JsonObject:
        """The body of the plain answer."""
        content = [self._blocks[index].wire() for index in sorted(self._blocks)]
        content = [block for block in content if block]
        message = {"role": "assistant", "content": content}
        return {"output": {"message": message}, **self._members}

    def _start(self, index: int, start: JsonObject) -> None:
        fold = self._blocks[index] = _BlockFold(start)
        call = start.get("toolUse")
        if self._sink is not None and call and call.get("type") != "server_tool_use":
            fold.id = call["toolUseId"]
            self._sink.tool_call(fold.id, call["name"], "")

    def _delta(self, index: int, delta: JsonObject) -> None:
        fold = self._blocks.get(index)
        if fold is None:
            fold = self._blocks[index] = _BlockFold({})
        if self._sink is not None:
            self._tell(index, delta, self._sink)
        fold.feed(delta)

    def _tell(self, index: int, delta: JsonObject, sink: Sink) -> None:
        fold = self._blocks[index]
        if delta.get("text"):
            if not fold.spoke and self._spoke and not self._follows_text(index):
                sink.text("\n")  # see anthropic.response.joined_text
            fold.spoke = self._spoke = True
            sink.text(delta["text"])
        elif (delta.get("reasoningContent") or {}).get("text"):
            sink.reasoning(delta["reasoningContent"]["text"])
        elif fold.id and (delta.get("toolUse") or {}).get("input"):
            sink.tool_call(fold.id, "", delta["toolUse"]["input"])

    def _follows_text(self, index: int) -> bool:
        before = [at for at, fold in self._blocks.items() if at < index and fold.wire()]
        return bool(before) and self._blocks[max(before)].spoke


class _BlockFold:
    """One block of the stream."""

    def __init__(self, start: JsonObject) -> None:
        self.id = ""
        """Id of a call that the sink knows of."""
        self.spoke = False
        self._start = start
        self._texts: list[str] = []
        self._inputs: list[str] = []
        self._reasoning: dict[str, list[str]] = {}
        self._citations: list[JsonObject] = []
        self._results: list[JsonObject] = []
        self._others: JsonObject = {}

    def feed(self, delta: JsonObject) -> None:
        for name, value in delta.items():
            if name == "text":
                self._texts.append(value)
            elif name == "toolUse":
                self._inputs.append(value.get("input") or "")
            elif name == "reasoningContent":
                for part, piece in value.items():
                    self._reasoning.setdefault(part, []).append(piece)
            elif name == "citation":
                self._citations.append(value)
            elif name == "toolResult":
                self._results += value
            else:
                self._others[name] = value

    def wire(self) -> JsonObject:
        """The block as a plain answer has it; empty where nothing was said."""
        if "toolUse" in self._start:
            return {"toolUse": {**self._start["toolUse"], "input": _object("".join(self._inputs))}}
        if "toolResult" in self._start:
            return {"toolResult": {**self._start["toolResult"], "content": self._results}}
        if self._reasoning:
            pieces = {name: "".join(texts) for name, texts in self._reasoning.items()}
            if "redactedContent" in pieces:
                return {"reasoningContent": {"redactedContent": pieces["redactedContent"]}}
            return {"reasoningContent": {"reasoningText": pieces}}
        text = "".join(self._texts)
        if self._citations:
            return {"citationsContent": {"content": [{"text": text}], "citations": self._citations}}
        if text:
            return {"text": text}
        return {**self._start, **self._others}


def _object(text: str) -> JsonValue:
    """The input; the text itself where it is no JSON object, for whoever reads calls."""
    try:
        value = loads(text.encode()) if text else {}
    except ValueError:
        return text
    return value if isinstance(value, dict) else text
