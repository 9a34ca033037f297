"""What evaluations cost, and limits of that."""

from __future__ import annotations

import pytest

from modeld import (
    ModelOutput,
    ModelUsage,
    Task,
    eval,  # noqa: A004 - the public name
    eval_retry,
    get_model,
    task,
)
from modeld.costs import known_prices
from modeld.dataset import Sample
from modeld.errors import InvalidRequest, PrerequisiteError
from modeld.log import read_eval_log
from modeld.model import ModelCost, compute_model_cost, set_model_cost
from modeld.scorer import Score, accuracy, includes, scorer
from modeld.solver import solver
from tests.fakes.scripted import scripted

PRICES = {"mockllm/model": {"input": 2.0, "output": 10.0}}
MILLION = 1_000_000


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("modeld.costs._known", {})
    return tmp_path


def dear(**usage) -> ModelOutput:
    output = ModelOutput.from_content("mockllm/model", "yes")
    output.usage = ModelUsage(**usage)
    return output


@solver
def asking(times: int = 5):
    async def solve(state, generate):
        for _ in range(times):
            state = await generate(state)
        return state

    return solve


@scorer(metrics=[accuracy()])
def graded():
    async def score(state, target):
        return Score((await get_model(role="grader").generate("grade")).completion == "yes")

    return score


def test_tokens_of_each_kind_have_a_price():
    cost = ModelCost(input=1, output=10, input_cache_write=1.25, input_cache_read=0.1)
    usage = ModelUsage(MILLION, 2 * MILLION, 3 * MILLION)
    assert compute_model_cost(cost, usage) == 21
    usage = ModelUsage(
        0, 0, 0, input_tokens_cache_write=4 * MILLION, input_tokens_cache_read=MILLION
    )
    assert compute_model_cost(cost, usage) == pytest.approx(5.1)
    assert ModelCost.from_dict(cost.to_dict()) == cost


def test_a_log_says_what_calls_cost_by_model_and_by_role():
    model = scripted(lambda *_: dear(input_tokens=MILLION, output_tokens=100_000))
    told = scripted(lambda *_: dear(input_tokens=5, total_cost=0.25), "mockllm/told")
    (log,) = eval(
        Task([Sample("q")] * 2, scorer=graded()),
        model=model,
        model_roles={"grader": told},
        model_cost_config=PRICES,
    )
    assert log.stats.model_usage["mockllm/model"].total_cost == 6.0
    assert log.stats.role_usage["grader"].total_cost == 0.5  # as its provider tells
    read = read_eval_log(log.location)
    assert [s.model_usage["mockllm/model"].total_cost for s in read.samples] == [3.0, 3.0]
    assert read.samples[0].output.usage.total_cost == 3.0


def test_a_cost_limit_ends_a_sample_that_is_scored_then():
    calls = []

    def answer(*_):
        calls.append(1)
        return dear(input_tokens=MILLION // 2)

    one = Task([Sample("q", target="yes")], solver=asking(), scorer=includes(), cost_limit=2.5)
    (log,) = eval(one, model=scripted(answer), model_cost_config=PRICES)
    sample = log.samples[0]
    assert (log.status, len(calls)) == ("success", 3)
    assert (sample.limit.type, sample.limit.limit) == ("cost", 2.5)
    assert sample.scores["includes"].value == "C"
    assert log.eval.config.cost_limit == 2.5
    (log,) = eval(one, model=scripted(answer), model_cost_config=PRICES, cost_limit=100)
    assert log.samples[0].limit is None
    assert log.eval.config.cost_limit == 100


def test_scoring_is_not_held_to_the_limit():
    def answer(*_):
        return dear(input_tokens=MILLION)

    one = Task([Sample("q")], scorer=graded(), cost_limit=1)
    model = scripted(answer)
    (log,) = eval(one, model=model, model_roles={"grader": model}, model_cost_config=PRICES)
    assert (log.status, log.samples[0].limit.type) == ("success", "cost")
    assert log.samples[0].scores["graded"].value is True


def test_a_limit_without_prices_is_refused_before_anything_is_asked(monkeypatch):
    """Of the task's model and of its roles; of other models when they are called."""
    monkeypatch.setattr("modeld.costs._FREE_PROVIDERS", frozenset())
    asked = []
    model = scripted(lambda *_: asked.append(1) or dear())
    for how in (
        {"cost_limit": 1},
        {
            "cost_limit": 1,
            "model_cost_config": PRICES,
            "model_roles": {"r": scripted(name="mockllm/r")},
        },
    ):
        with pytest.raises(
            PrerequisiteError, match=r"needs the prices of mockllm/(model|r): give them"
        ):
            eval(Task([Sample("q")]), model=model, **how)
    assert asked == []

    @solver
    def elsewhere():
        async def solve(state, generate):
            await scripted(lambda *_: asked.append(1) or dear(), "mockllm/other").generate("x")
            return state

        return solve

    (log,) = eval(
        Task([Sample("q")], solver=elsewhere()), model=model, cost_limit=1, model_cost_config=PRICES
    )
    assert (log.status, asked) == ("error", [])
    assert "needs the prices of mockllm/other" in log.error.message


def test_prices_are_told_once_for_a_process_and_anew_for_a_run():
    set_model_cost("a/b", ModelCost(1, 2))
    assert known_prices(None)["a/b"] == ModelCost(1, 2)
    assert known_prices({"a/b": {"input": 3, "output": 4}})["a/b"] == ModelCost(3, 4)
    assert known_prices(None)["c/d"] is None
    assert known_prices(None)["mockllm/x"] == ModelCost(0, 0)
    assert known_prices({"mockllm/x": ModelCost(5, 5)})["mockllm/x"] == ModelCost(5, 5)


@pytest.mark.parametrize(
    "given, said",
    [
        ({"a/b": 5}, "prices of a/b must be a mapping"),
        ({"a/b": {"input": 1}}, "output"),
        ({"a/b": {"input": 1, "output": 1, "cached": 1}}, "prices of a/b have no cached"),
        ({"a/b": {"input": -1, "output": 1}}, "price input of a/b must be a number of dollars"),
        ({"a/b": {"input": "1", "output": 1}}, "input"),
        ({"a/b": {"input": float("nan"), "output": 1}}, "price input of a/b"),
        ("gone.yaml", "The config file gone.yaml does not exist"),
        (5, "model_cost_config must be a mapping"),
    ],
)
def test_prices_that_make_no_sense_are_named(given, said):
    with pytest.raises(InvalidRequest, match=said):
        eval(Task([Sample("q")]), model=scripted(), model_cost_config=given)
    for limit in (0, -1):
        with pytest.raises(InvalidRequest, match="cost_limit must be more than 0"):
            eval(Task([Sample("q")]), model=scripted(), cost_limit=limit)


@task
def spending():
    return Task([Sample("q")], solver=asking())


def test_a_retry_keeps_the_limit():
    (log,) = eval(spending(), model=scripted(lambda *_: 1 / 0), cost_limit=5)
    assert (log.status, log.eval.config.cost_limit) == ("error", 5)
    model = scripted(lambda *_: dear(input_tokens=MILLION))
    (again,) = eval_retry(log, model=model, model_cost_config={"mockllm/model": ModelCost(4, 0)})
    assert again.samples[0].limit.type == "cost"
    assert read_eval_log(again.location).eval.config.cost_limit == 5
