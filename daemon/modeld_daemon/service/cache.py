"""CacheService: what the generation cache holds, and its sweeping."""

from __future__ import annotations

import math
from typing import Any

import grpc

from modeld.errors import InvalidRequest
from modeld.v1 import cache_service_pb2 as pb
from modeld.v1.cache_service_pb2_grpc import CacheServiceServicer

from ..core.kept import CacheBoard, CacheModel

__all__ = ["CacheServicer"]

Context = grpc.aio.ServicerContext[Any, Any]


class CacheServicer(CacheServiceServicer):
    """The cache's board, put into messages."""

    def __init__(self, cache: CacheBoard) -> None:
        self._cache = cache

    async def GetCacheStatistics(  # noqa: N802  # named by the contract
        self, request: pb.GetCacheStatisticsRequest, context: Context
    ) -> pb.GetCacheStatisticsResponse:
        """Sizes and counts."""
        found = await self._cache.statistics()
        return pb.GetCacheStatisticsResponse(
            path=found.path,
            entries=found.entries,
            size_bytes=found.size,
            max_size_bytes=found.most,
            expired=found.expired,
            hits=found.hits,
            misses=found.misses,
            stored=found.stored,
            evicted=found.evicted,
            trouble=found.trouble,
        )

    async def ListCache(  # noqa: N802
        self, request: pb.ListCacheRequest, context: Context
    ) -> pb.ListCacheResponse:
        """What there is of each model."""
        models = await self._cache.models()
        return pb.ListCacheResponse(models=map(_model_to_proto, models))

    async def ClearCache(  # noqa: N802
        self, request: pb.ClearCacheRequest, context: Context
    ) -> pb.ClearCacheResponse:
        """Deletes entries."""
        older = request.older_seconds if request.HasField("older_seconds") else None
        if older is not None and not 0 <= older < math.inf:
            raise InvalidRequest("older_seconds is a number of seconds, 0 or more")
        swept = await self._cache.clear(list(request.models), older=older)
        return pb.ClearCacheResponse(entries=swept.entries, size_bytes=swept.size)

    async def PruneCache(  # noqa: N802
        self, request: pb.PruneCacheRequest, context: Context
    ) -> pb.PruneCacheResponse:
        """Deletes what has expired."""
        swept = await self._cache.prune(list(request.models))
        return pb.PruneCacheResponse(entries=swept.entries, size_bytes=swept.size)


def _model_to_proto(found: CacheModel) -> pb.CachedModel:
    return pb.CachedModel(
        model=found.model,
        entries=found.entries,
        size_bytes=found.size,
        expired=found.expired,
        expired_bytes=found.expired_size,
        oldest=found.oldest,
        newest=found.newest,
    )
