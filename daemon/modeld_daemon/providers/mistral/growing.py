"""What grows while a stream lasts: texts, thoughts and tool calls."""

from __future__ import annotations

from modeld.types import JsonObject

from ..http.jsontext import dumps

__all__ = ["GrowingCall", "GrowingChunk"]


class GrowingChunk:
    """A text or thinking chunk that grows."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._pieces: list[str] = []
        self._thoughts: list[JsonObject] = []
        self._listed = False
        self._members: JsonObject = {}

    @property
    def plain(self) -> bool:
        """Whether it is text and nothing but text."""
        return self._kind == "text" and not self._members

    def takes(self, kind: str) -> bool:
        """Whether more of that kind belongs to it; closed or signed thoughts are complete."""
        return kind == self._kind and not (
            self._members.get("closed") or self._members.get("signature")
        )

    def text(self) -> str:
        """What came since the last thought that was no text."""
        return "".join(self._pieces)

    def feed(self, chunk: JsonObject) -> str:
        """Adds a chunk; returns the text that it adds."""
        said = chunk.get(self._kind)
        for name, value in chunk.items():
            if name not in ("type", self._kind) and value is not None:
                self._members[name] = value
        if isinstance(said, str):
            self._pieces.append(said)
            return said
        self._listed = True
        return "".join(self._add_thought(piece) for piece in said or ())

    def _add_thought(self, piece: JsonObject) -> str:
        text: str = (piece.get("text") or "") if piece.get("type") == "text" else ""
        if piece == {"type": "text", "text": text}:
            self._pieces.append(text)
        else:
            self._end_of_text()
            self._thoughts.append(piece)
        return text

    def _end_of_text(self) -> None:
        if self._pieces:
            self._thoughts.append({"type": "text", "text": self.text()})
            self._pieces = []

    def wire(self) -> JsonObject:
        """The chunk as a plain answer has it."""
        if self._listed:
            self._end_of_text()
            return {"type": self._kind, self._kind: self._thoughts, **self._members}
        return {"type": self._kind, self._kind: self.text(), **self._members}


class GrowingCall:
    """One tool call of the stream. Most come whole."""

    def __init__(self, index: int, id: str) -> None:
        self.index = index
        self.id = id
        self.name = ""
        self.announced = False
        self._pieces: list[str] = []
        self._rest: JsonObject = {}

    def feed(self, delta: JsonObject) -> str:
        """Adds a delta; returns its piece of the arguments."""
        self._rest |= {k: v for k, v in delta.items() if k not in ("id", "function")}
        function = delta.get("function") or {}
        self.name = self.name or function.get("name") or ""
        said = function.get("arguments") or ""
        piece: str = said if isinstance(said, str) else dumps(said).decode()
        if piece:
            self._pieces.append(piece)
        return piece

    def wire(self) -> JsonObject:
        """The call as a plain answer has it."""
        function = {"name": self.name, "arguments": "".join(self._pieces)}
        return {**self._rest, "id": self.id, "function": function}
