"""One call of a model: what was asked, and how it went."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from .config import GenerateConfig
from .jsonable import JsonObject
from .message import ChatMessage
from .tool import ToolChoice, ToolInfo
from .value import Value

Priority: TypeAlias = Literal["interactive", "normal", "batch"]
"""A place in the queue of a lane: interactive calls are served before a batch of thousands."""
PRIORITIES: tuple[Priority, ...] = get_args(Priority)


@dataclass(slots=True, eq=False, repr=False)
class GenerateInput(Value):
    """What is asked of a model."""

    input: list[ChatMessage]
    tools: list[ToolInfo] = field(default_factory=list)
    tool_choice: ToolChoice | None = None
    """None is the same as "auto"."""
    config: GenerateConfig = field(default_factory=GenerateConfig)


@dataclass(slots=True, eq=False, repr=False, kw_only=True)
class CallInfo(Value):
    """How a call went; lies in `ModelOutput.metadata["modeld"]`."""

    call_id: str = ""
    """The daemon's id of the call."""
    cache: Literal["hit", "miss"] | None = None
    """Whether modeld's cache was used."""
    coalesced: bool = False
    """Whether the call shared another call's computation."""
    attempts: int = 0
    """Attempts made at the provider; 0 for a hit."""
    queue_time: float = 0.0
    """Seconds spent waiting for a permit."""
    provider_time: float = 0.0
    """Seconds spent at the provider, over all attempts."""
    interrupted: bool = False
    """Whether a daemon died with an attempt of this call at the provider, so that the provider may
    have done the work more than once. Only a call with a request id can know.
    """
    raw: JsonObject | None = None
    """What went to the provider and came back, as a `ModelCall` has it, if the call has asked for it."""

    def to_dict(self) -> JsonObject:
        """All members but a `raw` that is not there, `cache` also when it is None."""
        return {
            "call_id": self.call_id,
            "cache": self.cache,
            "coalesced": self.coalesced,
            "attempts": self.attempts,
            "queue_time": self.queue_time,
            "provider_time": self.provider_time,
            "interrupted": self.interrupted,
            **({} if self.raw is None else {"raw": self.raw}),
        }
