"""What travels through the daemon: a Call, and the Route that it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from modeld.types import (
    CallInfo,
    ChatMessage,
    GenerateConfig,
    ModelOutput,
    Priority,
    ToolChoice,
    ToolInfo,
)

from .rates import RateLimits
from .raw import Raw

__all__ = ["UNSAID", "Account", "Call", "Result", "Route"]


@dataclass(frozen=True, slots=True)
class Account:
    """Who pays: clients, lanes, cache entries and flights never cross accounts.

    `fingerprint` is a salted HMAC of the key, or the principal of a renewable credential; no key
    can be had from it.
    """

    provider: str
    base_url: str | None
    fingerprint: str

    def __str__(self) -> str:
        return f"{self.provider}:{self.fingerprint}"


def _nobody(_limits: RateLimits | None) -> None:
    """Nobody wants to be told."""


def _nowhere(_model: str, _role: str | None, _output: ModelOutput) -> None:
    """The call is counted nowhere."""


UNSAID = GenerateConfig()
"""The config of a call that says nothing; never changed."""


@dataclass(slots=True)
class Call:
    """One generate or count as the core sees it. It carries all context; nothing is ambient."""

    id: str
    messages: list[ChatMessage]
    config: GenerateConfig = field(default_factory=lambda: UNSAID)
    tools: list[ToolInfo] = field(default_factory=list)
    tool_choice: ToolChoice = "auto"
    request_id: str | None = None
    """Makes the call idempotent and lasting; only ever given by the caller."""
    deadline: float | None = None
    """Time of the event loop's clock (seconds) after which nobody waits any more."""
    role: str | None = None
    epoch: int | None = None
    priority: Priority = "normal"
    """Place in the queue of its lane; no part of what is asked."""
    size: int = 0
    """Bytes of the request as it came."""
    session: str = field(default="", repr=False)  # whoever knows the id may use the session
    """Id of the caller's session; empty for a caller without one."""
    raw: Raw | None = field(default=None, repr=False)
    """Where the provider notes what it sends and gets, if the caller wants to know."""
    told: Callable[[RateLimits | None], None] = _nobody
    """For the provider: to be called as soon as the head of an answer is there, with what it says of
    rate limits.
    """
    count: Callable[[str, str | None, ModelOutput], None] = _nowhere
    """Told the full model name, the role and the answer of the provider, if it gives one."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where a call goes."""

    provider: str
    """Name of the provider's row, such as `openai`."""
    model: str
    """The model's name as the provider knows it (all after the first slash)."""
    account: Account

    @property
    def name(self) -> str:
        """Full model name, such as `openai/gpt-4o`."""
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True)
class Result:
    """A finished call: what the model answered and how the call went."""

    output: ModelOutput
    info: CallInfo
