"""Tools that a model may call, and its calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from .jsonable import JsonObject
from .schema import ToolParams
from .value import Value

ToolCallType: TypeAlias = Literal["function", "custom"]
ToolCallErrorType: TypeAlias = Literal[
    "parsing",
    "timeout",
    "unicode_decode",
    "permission",
    "file_not_found",
    "is_a_directory",
    "limit",
    "approval",
    "cancelled",
    "sandbox_unavailable",
    "unknown",
    "output_limit",
]


@dataclass(slots=True, eq=False, repr=False)
class ToolInfo(Value):
    """A tool as the model sees it; the code stays with the caller."""

    name: str
    description: str
    parameters: ToolParams = field(default_factory=ToolParams)
    options: JsonObject | None = None
    """Settings for native tools of providers."""


@dataclass(slots=True, eq=False, repr=False)
class ToolCallContent(Value):
    """Text that shows a tool call to a person."""

    title: str | None = field(default=None, kw_only=True)
    format: Literal["text", "markdown"] = field(default="text", kw_only=True)
    content: str = field(default="", kw_only=True)


@dataclass(slots=True, eq=False, repr=False)
class ToolCall(Value):
    """A call that the model asks for."""

    id: str
    """Id that the tool's answer must name."""
    function: str
    """Name of the tool."""
    arguments: JsonObject
    parse_error: str | None = None
    """Why the model's arguments could not be parsed; then `arguments` is empty."""
    view: ToolCallContent | None = None
    """How to show the call to a person."""
    type: ToolCallType = "function"


@dataclass(slots=True, eq=False, repr=False)
class ToolCallError(Value):
    """Why a tool failed."""

    type: ToolCallErrorType
    message: str


@dataclass(slots=True, eq=False, repr=False)
class ToolFunction(Value):
    """The one function that the model must call."""

    name: str

    def __hash__(self) -> int:
        return hash(self.name)


ToolChoice: TypeAlias = Literal["auto", "any", "none"] | ToolFunction
"""Which tools the model may call ("auto"), must call ("any", a function) or not ("none")."""
