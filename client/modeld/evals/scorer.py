"""Scorers: what is an answer worth?"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, Protocol, TypeAlias, cast

from .metrics import Metric
from .registry import Registered, arguments, registered, tag
from .sample import Target
from .score import Score
from .state import TaskState

P = ParamSpec("P")


class Scorer(Protocol):
    """Says what an answer is worth."""

    async def __call__(self, state: TaskState, target: Target) -> Score | None:
        """The score; None leaves the sample out."""


Metrics: TypeAlias = Sequence[Metric | dict[str, list[Metric]]] | dict[str, list[Metric]]
"""Metrics of a scorer; by key where its values are mappings."""


def scorer(
    metrics: Metrics, name: str | None = None, **metadata: Any
) -> Callable[[Callable[P, Scorer]], Callable[P, Scorer]]:
    """Registers a function that returns a scorer, with the metrics of its scores.

    Args:
        metrics: Metrics, such as `[accuracy(), stderr()]`; for values that are mappings, metrics
            by key, in which "*" stands for all keys.
        name: Name in logs; the function's when not given.
        **metadata: Kept in logs.
    """
    if callable(metrics):
        raise ValueError("write @scorer(metrics=[…]): a scorer needs metrics")

    def register(function: Callable[P, Scorer]) -> Callable[P, Scorer]:
        called = name or function.__name__

        @wraps(function)
        def make(*args: P.args, **kwargs: P.kwargs) -> Scorer:
            made = function(*args, **kwargs)
            if not is_async(made):
                raise ValueError(f"the scorer '{called}' must return an async function")
            params, passed = arguments(function, args, kwargs)
            extra = {"metrics": metrics, "metadata": metadata}
            return cast("Scorer", tag(made, Registered("scorer", called, params, passed, extra)))

        return make

    return register


def metrics_of(made: Scorer) -> Metrics:
    """The metrics with which a scorer was registered."""
    found = registered(made)
    return cast("Metrics", found.extra["metrics"]) if found and found.kind == "scorer" else []


def is_async(made: object) -> bool:
    """Whether it is an async function, or an object that can be called as one."""
    return inspect.iscoroutinefunction(made) or inspect.iscoroutinefunction(
        getattr(made, "__call__", None)  # noqa: B004 - its own method, not whether it has one
    )
