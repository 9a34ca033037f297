"""What every column of the suite says of itself, whatever is at the provider's other end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

import pytest

from modeld.types import ToolChoice

Body: TypeAlias = dict[str, Any]

AnswerName: TypeAlias = Literal[
    "text", "tool", "parallel", "thoughts", "thoughts_and_tool", "structured",
    "max_tokens", "content_filter", "model_length", "logprobs",
]  # fmt: skip
"""The answers that every table holds, or says in `missing` why not. `script.py` says what is in
each, in modeld's values.
"""

FailureName: TypeAlias = Literal[
    "unauthorized", "forbidden", "no_model", "bad_request", "rate_limit", "server", "overloaded",
    "quota",
]  # fmt: skip


WORDS = ("http", "conversation", "media", "choice", "choice_none", "error_in_answer")
"""Further words of `missing`: a server at the other end; anything but one text of the user's; what
is no text; a choice of tools; that of no tool at all; an error in an answer with a good status.
"""


class Piece(NamedTuple):
    """One thing of a conversation, as a request has it."""

    kind: Literal["user", "assistant", "call", "answer", "image", "document"]
    text: str = ""
    """The text; of media the data: URI."""
    id: str = ""
    name: str = ""
    arguments: Body | None = None


@dataclass(frozen=True, kw_only=True)
class Readers:
    """How to read what was sent."""

    system_of: Callable[[Body], str]
    said: Callable[[Body], list[Piece]]
    """The conversation without system messages and thoughts."""
    thoughts_of: Callable[[Body], list[Any]]
    """Thoughts in the conversation, as the wire has them."""
    tools_of: Callable[[Body], dict[str, Body]]
    """Schemas of the parameters by the tool's name."""
    choice_of: Callable[[Body], ToolChoice | None]
    """None where nothing is said, which is "auto"."""
    schema_of: Callable[[Body], Body]
    """The schema that the answer must have."""
    max_tokens_of: Callable[[Body], int]
    top_logprobs_of: Callable[[Body], int] | None = None


@dataclass(frozen=True, kw_only=True)
class Column:
    """A dialect, or a row of one, as the table of its own says."""

    name: str
    provider: str
    """Name of the row in the catalog."""
    of_row: bool = False
    """Whether it is a row with quirks, of a dialect that has a table of its own. What is about
    servers and networks that fail below the dialect is not tried again.
    """
    model: str
    args: Mapping[str, Any] = field(default_factory=dict)
    """Model args."""
    readers: Readers
    thoughts: Mapping[AnswerName, list[Any]]
    """What `thoughts_of` must find after an answer with thoughts went back."""
    signature: str | None = None
    """What thoughts are signed with, or their ciphertext."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Why the provider does not offer an answer, a failure or one of `WORDS`, by name."""

    def offers(self, name: str) -> None:
        """Skips the test where the provider does not offer that."""
        if name in self.missing:
            pytest.skip(f"{self.name}: {self.missing[name]}")
