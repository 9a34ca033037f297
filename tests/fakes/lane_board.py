"""Lanes that a test writes down, in the place of the core's."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from modeld.errors import InvalidRequest, ModelNotFound
from modeld_daemon.core.lane_statistics import (
    LaneSettings,
    LaneStatistics,
    LimitChange,
    RateStatistics,
)

BUSY = LaneStatistics(
    id="openai/gpt-4o@3f2a91",
    model="openai/gpt-4o",
    account="3f2a91",
    base_url="https://api.openai.com/v1",
    limit=16,
    limit_reason="adaptive",
    in_use=15,
    queued=230,
    queued_bytes=1_200_000,
    sessions=3,
    rates=(
        RateStatistics("requests", 600.0, 580.5, 19.5, "provider"),
        RateStatistics("tokens", None, 41_300.0, None, ""),
    ),
    reserved_tokens=1500.0,
    paused_seconds=12.5,
    pause_reason="429: retry after 12.5 s",
    attempts=900,
    succeeded=870,
    limited=12,
    failed=3,
    history=(
        LimitChange(90.0, 10, 20, "slow_start"),
        LimitChange(12.0, 20, 16, "rate_limit"),
    ),
)
IDLE = LaneStatistics(
    id="local/small@none",
    model="local/small",
    account="none",
    base_url="",
    limit=0,
    limit_reason="unlimited",
    in_use=0,
    queued=0,
    queued_bytes=0,
    sessions=0,
    rates=(),
    reserved_tokens=0.0,
    paused_seconds=0.0,
    pause_reason="",
    attempts=1,
    succeeded=1,
    limited=0,
    failed=0,
    history=(),
)


class FakeBoard:
    """What `modeld_daemon.core.ports.LaneBoard` asks for."""

    def __init__(self, *lanes: LaneStatistics) -> None:
        self.lanes = list(lanes)
        self.asked: list[tuple[str, LaneSettings]] = []
        self.looks = 0

    def statistics(self) -> list[LaneStatistics]:
        self.looks += 1
        return list(self.lanes)

    def set(self, name: str, settings: LaneSettings) -> list[LaneStatistics]:
        given = (settings.max_connections, settings.requests_per_minute, settings.tokens_per_minute)
        if any(limit is not None and not 1 <= limit < inf for limit in given):
            raise InvalidRequest("a limit must be at least 1, and finite")
        found = [lane for lane in self.lanes if name in (lane.id, lane.model)]
        if not found:
            raise ModelNotFound(f"there is no lane {name}")
        self.asked.append((name, settings))
        limit = settings.max_connections or 0
        self.lanes = [
            replace(lane, limit=limit, limit_reason="set") if lane in found else lane
            for lane in self.lanes
        ]
        return [lane for lane in self.lanes if name in (lane.id, lane.model)]
