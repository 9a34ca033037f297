"""Named sessions: what they say, and what was used in them."""

from __future__ import annotations

from dataclasses import dataclass, field

from .config import GenerateConfig
from .output import ModelUsage
from .record import ModelConfig
from .value import Value


@dataclass(slots=True, eq=False, repr=False)
class SessionSettings(Value):
    """What a named session says to the calls in it. There is no place for a key."""

    model: ModelConfig | None = None
    """The default model."""
    roles: dict[str, list[ModelConfig]] = field(default_factory=dict)
    """Models by role, the first one of each counts. One without a name is the default model with
    that config.
    """
    config: GenerateConfig = field(default_factory=GenerateConfig)
    """How the default model generates."""


@dataclass(slots=True, eq=False, repr=False)
class SessionUsage(Value):
    """What was used of a model, or under a role."""

    calls: int = 0
    """Answers of providers; those from the cache are not counted."""
    usage: ModelUsage = field(default_factory=ModelUsage)

    def __add__(self, other: SessionUsage) -> SessionUsage:
        return SessionUsage(self.calls + other.calls, self.usage + other.usage)


@dataclass(slots=True, eq=False, repr=False)
class NamedSession(Value):
    """A named session as it was when it was asked for."""

    name: str
    settings: SessionSettings = field(default_factory=SessionSettings)
    created: float = 0.0
    """Seconds since 1970."""
    changed: float = 0.0
    """When its settings were last changed."""
    model_usage: dict[str, SessionUsage] = field(default_factory=dict)
    """By full model name."""
    role_usage: dict[str, SessionUsage] = field(default_factory=dict)
    """By role; calls without one are not in it."""
