"""From the scores of samples to the results of a task."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import InvalidRequest
from .log import EvalMetric, EvalResults, EvalSampleReductions, EvalSampleScore, EvalScore
from .metrics import Metric
from .reducers import ScoreReducer, log_name, mean_score
from .registry import name_of, registered
from .score import SampleScore, Score, is_unscored
from .scorer import Metrics, Scorer, metrics_of

Scores = list[dict[str, SampleScore]]
"""Per sample and epoch, the score of each scorer."""


def scorer_names(scorers: Sequence[Scorer]) -> list[str]:
    """Names under which scores are kept; the second "match" is "match1"."""
    names: list[str] = []
    for one in scorers:
        name, number = name_of(one), 0
        while (candidate := f"{name}{number or ''}") in names:
            number += 1
        names.append(candidate)
    return names


def eval_results(
    total: int,
    completed: int,
    scores: Scores,
    scorers: Sequence[Scorer],
    metrics: Metrics | None,
    reducers: Sequence[ScoreReducer] | None,
) -> tuple[EvalResults, list[EvalSampleReductions]]:
    """The metrics of each scorer under each reducer, and the reduced scores.

    Args:
        total: Samples times epochs.
        completed: Of those, how many ended without an error.
        scores: Of all samples.
        scorers: The task's.
        metrics: Instead of those of the scorers.
        reducers: How epochs become one; the mean when not given, which logs then do not name.
    """
    results = EvalResults(total, completed)
    reductions: list[EvalSampleReductions] = []
    ways = [(mean_score(), None)] if reducers is None else [(r, log_name(r)) for r in reducers]
    for name, one in zip(scorer_names(scorers), scorers, strict=True):
        found = [by_scorer[name] for by_scorer in scores if name in by_scorer]
        for reduce, way in ways:
            reduced = _reduced(found, reduce)
            reductions.append(
                EvalSampleReductions(name, [_reduction(score) for score in reduced], way)
            )
            for score in _metrics(name, reduced, metrics or metrics_of(one)):
                about = registered(one)
                score.reducer = way
                score.params = about.passed if about else {}
                score.metadata = (about.extra.get("metadata") if about else None) or None
                results.scores.append(score)
    return results, reductions


def _reduced(scores: list[SampleScore], reduce: ScoreReducer) -> list[SampleScore]:
    groups: dict[str, list[SampleScore]] = {}
    for score in scores:
        groups.setdefault(str(score.sample_id), []).append(score)
    return [
        SampleScore(
            reduce([one.score for one in group]), group[0].sample_id, group[0].sample_metadata
        )
        for group in groups.values()
    ]


def _reduction(score: SampleScore) -> EvalSampleScore:
    of = score.score
    return EvalSampleScore(
        of.value, of.answer, of.explanation, of.reason, of.metadata, score.sample_id
    )


def _metrics(name: str, scores: list[SampleScore], metrics: Metrics) -> list[EvalScore]:
    if isinstance(metrics, dict):
        return _keyed(name, scores, metrics)
    simple: list[Metric] = [one for one in metrics if not isinstance(one, dict)]
    by_key = [one for one in metrics if isinstance(one, dict)]
    out = [_score(name, name, scores, simple)] if simple or not by_key else []
    return out + [score for one in by_key for score in _keyed(name, scores, one)]


def _keyed(
    name: str, scores: list[SampleScore], metrics: Mapping[str, list[Metric]]
) -> list[EvalScore]:
    """Scores that are mappings, key by key; "*" in a key stands for many."""
    first = next((s.score.value for s in scores if isinstance(s.score.value, dict)), {})
    wanted: dict[str, list[Metric]] = {}
    for pattern, some in metrics.items():
        for key in fnmatch.filter(first, pattern) if "*" in pattern else [pattern]:
            wanted.setdefault(key, []).extend(some)
    out = []
    for key, some in wanted.items():
        values = [_member(score, key, name) for score in scores]
        out.append(_score(key, name, values, some))
    return out


def _member(score: SampleScore, key: str, scorer: str) -> SampleScore:
    value: Any = score.score.value
    if isinstance(value, dict):
        if key not in value:
            raise InvalidRequest(f"the scorer '{scorer}' gave no value for the metric key '{key}'")
        value = float("nan") if value[key] is None else value[key]
    elif not is_unscored(value):
        raise InvalidRequest(f"the scorer '{scorer}' has metrics by key, and gave {value!r:.80}")
    return SampleScore(Score(value), score.sample_id, score.sample_metadata)


def _score(
    name: str, scorer: str, scores: list[SampleScore], metrics: Sequence[Metric]
) -> EvalScore:
    scored = [score for score in scores if not is_unscored(score.score.value)]
    out = EvalScore(
        name, scorer, scored_samples=len(scored), unscored_samples=len(scores) - len(scored)
    )
    for one in metrics:
        about = registered(one)
        params = about.params if about else {}
        value: Any = one(scored) if scored else 0.0
        parts = _parts(name_of(one), value)
        for key, short, number in parts:
            group = None if short == name_of(one) else name_of(one)
            out.metrics[_fresh(key, out.metrics)] = EvalMetric(short, float(number), params, group)
    return out


def _parts(name: str, value: Any) -> list[tuple[str, str, float]]:
    """Key, name and number of each number that a metric gave."""
    if isinstance(value, Mapping):
        return [(key, key, number) for key, number in value.items() if number is not None]
    if isinstance(value, (list, tuple)):
        return [(f"{name}-{i}", str(i), number) for i, number in enumerate(value, 1)]
    return [(name, name, value)]


def _fresh(key: str, taken: Mapping[str, object]) -> str:
    number = 1
    while (candidate := key if number == 1 else f"{key}{number}") in taken:
        number += 1
    return candidate
