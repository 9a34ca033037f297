"""Reducers: one score of the scores of a sample's epochs, or of a panel of graders."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeAlias, cast, overload

from ..errors import InvalidRequest
from .registry import Registered, arguments, name_of, registered, tag
from .score import NUMBER, Score, ValueToFloat, is_unscored

P = ParamSpec("P")

ScoreReducer: TypeAlias = Callable[[list[Score]], Score]
Reducers: TypeAlias = str | ScoreReducer | Sequence[str | ScoreReducer]
_Reduce: TypeAlias = Callable[[list[Any], int], Any]
"""The values that are there, and how many scores there were."""

_KNOWN: dict[str, Callable[..., ScoreReducer]] = {}


class Epochs:
    """How often each sample is repeated, and how the scores become one.

    Args:
        epochs: Repetitions.
        reducer: Names or functions; "mean" when not given. Several give as many results.
    """

    def __init__(self, epochs: int, reducer: Reducers | None = None) -> None:
        if epochs < 1:
            raise InvalidRequest(f"epochs must be a whole number from 1 (got {epochs!r})")
        self.epochs = epochs
        self.reducer = None if reducer is None else create_reducers(reducer)
        for made in self.reducer or []:
            most = (registered(made) or Registered("reducer", "")).params.get("k", 0)
            if most > epochs:
                raise InvalidRequest(f"the reducer {log_name(made)} needs {most} epochs or more")


@overload
def score_reducer(func: Callable[P, ScoreReducer]) -> Callable[P, ScoreReducer]: ...


@overload
def score_reducer(
    *, name: str
) -> Callable[[Callable[P, ScoreReducer]], Callable[P, ScoreReducer]]: ...


def score_reducer(
    func: Callable[P, ScoreReducer] | None = None, *, name: str | None = None
) -> Callable[P, ScoreReducer] | Callable[[Callable[P, ScoreReducer]], Callable[P, ScoreReducer]]:
    """Registers a function that returns a reducer."""

    def register(function: Callable[P, ScoreReducer]) -> Callable[P, ScoreReducer]:
        called = name or function.__name__

        @wraps(function)
        def make(*args: P.args, **kwargs: P.kwargs) -> ScoreReducer:
            params, passed = arguments(function, args, kwargs)
            made = tag(function(*args, **kwargs), Registered("reducer", called, params, passed))
            return cast("ScoreReducer", made)

        _KNOWN[called] = make
        return make

    return register if func is None else register(func)


def create_reducers(given: Reducers) -> list[ScoreReducer]:
    """The reducers that names and functions mean; "pass_at_2" is `pass_at(2)`."""
    many = [given] if isinstance(given, str) or callable(given) else list(given)
    return [_created(one) if isinstance(one, str) else one for one in many]


def _created(name: str) -> ScoreReducer:
    if name in _KNOWN and name not in ("at_least", "pass_at", "pass_k"):
        return _KNOWN[name]()
    stem, _, number = name.rpartition("_")
    if stem in _KNOWN and number.isdecimal():
        return _KNOWN[stem](int(number))
    known = ", ".join(sorted(_KNOWN))
    raise InvalidRequest(f"there is no reducer {name!r}; there are {known} (pass_at_2, …)")


def log_name(reducer: ScoreReducer) -> str:
    """The name that logs have: with `k`, where the reducer has one."""
    found = registered(reducer)
    number = found.params.get("k") if found else None
    return name_of(reducer) if number is None else f"{name_of(reducer)}_{number}"


@score_reducer(name="mean")
def mean_score(value_to_float: ValueToFloat = NUMBER) -> ScoreReducer:
    """The mean."""
    return _over_numbers(value_to_float, lambda numbers, _: statistics.mean(numbers))


@score_reducer(name="median")
def median_score(value_to_float: ValueToFloat = NUMBER) -> ScoreReducer:
    """The median."""
    return _over_numbers(value_to_float, lambda numbers, _: statistics.median(numbers))


@score_reducer(name="mode")
def mode_score() -> ScoreReducer:
    """The most common value; of several the first."""
    return _over(lambda values, _: Counter(values).most_common(1)[0][0])


@score_reducer(name="majority")
def majority_score() -> ScoreReducer:
    """The value of more than half of the scores, unscored ones counted; else unscored."""

    def reduce(values: list[Any], size: int) -> Any:
        value, count = Counter(values).most_common(1)[0]
        return value if count * 2 > size else math.nan

    return _over(reduce)


@score_reducer(name="max")
def max_score(value_to_float: ValueToFloat = NUMBER) -> ScoreReducer:
    """The largest value."""
    return _over(lambda values, _: max(values, key=value_to_float))


@score_reducer
def at_least(k: int, value: float = 1.0, value_to_float: ValueToFloat = NUMBER) -> ScoreReducer:
    """1 if at least `k` scores reach `value`, else 0."""
    return _over_numbers(
        value_to_float, lambda numbers, _: int(sum(n >= value for n in numbers) >= k)
    )


@score_reducer
def pass_at(k: int, value: float = 1.0, value_to_float: ValueToFloat = NUMBER) -> ScoreReducer:
    """Probability that one of `k` tries is right (https://arxiv.org/pdf/2107.03374)."""

    def chance(numbers: list[float], _size: int) -> float:
        total, right = len(numbers), sum(n >= value for n in numbers)
        return math.nan if total < k else 1.0 - math.comb(total - right, k) / math.comb(total, k)

    return _over_numbers(value_to_float, chance)


@score_reducer
def pass_k(k: int, value: float = 1.0, value_to_float: ValueToFloat = NUMBER) -> ScoreReducer:
    """Probability that all of `k` tries are right (https://arxiv.org/pdf/2406.12045)."""

    def chance(numbers: list[float], _size: int) -> float:
        total, right = len(numbers), sum(n >= value for n in numbers)
        return math.nan if total < k else math.comb(right, k) / math.comb(total, k)

    return _over_numbers(value_to_float, chance)


def _over_numbers(to_float: ValueToFloat, reduce: _Reduce) -> ScoreReducer:
    return _over(lambda values, size: reduce([to_float(value) for value in values], size))


def _over(reduce: _Reduce) -> ScoreReducer:
    """A reducer of values; of lists and mappings, member by member."""

    def reducer(scores: list[Score]) -> Score:
        first = scores[0]
        values = [score.value for score in scores if not is_unscored(score.value)]
        reduced = _reduced(values, len(scores), reduce)
        return Score(reduced, first.answer, first.explanation, first.reason, first.metadata)

    return reducer


def _reduced(values: list[Any], size: int, reduce: _Reduce) -> Any:
    if not values:
        return math.nan
    if isinstance(values[0], dict):
        return {
            key: _reduced(_there(value.get(key) for value in values), size, reduce)
            for key in values[0]
        }
    if isinstance(values[0], list):
        return [
            _reduced(_there(value[index] for value in values), size, reduce)
            for index in range(len(values[0]))
        ]
    return reduce(values, size)


def _there(values: Any) -> list[Any]:
    return [value for value in values if not is_unscored(value)]
