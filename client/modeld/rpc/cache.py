"""Questions to the daemon about its generation cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import grpc

from ..errors import InvalidRequest
from ..v1 import cache_service_pb2 as pb
from ..v1.cache_service_pb2_grpc import CacheServiceStub
from .control import ask
from .endpoint import find_or_start

__all__ = ["clear_cache", "get_cache_statistics", "list_cache", "prune_cache"]

LOOK_SECONDS = 60.0
"""Longest wait for an answer that looks at every entry."""
SWEEP_SECONDS = 3600.0
"""Longest wait for a sweep, which gives way to calls."""

T = TypeVar("T")


def get_cache_statistics() -> pb.GetCacheStatisticsResponse:
    """Sizes and counts; starts the daemon if need be."""
    request = pb.GetCacheStatisticsRequest()
    answer: pb.GetCacheStatisticsResponse = _ask(
        lambda stub, how: stub.GetCacheStatistics(request, **how), LOOK_SECONDS
    )
    return answer


def list_cache() -> pb.ListCacheResponse:
    """What there is of each model; starts the daemon if need be."""
    request = pb.ListCacheRequest()
    answer: pb.ListCacheResponse = _ask(
        lambda stub, how: stub.ListCache(request, **how), LOOK_SECONDS
    )
    return answer


def clear_cache(models: Sequence[str], older: float | None) -> pb.ClearCacheResponse:
    """Deletes entries; starts the daemon if need be."""
    try:
        request = pb.ClearCacheRequest(models=models, older_seconds=older)
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"models are text and older is a number: {error}") from None
    answer: pb.ClearCacheResponse = _ask(
        lambda stub, how: stub.ClearCache(request, **how), SWEEP_SECONDS
    )
    return answer


def prune_cache(models: Sequence[str]) -> pb.PruneCacheResponse:
    """Deletes what has expired; starts the daemon if need be."""
    request = pb.PruneCacheRequest(models=models)
    answer: pb.PruneCacheResponse = _ask(
        lambda stub, how: stub.PruneCache(request, **how), SWEEP_SECONDS
    )
    return answer


def _ask(call: Callable[[CacheServiceStub, dict[str, object]], T], seconds: float) -> T:
    def on_channel(channel: grpc.Channel, how: dict[str, object]) -> T:
        return call(CacheServiceStub(channel), how)

    return ask(find_or_start(), on_channel, seconds)
