"""The reference's names of scorers, scores, metrics and reducers."""

from .evals.choice_scorer import choice
from .evals.graded import model_graded_fact, model_graded_qa
from .evals.metrics import Metric, accuracy, mean, metric, std, stderr, var
from .evals.reducers import (
    ScoreReducer,
    at_least,
    majority_score,
    max_score,
    mean_score,
    median_score,
    mode_score,
    pass_at,
    pass_k,
    score_reducer,
)
from .evals.sample import Target
from .evals.score import (
    CORRECT,
    INCORRECT,
    NOANSWER,
    PARTIAL,
    SampleScore,
    Score,
    ValueToFloat,
    value_to_float,
)
from .evals.score import (
    ScoreValue as Value,
)
from .evals.scorer import Scorer, scorer
from .evals.text_scorers import AnswerPattern, answer, exact, f1, includes, match, pattern

__all__ = [
    "CORRECT",
    "INCORRECT",
    "NOANSWER",
    "PARTIAL",
    "AnswerPattern",
    "Metric",
    "SampleScore",
    "Score",
    "ScoreReducer",
    "Scorer",
    "Target",
    "Value",
    "ValueToFloat",
    "accuracy",
    "answer",
    "at_least",
    "choice",
    "exact",
    "f1",
    "includes",
    "majority_score",
    "match",
    "max_score",
    "mean",
    "mean_score",
    "median_score",
    "metric",
    "mode_score",
    "model_graded_fact",
    "model_graded_qa",
    "pass_at",
    "pass_k",
    "pattern",
    "score_reducer",
    "scorer",
    "std",
    "stderr",
    "value_to_float",
    "var",
]
