"""Metrics: one number of many scores."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeAlias, cast, overload

from .registry import Registered, arguments, tag
from .score import NUMBER, SampleScore, ValueToFloat

P = ParamSpec("P")

MetricValue: TypeAlias = float | Mapping[str, float | None] | Sequence[float]
Metric: TypeAlias = Callable[[list[SampleScore]], MetricValue]
"""Gets the scores of all samples (unscored ones left out, epochs reduced), gives a number."""


@overload
def metric(name: Callable[P, Metric]) -> Callable[P, Metric]: ...


@overload
def metric(name: str | None = None) -> Callable[[Callable[P, Metric]], Callable[P, Metric]]: ...


def metric(
    name: str | Callable[P, Metric] | None = None,
) -> Callable[P, Metric] | Callable[[Callable[P, Metric]], Callable[P, Metric]]:
    """Registers a function that returns a metric, under its own name or a given one."""

    def register(function: Callable[P, Metric]) -> Callable[P, Metric]:
        called = name if isinstance(name, str) else function.__name__

        @wraps(function)
        def make(*args: P.args, **kwargs: P.kwargs) -> Metric:
            params, passed = arguments(function, args, kwargs)
            made = function(*args, **kwargs)
            # As the reference logs them: the function that turns values into numbers is no option.
            params = {key: value for key, value in params.items() if key in passed}
            return cast("Metric", tag(made, Registered("metric", called, params, passed)))

        return make

    return register(name) if callable(name) else register


def _numbers(scores: list[SampleScore], to_float: ValueToFloat) -> list[float]:
    return [to_float(score.score.value) for score in scores]


def _mean(numbers: list[float]) -> float:
    return math.fsum(numbers) / len(numbers) if numbers else 0.0


@metric
def accuracy(to_float: ValueToFloat = NUMBER) -> Metric:
    """The share of right answers."""
    return lambda scores: _mean(_numbers(scores, to_float))


@metric
def mean(to_float: ValueToFloat = NUMBER) -> Metric:
    """The mean of the values."""
    return lambda scores: _mean(_numbers(scores, to_float))


@metric
def var(to_float: ValueToFloat = NUMBER) -> Metric:
    """The sample variance of the values; 0 for fewer than two."""
    return lambda scores: _variance(_numbers(scores, to_float))


@metric
def std(to_float: ValueToFloat = NUMBER) -> Metric:
    """The sample standard deviation of the values; 0 for fewer than two."""
    return lambda scores: math.sqrt(_variance(_numbers(scores, to_float)))


@metric
def stderr(to_float: ValueToFloat = NUMBER, cluster: str | None = None) -> Metric:
    """The standard error of the mean, by the central limit theorem; 0 for fewer than two.

    Args:
        to_float: Turns a value into a number.
        cluster: Metadata of samples that says which belong together; then the error is the
            clustered one (Appendix A of https://arxiv.org/pdf/2411.00640, with the correction for
            a finite number of clusters).
    """

    def error(scores: list[SampleScore]) -> float:
        numbers = _numbers(scores, to_float)
        if cluster is not None:
            return _clustered_error(numbers, [_cluster(score, cluster) for score in scores])
        return math.sqrt(_variance(numbers) / len(numbers)) if numbers else 0.0

    return error


def _variance(numbers: list[float]) -> float:
    return statistics.variance(numbers) if len(numbers) > 1 else 0.0


def _cluster(score: SampleScore, name: str) -> Any:
    found = (score.sample_metadata or {}).get(name)
    if found is None:
        raise ValueError(
            f"Sample {score.sample_id} has no cluster metadata: stderr(cluster={name!r}) needs a "
            f"value for {name!r} in the metadata of each sample"
        )
    return found


def _clustered_error(numbers: list[float], clusters: list[Any]) -> float:
    center = _mean(numbers)
    sums: dict[Any, float] = {}
    for number, cluster in zip(numbers, clusters, strict=True):
        sums[cluster] = sums.get(cluster, 0.0) + number - center
    if len(sums) < 2:
        return 0.0
    squares = math.fsum(deviation**2 for deviation in sums.values())
    return math.sqrt(squares * len(sums) / (len(sums) - 1)) / len(numbers)
