"""Messages of a conversation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar, cast

from .content import Content, ContentText
from .identity import new_id
from .jsonable import JsonObject
from .tool import ToolCall, ToolCallError
from .value import Value, union_from_dict

T = TypeVar("T")

MessageSource: TypeAlias = Literal["input", "generate", "operator"]
Role: TypeAlias = Literal["system", "user", "assistant", "tool"]


@dataclass(slots=True, eq=False, repr=False)
class ChatMessageBase:
    """What all messages have."""

    id: str | None = field(default_factory=new_id, kw_only=True)
    """Short random id when the message is made by code; as it was when it is loaded."""
    role: Role = field(kw_only=True)
    content: str | list[Content]
    source: MessageSource | None = field(default=None, kw_only=True)
    """Where the message comes from: "generate" on model output, "input" on datasets."""
    metadata: JsonObject | None = field(default=None, kw_only=True)
    """The caller's own data; not sent to a provider, but for the prompt of a text completion."""

    @property
    def text(self) -> str:
        """All text parts, one per line. Setting it replaces them and keeps other parts."""
        content = self.content
        if isinstance(content, str):
            return content
        return "\n".join(part.text for part in content if isinstance(part, ContentText))

    @text.setter
    def text(self, text: str) -> None:
        if isinstance(self.content, str):
            self.content = text
            return
        parts: list[Content] = [p for p in self.content if not isinstance(p, ContentText)]
        first = next(
            (i for i, part in enumerate(self.content) if isinstance(part, ContentText)), len(parts)
        )
        parts.insert(first, ContentText(text))
        self.content = parts

    @property
    def content_list(self) -> list[Content]:
        """The content as a list of parts, also when it is plain text."""
        if isinstance(self.content, str):
            return [ContentText(self.content)]
        return self.content

    def metadata_as(self, metadata_cls: type[T]) -> T:
        """The metadata as an instance of a pydantic model, dataclass or any other class."""
        if self.metadata is None:
            raise ValueError("ChatMessage does not have metadata")
        make: Any = metadata_cls
        for name in ("model_validate", "from_dict"):
            if hasattr(metadata_cls, name):
                return getattr(make, name)(self.metadata)  # type: ignore[no-any-return]
        return make(**self.metadata)  # type: ignore[no-any-return]


@dataclass(slots=True, eq=False, repr=False)
class ChatMessageSystem(ChatMessageBase, Value):
    """Instructions of the developer."""

    role: Literal["system"] = field(default="system", kw_only=True)


@dataclass(slots=True, eq=False, repr=False)
class ChatMessageUser(ChatMessageBase, Value):
    """What the user says."""

    role: Literal["user"] = field(default="user", kw_only=True)
    tool_call_id: list[str] | None = field(default=None, kw_only=True)
    """Tool calls whose media were moved into this message."""


@dataclass(slots=True, eq=False, repr=False)
class ChatMessageAssistant(ChatMessageBase, Value):
    """What the model says."""

    role: Literal["assistant"] = field(default="assistant", kw_only=True)
    tool_calls: list[ToolCall] | None = field(default=None, kw_only=True)
    model: str | None = field(default=None, kw_only=True)
    """The model that wrote it."""


@dataclass(slots=True, eq=False, repr=False)
class ChatMessageTool(ChatMessageBase, Value):
    """A tool's answer."""

    role: Literal["tool"] = field(default="tool", kw_only=True)
    tool_call_id: str | None = field(default=None, kw_only=True)
    """The call that this answers."""
    function: str | None = field(default=None, kw_only=True)
    """Name of the tool."""
    error: ToolCallError | None = field(default=None, kw_only=True)


ChatMessage: TypeAlias = (
    ChatMessageSystem | ChatMessageUser | ChatMessageAssistant | ChatMessageTool
)
"""One message of a conversation; told apart by `role`."""

MESSAGE_TYPES = (ChatMessageSystem, ChatMessageUser, ChatMessageAssistant, ChatMessageTool)


def chat_message_from_dict(data: JsonObject) -> ChatMessage:
    """The message whose class `data["role"]` names; a message without an id stays without."""
    return cast("ChatMessage", union_from_dict("ChatMessage", MESSAGE_TYPES, data))
