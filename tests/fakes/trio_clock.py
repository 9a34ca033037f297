"""Runs a test on trio's virtual clock: hours pass in milliseconds, and nothing really sleeps."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import ParamSpec

import trio
import trio.testing

P = ParamSpec("P")


def virtual_time(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Decorates an async test that knows anyio only."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        clock = trio.testing.MockClock(autojump_threshold=0)
        trio.run(functools.partial(test, *args, **kwargs), clock=clock)

    return run
