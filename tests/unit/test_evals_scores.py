"""Scorers, metrics and reducers, against values that were worked out by hand or another way."""

from __future__ import annotations

import asyncio
import math
import pickle
import random
from copy import copy

import pytest

from modeld import ModelOutput
from modeld.errors import InvalidRequest
from modeld.evals.multiple_choice import read_answers
from modeld.evals.reducers import Epochs, create_reducers, log_name
from modeld.evals.registry import name_of
from modeld.evals.score import SampleScore
from modeld.scorer import (
    Score,
    Target,
    accuracy,
    answer,
    choice,
    exact,
    f1,
    includes,
    match,
    mean,
    metric,
    pattern,
    std,
    stderr,
    value_to_float,
)
from modeld.solver import ModelName, TaskState


def state_of(said: str, choices=None) -> TaskState:
    return TaskState(
        ModelName("mockllm/m"),
        1,
        1,
        "q",
        [],
        choices=choices,
        output=ModelOutput.from_content("mockllm/m", said),
    )


def scored(scorer, said: str, target: str | list[str]) -> Score:
    return asyncio.run(scorer(state_of(said), Target(target)))


@pytest.mark.parametrize(
    "scorer, said, target, value",
    [
        (match(), "The answer is 42.", "42", "C"),
        (match(), "42 it is", "42", "I"),
        (match("begin"), "42 it is", "42", "C"),
        (match("any"), "so 42 it is", "42", "C"),
        (match("exact"), " Yes! ", "yes", "C"),
        (match(ignore_case=False), "yes", "Yes", "I"),
        (match(), "x", ["a", "X"], "C"),
        (match(numeric=True), "It costs $1,234.50", "1234.5", "C"),
        (match(numeric=True), "25", "5", "I"),
        (match(numeric=True), "it is 5 apples", "5", "C"),
        (match("begin", numeric=True), "5 of 7", "5", "C"),
        (match("any", numeric=True), "3 or 7 or 9", "7", "C"),
        (match(numeric=True), "½", "0.5", "C"),
        (match(numeric=True), "<42", "42", "I"),
        (match(numeric=True), "三", "3", "C"),
        (match(numeric=True), "**Answer: Paris.**", "paris", "C"),
        (match("begin", numeric=True), "(B) is right", "B", "C"),
        (includes(), "It was PARIS, I think", "paris", "C"),
        (includes(ignore_case=False), "PARIS", "paris", "I"),
        (exact(), "The Cat!", "cat", "C"),
        (exact(), "a cat sat", "cat", "I"),
        (exact(), "3.0", "3", "C"),
        (exact(), "$1,000", "1000", "C"),
        (f1(), "the cat sat", "a cat sat down", 0.8),
        (pattern(r"result: (\d+)"), "Result: 7", "7", "C"),
        (pattern(r"(\d) and (\d)", match_all=True), "1 and 2", ["1", "2"], "C"),
        (pattern(r"(\d) and (\d)", match_all=True), "1 and 3", ["1", "2"], "I"),
        (answer("letter"), "ANSWER: A\nno, ANSWER: B", "B", "C"),
        (answer("word"), "ANSWER: yes.", "Yes", "C"),
        (answer("line"), "Hm.\nANSWER: the red one", "the red one", "C"),
    ],
)
def test_text_is_scored(scorer, said, target, value):
    assert scored(scorer, said, target).value == value


def test_an_abnormal_answer_has_its_reason():
    assert scored(match(), "  ", "4").reason == "no_response"
    assert scored(pattern(r"=(\d)"), "none", "4").reason == "invalid_response_format"
    assert scored(pattern(r"=(\d)"), "=5", "4").answer == "5"


@pytest.mark.parametrize(
    "said, several, letters",
    [
        ("ANSWER: B", False, "B"),
        ("ANSWER: A\nOn reflection\nANSWER: c", False, "C"),
        ("**ANSWER: $D$**", False, "D"),
        ("ANSWER: (B)", False, "B"),
        ("ANSWER: A,B", False, ""),
        ("ANSWER: E", False, ""),
        ("I say B", False, ""),
        ("ANSWER: A, C", True, "AC"),
        ("ANSWER: AC", True, "AC"),
        ("ANSWER: A and C", True, "AC"),
        ("ANSWER: A,E", True, ""),
    ],
)
def test_letters_are_read(said, several, letters):
    assert read_answers(said, 4, several) == set(letters)


def test_choices_are_scored_by_their_letters():
    def score(marked: list[int], target):
        state = state_of("ANSWER: ?", ["w", "x", "y"])
        for index in range(3):
            state.choices.mark_choice(index, index in marked)
        return asyncio.run(choice()(state, Target(target)))

    assert score([1], "B").value == "C"
    assert score([0, 2], ["A", "C"]).value == score([0, 2], "A,C").value == "C"
    assert (score([0], "B").value, score([0], "B").answer) == ("I", "A")
    assert score([], "B").reason == "invalid_response_format"
    with pytest.raises(ValueError, match="names a choice that the sample does not have"):
        score([0], "D")


