"""A lane as a row of a table, and its history as lines."""

from __future__ import annotations

import time

from ..daemon import LaneLimits, RateLimit
from .quantities import count, duration

HEADINGS = ("LANE", "LIMIT", "IN USE", "QUEUED", "RPM", "TPM", "PAUSED", "429S")


def row(lane: LaneLimits, now: float | None = None) -> tuple[str, ...]:
    """The cells of a lane.

    Args:
        lane: The lane as it is now.
        now: Unix time; that of the system when it is None.
    """
    return (
        lane.id,
        f"{lane.limit} {lane.limit_reason}" if lane.limit else lane.limit_reason,
        str(lane.in_use),
        str(lane.queued),
        ", ".join(_used(rate) for rate in lane.rates if rate.name == "requests"),
        ", ".join(_tokens(rate) for rate in lane.rates if rate.name.endswith("tokens")),
        _pause(lane, time.time() if now is None else now),
        str(lane.limited),
    )


def _used(rate: RateLimit) -> str:
    limit = "?" if rate.per_minute is None else count(rate.per_minute)
    return f"{count(rate.used)}/{limit}"


def _tokens(rate: RateLimit) -> str:
    """Input and output are named where the provider limits them apart."""
    kind = rate.name.removesuffix("tokens").rstrip("_")
    return f"{kind} {_used(rate)}".lstrip()


def _pause(lane: LaneLimits, now: float) -> str:
    if not lane.paused_seconds:
        return lane.pause_reason
    until = time.strftime("until %H:%M:%S", time.localtime(now + lane.paused_seconds))
    return f"{until} {lane.pause_reason}".rstrip()


def history_lines(lane: LaneLimits) -> list[str]:
    """The lane's id, and a line for each change of its limit."""
    lines = [
        f"  {duration(change.seconds_ago)} ago".ljust(20)
        + f"{change.old:>4} -> {change.new:<4}  {change.reason}"
        for change in lane.history
    ]
    return [lane.id, *(lines or ["  the limit has not changed"])]
