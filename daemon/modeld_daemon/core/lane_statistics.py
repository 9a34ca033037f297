"""What can be seen of a lane."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from .call import Route

__all__ = [
    "LaneSettings",
    "LaneStatistics",
    "LimitChange",
    "LimitReason",
    "RateStatistics",
    "lane_name",
]

LimitReason = Literal["opening", "adaptive", "explicit", "set", "unlimited"]


@dataclass(frozen=True, slots=True)
class LimitChange:
    """A step of the adaptive limit."""

    seconds_ago: float
    old: int
    new: int
    reason: str
    """slow_start, steady_state_up, rate_limit, reopened or set."""


@dataclass(frozen=True, slots=True)
class RateStatistics:
    """One rate of a lane: what is used of how much in a minute."""

    name: str
    """requests, tokens, input_tokens or output_tokens."""
    per_minute: float | None
    """The limit; None while it is unknown."""
    used: float
    """Spent in the last 60 seconds."""
    available: float | None
    """What could be spent now; None while the limit is unknown."""
    source: str
    """Where the limit is from: provider (its headers), learned (from refusals), set, or ""."""


@dataclass(frozen=True, slots=True)
class LaneStatistics:
    """A snapshot of one lane."""

    id: str
    """Names the lane for people and commands, such as openai/gpt-4o@3f2a91."""
    model: str
    """Full model name."""
    account: str
    """Fingerprint of the account."""
    base_url: str
    limit: int
    """Attempts at once that are allowed now; 0 when they are not limited."""
    limit_reason: LimitReason
    """Where that limit comes from."""
    in_use: int
    """Attempts that hold a permit."""
    queued: int
    """Calls that wait for one."""
    queued_bytes: int
    """Size of their requests."""
    sessions: int
    """Sessions that have calls in the lane."""
    rates: tuple[RateStatistics, ...]
    """Requests and tokens first."""
    reserved_tokens: float
    """Tokens that running attempts have reserved and not settled."""
    paused_seconds: float
    """Until the pause ends; 0 when the lane is not paused."""
    pause_reason: str
    """Why it is paused, for people; empty when it is not."""
    attempts: int
    """Permits ever given."""
    succeeded: int
    limited: int
    """Attempts that the provider refused for its rate limit."""
    failed: int
    """Attempts that failed otherwise."""
    history: tuple[LimitChange, ...]
    """Changes of the adaptive limit, oldest first."""


@dataclass(frozen=True, slots=True)
class LaneSettings:
    """What somebody has set for a lane itself; None is "not set"."""

    max_connections: int | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None


def lane_name(route: Route) -> str:
    """Names the lane of a route; one key may have lanes of the same model at several addresses."""
    account = route.account
    mark = hashlib.sha256(f"{account.fingerprint} {account.base_url}".encode()).hexdigest()
    return f"{route.name}@{mark[:6]}"