def sample_scores(values, clusters=None) -> list[SampleScore]:
    clusters = clusters or [None] * len(values)
    return [
        SampleScore(Score(v), i, {"c": c})
        for i, (v, c) in enumerate(zip(values, clusters, strict=True))
    ]


def test_metrics_are_those_of_the_textbook():
    values = [random.Random(3).choice("CIPN") for _ in range(500)]
    numbers = [{"C": 1.0, "P": 0.5}.get(v, 0.0) for v in values]
    average = sum(numbers) / 500
    deviation = math.sqrt(sum((n - average) ** 2 for n in numbers) / 499)
    scores = sample_scores(values)
    assert accuracy()(scores) == pytest.approx(average, abs=1e-12)
    assert mean()(scores) == pytest.approx(average, abs=1e-12)
    assert std()(scores) == pytest.approx(deviation, abs=1e-12)
    assert stderr()(scores) == pytest.approx(deviation / math.sqrt(500), abs=1e-12)
    assert stderr()(sample_scores(["C"])) == std()([]) == accuracy()([]) == 0
    # Two clusters of two: deviations 0.5+0.5 and -0.5-0.5, so sqrt((1 + 1) * 2 / 1) / 4.
    clustered = stderr(cluster="c")(sample_scores([1, 1, 0, 0], ["a", "a", "b", "b"]))
    assert clustered == pytest.approx(0.5)
    with pytest.raises(ValueError, match="no cluster metadata"):
        stderr(cluster="c")(sample_scores([1, 0]))


def test_values_become_numbers():
    number = value_to_float()
    read = [
        number(v) for v in ("C", "I", "P", "N", "yes", "False", "2.5", "x", True, 3, [1], "inf")
    ]
    assert read == [1, 0, 0.5, 0, 1, 0, 2.5, 0, 1, 3, 0, 0]


@pytest.mark.parametrize(
    "name, values, reduced",
    [
        ("mean", ["C", "I", "C", "P"], 0.625),
        ("median", [1, 5, 100], 5),
        ("mode", ["I", "C", "C"], "C"),
        ("max", ["I", "P"], "P"),
        ("at_least_2", ["C", "I", "C"], 1),
        ("at_least_2", ["C", "I", "I"], 0),
        ("pass_at_2", ["C", "I", "I", "I"], 0.5),
        ("pass_k_2", ["C", "C", "I"], 1 / 3),
        ("majority", ["C", "C", "I"], "C"),
        ("mean", [{"a": 1, "b": "C"}, {"a": 3, "b": "I"}], {"a": 2, "b": 0.5}),
        ("mean", [[1, 2], [3, 4]], [2, 3]),
        ("mean", [float("nan"), 1], 1),
    ],
)
def test_epochs_are_reduced(name, values, reduced):
    (reducer,) = create_reducers(name)
    assert log_name(reducer) == name
    made = reducer([Score(v, answer="a") for v in values])
    assert (
        made.value == pytest.approx(reduced)
        if not isinstance(reduced, str)
        else made.value == reduced
    )
    assert made.answer == "a"


def test_what_cannot_be_reduced_is_unscored_or_refused():
    (majority,) = create_reducers("majority")
    assert math.isnan(majority([Score("C"), Score("I")]).value)
    assert math.isnan(create_reducers("mean")[0]([Score(float("nan"))]).value)
    with pytest.raises(InvalidRequest, match="no reducer 'average'"):
        Epochs(3, "average")
    with pytest.raises(InvalidRequest, match="pass_at_5 needs 5 epochs"):
        Epochs(3, "pass_at_5")


def test_scores_of_several_values_are_read_as_such():
    assert Score([1, 2]).as_list() == [1, 2]
    assert Score({"a": 1}).as_dict() == {"a": 1}
    with pytest.raises(ValueError, match="not a list"):
        Score({"a": 1}).as_list()
    with pytest.raises(ValueError, match="not a dictionary"):
        Score(1).as_dict()


def test_a_state_may_be_made_with_what_is_known_of_it():
    state = TaskState(
        ModelName("a/b"), 1, 1, "q", [], completed=True, store={"n": 1}, message_limit=5,
        token_limit=9, sample_uuid="u",
    )  # fmt: skip
    assert (state.completed, state.store.get("n"), state.message_limit) == (True, 1, 5)
    assert (state.token_limit, state.uuid) == (9, "u")


def test_a_metric_may_take_what_it_gets_for_scores():
    @metric
    def total():
        return lambda scores: sum(score.as_float() for score in scores if score.value)

    one = SampleScore(Score(2, answer="a", metadata={"m": 1}), 7)
    assert total()([one, SampleScore(Score(3)), SampleScore(Score(0))]) == 5
    assert (one.answer, one.metadata, one.sample_id) == ("a", {"m": 1}, 7)
    assert copy(one) == pickle.loads(pickle.dumps(one)) == one
    with pytest.raises(AttributeError, match="colour"):
        one.colour  # noqa: B018


def test_a_metric_may_be_registered_by_an_empty_call():
    @metric()
    def most():
        return lambda scores: max(score.score.as_float() for score in scores)

    assert most()([SampleScore(Score(1)), SampleScore(Score(3))]) == 3
    assert name_of(most()) == "most"
