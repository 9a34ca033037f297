"""What a dialect makes of an engine that has trouble, as `test_failures.py` says it of servers."""

from __future__ import annotations

from typing import get_args

import pytest

from modeld.errors import EngineError, InvalidRequest, ModeldError, PermissionDenied, ProviderError
from tests.fakes.troubled_engine import FIRST

from .engine import Trouble
from .housed import told
from .script import call
from .test_failures import check

# No attempt follows upon any of them: the call may be what the engine died of.
MEANINGS: dict[Trouble, type[ModeldError]] = {
    "is killed": EngineError,
    "ends": EngineError,
    "goes deaf": EngineError,
    "sends garbage": EngineError,
    "sends half a frame": EngineError,
    "sends nonsense": EngineError,
    "has no memory": EngineError,
    "has a defect": ProviderError,
    "dies with the load": EngineError,
    "has no memory to load": EngineError,
    "has nothing to load": InvalidRequest,
    "may not load": PermissionDenied,
}
BREAKS = list(MEANINGS)[:6]
SAYS = (*BREAKS, "has no memory", "has a defect")


@pytest.mark.parametrize("trouble", get_args(Trouble))
def test_an_engine_that_has_trouble_is_an_error(engine, stream, trouble):
    if trouble == "may not load":
        engine.offers("forbidden")
    error, deltas = engine.trouble(trouble, call(), stream=stream)
    check(engine.column, error, MEANINGS[trouble], "final")
    assert error.model == engine.model
    assert deltas.texts == ([FIRST] if stream and trouble in SAYS else [])
    if trouble in BREAKS:
        assert error.phase == ("stream" if stream else "first_token")


def test_a_seed_makes_an_answer_again(engine):
    def said(seed: int) -> str:
        asked = told("text", call(), temperature=3.0, seed=seed, max_tokens=8)
        return engine.again(asked).completion

    first = [said(seed) for seed in range(8)]
    assert [said(seed) for seed in range(8)] == first
    assert len(set(first)) > 1


def test_what_is_counted_is_what_is_used(engine):
    """Variables of the template make other prompts: this script has no token of its own."""
    longer = told("a script that nobody knows", call(), max_tokens=1)
    assert engine.count(longer).tokens == engine.again(longer).usage.input_tokens
    assert engine.count(longer).tokens > engine.count(call()).tokens == engine.counted
