"""What we must reach, judged on the figures of the same run.

Where a target names a peer that a run has not (a gateway, another framework), its share of the
openai SDK's figure stands in, as it was measured once beside the SDK.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .figures import Figures
from .sections import Row

# TensorZero gateway against the openai SDK in process, in one run: calls/s at 64 (2,854 / 266)
# and at 256 (2,173 / 236), CPU of client and server per call (0.52 / 3.6), chunks/s of streams
# (27,457 / 3,674).
TENSORZERO_AT = {64: 10.7, 256: 9.2}
TENSORZERO_CPU = 0.144
TENSORZERO_CHUNKS = 7.5


@dataclass(frozen=True)
class Verdict:
    """One target: what was measured, what is asked, and whether it is reached."""

    number: int
    text: str
    value: float
    limit: float
    at_most: bool
    unit: str

    @property
    def reached(self) -> bool:
        return self.value <= self.limit if self.at_most else self.value >= self.limit


def at_most(number: int, text: str, value: float, limit: float, unit: str = "x") -> Verdict:
    return Verdict(number, text, value, limit, at_most=True, unit=unit)


def at_least(number: int, text: str, value: float, limit: float, unit: str = "x") -> Verdict:
    return Verdict(number, text, value, limit, at_most=False, unit=unit)


def judge(rows: dict[str, list[Row]]) -> list[Verdict]:
    """The verdicts that the measured sections allow."""
    found: list[Verdict] = []
    for section, judging in JUDGES.items():
        for row in rows.get(section, []):
            if "modeld" in row.figures:
                others = {peer: row.figures.get(peer, {}) for peer in ("openai", "grpc")}
                found += judging(row, row.figures["modeld"], **others)
    return sorted(
        (verdict for verdict in found if not math.isnan(verdict.value)), key=lambda v: v.number
    )


def share(ours: Figures, theirs: Figures, name: str) -> float:
    return ours[name] / theirs[name] if theirs.get(name) else math.nan


def _first(row: Row, ours: Figures, openai: Figures, grpc: Figures) -> Iterator[Verdict]:
    faster = 1 / share(ours, openai, "first_ms")
    yield at_least(1, "first answer, faster than openai", faster, 9)
    more = ours["first_ms"] - grpc.get("first_ms", math.nan)
    yield at_most(1, "first answer beyond import grpc", more, 60, "ms")
    memory = ours["rss_mb"] - grpc.get("rss_mb", math.nan)
    yield at_most(1, "client RSS beyond import grpc", memory, 14, "MB")


def _import(row: Row, ours: Figures, openai: Figures, grpc: Figures) -> Iterator[Verdict]:
    yield at_most(2, "import, of import grpc", share(ours, grpc, "import_ms"), 0.6)


def _start(row: Row, ours: Figures, openai: Figures, grpc: Figures) -> Iterator[Verdict]:
    if "ready_ms" in ours:
        yield at_most(3, "daemon ready from nothing", ours["ready_ms"], 500, "ms")
        yield at_most(3, "daemon RSS before a provider is used", ours["rss_mb"], 60, "MB")


def _sequential(row: Row, ours: Figures, openai: Figures, grpc: Figures) -> Iterator[Verdict]:
    kind = row.name.rpartition(" ")[2]
    yield at_most(4, f"p50 of openai's, {kind}", share(ours, openai, "p50_ms"), 0.35)
    yield at_most(4, f"p99 of openai's, {kind}", share(ours, openai, "p99_ms"), 1.0)


def _throughput(row: Row, ours: Figures, openai: Figures, grpc: Figures) -> Iterator[Verdict]:
    concurrent = int(row.name.split()[0])
    if concurrent == 1:
        return
    rate = share(ours, openai, "calls_per_s")
    yield at_least(5, f"calls/s of openai's at {concurrent}", rate, 11)
    yield at_least(5, f"  TensorZero's share at {concurrent}", rate, TENSORZERO_AT[concurrent])
    cpu = share(ours, openai, "cpu_ms_per_call")
    yield at_most(5, f"  CPU per call, TensorZero's share at {concurrent}", cpu, TENSORZERO_CPU)
    yield at_most(5, f"  failed at {concurrent}", ours["failed"], 0, "")


def _streams(row: Row, ours: Figures, openai: Figures, grpc: Figures) -> Iterator[Verdict]:
    if "unpaced" in row.name:
        rate = share(ours, openai, "chunks_per_s")
        yield at_least(6, "chunks/s of openai's, unpaced", rate, 8)
        yield at_least(6, "  TensorZero's share", rate, TENSORZERO_CHUNKS)
    else:
        yield at_most(6, "lag p50, paced", ours["lag_p50_ms"], 3, "ms")
        yield at_most(6, "lag p99, paced", ours["lag_p99_ms"], 30, "ms")
    yield at_most(6, f"chunks missing, {row.name.rpartition(', ')[2]}", ours["missing"], 0, "")


def _hold(row: Row, ours: Figures, openai: Figures, grpc: Figures) -> Iterator[Verdict]:
    yield at_most(7, "calls held for 2 s, all done", ours["wall_s"], 4, "s")
    yield at_most(7, "daemon memory per held call", ours["daemon_kb_per_call"], 10, "KB")
    yield at_most(7, "held calls failed", ours["failed"], 0, "")


def _limits(row: Row, ours: Figures, openai: Figures, grpc: Figures) -> Iterator[Verdict]:
    told = "told by" in row.name
    what = "told" if told else "not told"
    refused = ours["429_percent"]
    yield at_most(9, f"requests answered 429, limits {what}", refused, 1 if told else 5, "%")
    used = ours["rate_used_percent"]
    yield at_least(9, f"permitted rate used, limits {what}", used, 95 if told else 90, "%")
    yield at_most(9, f"calls failed, limits {what}", ours["failed"], 0, "")


def _hits(row: Row, ours: Figures, openai: Figures, grpc: Figures) -> Iterator[Verdict]:
    if "p50_ms" in ours:
        yield at_most(8, "hit, end to end p50", ours["p50_ms"], 1, "ms")
    else:
        peer = row.figures.get("inspect_ai", {})
        rate = share(ours, peer, "calls_per_s")
        yield at_least(8, "hits/s of inspect_ai's at 16", rate, 10)


def _cache(row: Row, ours: Figures, openai: Figures, grpc: Figures) -> Iterator[Verdict]:
    what = row.name.removeprefix("cache ")
    yield at_most(8, f"lookup p99, {what}", ours["p99_ms"], 5, "ms")
    if "loop_us_per_lookup" in ours:
        spent = ours["loop_us_per_lookup"]
        yield at_most(8, f"loop CPU of a lookup, {what}", spent, 100, "us")
        # So that its growth is seen: of a rate that any size should reach.
        yield at_least(8, f"inserts/s, {what}", ours["inserts_per_s"], 2_000, "/s")
        yield at_most(8, f"written per insert, {what}", ours["bytes_per_insert"], 4_000, "B")


JUDGES: dict[str, Callable[..., Iterator[Verdict]]] = {
    "first": _first,
    "import": _import,
    "start": _start,
    "sequential": _sequential,
    "throughput": _throughput,
    "streams": _streams,
    "hold": _hold,
    "limits": _limits,
    "hits": _hits,
    "cache": _cache,
}
