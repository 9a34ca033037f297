"""The lanes of the daemon from outside: see what they allow, set it, watch it change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any

from .errors import DaemonUnavailable

__all__ = [
    "LaneLimits",
    "LimitChange",
    "LimitsUpdate",
    "RateLimit",
    "limits",
    "set_limits",
    "watch_limits",
]


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A rate of a lane: what is used of how much in a minute."""

    name: str
    """requests, tokens, input_tokens or output_tokens."""
    per_minute: float | None
    """The limit; None while it is unknown."""
    used: float
    """Spent in the last 60 seconds."""
    available: float | None
    """What could be spent now; None while the limit is unknown."""
    source: str
    """Where the limit is from: provider, learned or set; empty while it is unknown."""


@dataclass(frozen=True, slots=True)
class LimitChange:
    """A step of an adaptive limit."""

    seconds_ago: float
    old: int
    new: int
    reason: str
    """slow_start, steady_state_up, rate_limit, reopened or set."""


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """A lane as it is now: where attempts at one model of one account get their permits."""

    id: str
    """Names the lane in commands and in `set_limits`, such as openai/gpt-4o@3f2a91."""
    model: str
    """Full model name."""
    account: str
    """Fingerprint of the account."""
    base_url: str
    limit: int
    """Attempts at once that are allowed now; 0 when they are not limited."""
    limit_reason: str
    """Where that limit comes from: opening, adaptive, explicit, set or unlimited."""
    in_use: int
    """Attempts that hold a permit."""
    queued: int
    """Calls that wait for one."""
    queued_bytes: int
    """Size of their requests."""
    sessions: int
    """Sessions that have calls in the lane."""
    rates: list[RateLimit]
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
    history: list[LimitChange]
    """Changes of the adaptive limit, oldest first."""

    def is_named(self, name: str) -> bool:
        """Whether a name means this lane: its id, its model, or its provider."""
        return name in (self.id, self.model, self.model.partition("/")[0])

    def to_dict(self) -> dict[str, Any]:
        """JSON shape; every field is there."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class LimitsUpdate:
    """What has changed since the update before."""

    lanes: list[LaneLimits]
    """All lanes in the first update, then those that have changed or are new."""
    removed: list[str]
    """Ids of lanes that are gone."""

    def to_dict(self) -> dict[str, Any]:
        """JSON shape; every field is there."""
        return asdict(self)


def limits() -> list[LaneLimits]:
    """The lanes as they are now; none when no daemon runs. Starts nothing."""
    answer = _control().list_limits()
    return [] if answer is None else _lanes(answer.lanes)


def set_limits(
    lane: str,
    *,
    max_connections: int | None = None,
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
) -> list[LaneLimits]:
    """Sets limits of a lane itself, until the daemon ends; the lanes that were set.

    What was set before is replaced as a whole: None is "not set", and a lane for which nothing is
    set adapts by itself.

    Args:
        lane: Id of a lane, or a full model name for the lanes of that model of every account.
        max_connections: Attempts at once.
        requests_per_minute: Attempts begun in a minute.
        tokens_per_minute: Tokens of requests and answers in a minute.

    Raises:
        ModelNotFound: There is no such lane; one opens with the first call that needs it.
        InvalidRequest: A limit is less than 1 or not finite.
        DaemonUnavailable: No daemon runs, so there is no lane.
    """
    answer = _control().set_limits(
        lane,
        max_connections=max_connections,
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
    )
    if answer is None:
        raise DaemonUnavailable(
            "no daemon runs, and lanes open with their first call; limits that last belong into "
            "the daemon's config.toml"
        )
    return _lanes(answer.lanes)


def watch_limits(interval: float | None = None) -> Iterator[LimitsUpdate]:
    """All lanes at once, then those that change, for as long as the daemon runs.

    Ends at once when no daemon runs. Starts nothing. Closing the iterator ends the watching.

    Args:
        interval: Seconds between two looks, at least 0.05; None is 0.5.

    Raises:
        InvalidRequest: The interval is less than 0.05 or not finite.
        DaemonUnavailable: The daemon has ended.
    """
    with closing(_control().watch_limits(interval)) as answers:
        for answer in answers:
            yield LimitsUpdate(_lanes(answer.lanes), list(answer.removed))


def _lanes(protos: Iterable[Any]) -> list[LaneLimits]:
    return [
        LaneLimits(
            id=lane.id,
            model=lane.model,
            account=lane.account,
            base_url=lane.base_url,
            limit=lane.limit,
            limit_reason=lane.limit_reason,
            in_use=lane.in_use,
            queued=lane.queued,
            queued_bytes=lane.queued_bytes,
            sessions=lane.sessions,
            rates=[_rate(rate) for rate in lane.rates],
            reserved_tokens=lane.reserved_tokens,
            paused_seconds=lane.paused_seconds,
            pause_reason=lane.pause_reason,
            attempts=lane.attempts,
            succeeded=lane.succeeded,
            limited=lane.limited,
            failed=lane.failed,
            history=[LimitChange(c.seconds_ago, c.old, c.new, c.reason) for c in lane.history],
        )
        for lane in protos
    ]


def _rate(proto: Any) -> RateLimit:
    return RateLimit(
        name=proto.name,
        per_minute=proto.per_minute if proto.HasField("per_minute") else None,
        used=proto.used,
        available=proto.available if proto.HasField("available") else None,
        source=proto.source,
    )


def _control() -> Any:
    """The rpc room, loaded when it is needed: it imports grpc."""
    return import_module("modeld.rpc.control")
