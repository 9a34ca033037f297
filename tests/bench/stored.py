"""Figures of the generation cache's database, alone: no daemon, no provider."""

from __future__ import annotations

import asyncio
import hashlib
import os
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from modeld.types import ModelOutput, ModelUsage
from modeld_daemon.stores.cache import SqliteCache

from .figures import Figures, latencies

LOOKUPS = 3_000
AT_ONCE = 64
LIFE = 1_000.0
ROUND = 65_536
"""Inserts from one run of the index to the next."""


def key(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def output(number: int) -> ModelOutput:
    found = ModelOutput.from_content("gpt-4o-mini", f"answer {number} " + "of some words " * 20)
    found.usage = ModelUsage(100, 60, 160)
    return found


def measure(sizes: list[int]) -> Iterator[tuple[str, Figures]]:
    """A row for each number of entries, and one of lookups while half of all is pruned."""
    with tempfile.TemporaryDirectory(prefix="modeld-bench-") as folder:
        now = [1_000_000.0]
        loop = asyncio.new_event_loop()
        cache = SqliteCache(Path(folder) / "cache.db", now=lambda: now[0])
        try:
            filled = 0
            for size in sizes:
                figures = loop.run_until_complete(_fill(cache, filled, size))
                filled = size
                figures |= loop.run_until_complete(_look_up(cache, size))
                figures["mb"] = sum(f.stat().st_size for f in Path(folder).iterdir()) / 1e6
                yield f"cache of {size:,} entries", figures
            now[0] += LIFE + 1
            figures = loop.run_until_complete(_look_up_beside_prune(cache, filled))
            yield f"cache while {filled // 2:,} expired entries are pruned", figures
        finally:
            loop.run_until_complete(cache.aclose())
            loop.close()


async def _fill(cache: SqliteCache, start: int, end: int) -> Figures:
    """Inserts. Figures are those of the last ones, which meet the full size and, if there are that
    many, each kind of work of the index once.
    """
    last = end - min(ROUND, (end - start) // 2)
    for first in range(start, last, AT_ONCE):
        await _put(cache, range(first, min(first + AT_ONCE, last)))
    began, used, written = time.perf_counter(), time.process_time(), _written()
    for first in range(last, end, AT_ONCE):
        await _put(cache, range(first, min(first + AT_ONCE, end)))
    count = end - last
    return {
        "inserts_per_s": count / (time.perf_counter() - began),
        "cpu_us_per_insert": 1e6 * (time.process_time() - used) / count,
        "bytes_per_insert": (_written() - written) / count,
    }


def _written() -> int:
    """Bytes that this process has written; 0 where the system does not tell."""
    counters = psutil.Process().io_counters() if hasattr(psutil.Process, "io_counters") else None
    return int(getattr(counters, "write_chars", 0))


async def _put(cache: SqliteCache, numbers: range) -> None:
    await asyncio.gather(
        *(
            cache.put(key(n), f"openai/gpt-{n % 5}", output(n), LIFE if n % 2 else None)
            for n in numbers
        )
    )


async def _look_up(cache: SqliteCache, size: int) -> Figures:
    chance = random.Random(size)
    waits = [await _timed(cache, chance.randrange(size)) for _ in range(LOOKUPS)]
    figures = latencies(waits)
    keys = [key(chance.randrange(size)) for _ in range(5 * LOOKUPS)]
    began, used = time.perf_counter(), time.thread_time()
    for first in range(0, len(keys), AT_ONCE):
        got = await asyncio.gather(*map(cache.get, keys[first : first + AT_ONCE]))
        assert None not in got
    figures["lookups_per_s"] = len(keys) / (time.perf_counter() - began)
    figures["loop_us_per_lookup"] = 1e6 * (time.thread_time() - used) / len(keys)
    return figures


async def _timed(cache: SqliteCache, number: int) -> float:
    began = time.perf_counter()
    got = await cache.get(key(number))
    assert got is not None
    return time.perf_counter() - began


async def _look_up_beside_prune(cache: SqliteCache, size: int) -> Figures:
    async def prune() -> float:
        began = time.perf_counter()
        assert (await cache.prune()).entries > size // 3
        return time.perf_counter() - began

    pruning = asyncio.create_task(prune())
    chance = random.Random(1)
    gets, puts = [], []
    new = size
    while not pruning.done():
        gets.append(await _timed(cache, 2 * chance.randrange(size // 2)))
        if len(gets) % 10 == 0:
            began = time.perf_counter()
            await cache.put(key(new), "openai/gpt-0", output(new), None)
            puts.append(time.perf_counter() - began)
            new += 1
        await asyncio.sleep(0)
    figures = latencies(gets)
    return figures | {
        "put_p99_ms": latencies(puts)["p99_ms"],
        "prune_s": await pruning,
        "calls": float(len(gets)),
    }


def sizes_up_to(entries: int) -> list[int]:
    """Powers of ten from 10,000, and the number itself."""
    return sorted({*(10**power for power in range(4, 9) if 10**power < entries), entries})


if __name__ == "__main__":  # beside a profiler
    for name, found in measure(sizes_up_to(int(os.environ.get("ENTRIES", "20000")))):
        print(name, found, flush=True)
