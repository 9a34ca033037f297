"""LimitService: what the lanes allow, and what is set for them."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterable
from typing import Any

import anyio
import grpc

from modeld.errors import InvalidRequest, redact
from modeld.v1 import limit_service_pb2 as pb
from modeld.v1.limit_service_pb2_grpc import LimitServiceServicer

from ..core.lane_changes import LaneChanges
from ..core.lane_statistics import LaneSettings, LaneStatistics, LimitChange, RateStatistics
from ..core.ports import LaneBoard

__all__ = ["LimitServicer"]

LOOK_SECONDS = 0.5
LEAST_LOOK_SECONDS = 0.05

Context = grpc.aio.ServicerContext[Any, Any]


class LimitServicer(LimitServiceServicer):
    """Snapshots of the lanes, put into messages."""

    def __init__(self, lanes: LaneBoard) -> None:
        self._lanes = lanes

    async def ListLimits(  # noqa: N802  # named by the contract
        self, request: pb.ListLimitsRequest, context: Context
    ) -> pb.ListLimitsResponse:
        """The lanes as they are now."""
        return pb.ListLimitsResponse(lanes=_lanes_to_proto(self._lanes.statistics()))

    async def SetLimits(  # noqa: N802
        self, request: pb.SetLimitsRequest, context: Context
    ) -> pb.SetLimitsResponse:
        """Sets limits of a lane itself."""
        lanes = self._lanes.set(request.lane, _settings_from_proto(request.settings))
        return pb.SetLimitsResponse(lanes=_lanes_to_proto(lanes))

    async def WatchLimits(  # noqa: N802
        self, request: pb.WatchLimitsRequest, context: Context
    ) -> AsyncIterator[pb.WatchLimitsResponse]:
        """All lanes, then those that have changed, until the caller leaves."""
        interval = _interval_from_proto(request)
        changes = LaneChanges()
        lanes, _ = changes.since(self._lanes.statistics(), anyio.current_time())
        yield pb.WatchLimitsResponse(lanes=_lanes_to_proto(lanes))
        while True:
            await anyio.sleep(interval)
            lanes, removed = changes.since(self._lanes.statistics(), anyio.current_time())
            if lanes or removed:
                yield pb.WatchLimitsResponse(lanes=_lanes_to_proto(lanes), removed=removed)


def _interval_from_proto(request: pb.WatchLimitsRequest) -> float:
    interval = request.interval_seconds if request.HasField("interval_seconds") else LOOK_SECONDS
    if not LEAST_LOOK_SECONDS <= interval < math.inf:
        raise InvalidRequest(f"interval_seconds is a number of at least {LEAST_LOOK_SECONDS:g}")
    return interval


def _settings_from_proto(proto: pb.LaneSettings) -> LaneSettings:
    has = proto.HasField
    return LaneSettings(
        max_connections=proto.max_connections if has("max_connections") else None,
        requests_per_minute=proto.requests_per_minute if has("requests_per_minute") else None,
        tokens_per_minute=proto.tokens_per_minute if has("tokens_per_minute") else None,
    )


def _lanes_to_proto(lanes: Iterable[LaneStatistics]) -> list[pb.LaneLimits]:
    return [
        pb.LaneLimits(
            id=lane.id,
            model=lane.model,
            account=lane.account,
            base_url=redact(lane.base_url),
            limit=lane.limit,
            limit_reason=lane.limit_reason,
            in_use=lane.in_use,
            queued=lane.queued,
            queued_bytes=lane.queued_bytes,
            sessions=lane.sessions,
            rates=map(_rate_to_proto, lane.rates),
            reserved_tokens=lane.reserved_tokens,
            paused_seconds=lane.paused_seconds,
            pause_reason=redact(lane.pause_reason),
            attempts=lane.attempts,
            succeeded=lane.succeeded,
            limited=lane.limited,
            failed=lane.failed,
            history=map(_change_to_proto, lane.history),
        )
        for lane in lanes
    ]


def _rate_to_proto(rate: RateStatistics) -> pb.RateLimit:
    return pb.RateLimit(
        name=rate.name,
        per_minute=rate.per_minute,
        used=rate.used,
        available=rate.available,
        source=rate.source,
    )


def _change_to_proto(change: LimitChange) -> pb.LimitChange:
    return pb.LimitChange(
        seconds_ago=change.seconds_ago, old=change.old, new=change.new, reason=change.reason
    )
