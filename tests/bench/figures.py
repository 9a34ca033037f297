"""Numbers from samples."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence

Figures = dict[str, float]


def percentile(samples: Sequence[float], share: float) -> float:
    """The sample below which `share` of all samples lie (nearest rank)."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def medians(rounds: Iterable[Figures]) -> Figures:
    """For each name the median over the rounds that have it."""
    values: dict[str, list[float]] = {}
    for figures in rounds:
        for name, value in figures.items():
            values.setdefault(name, []).append(value)
    return {name: statistics.median(found) for name, found in values.items()}


def latencies(seconds: Sequence[float]) -> Figures:
    """Median and tail, in milliseconds."""
    return {
        "p50_ms": percentile(seconds, 0.5) * 1000,
        "p99_ms": percentile(seconds, 0.99) * 1000,
    }
