"""Scores, and their numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ..errors import InvalidRequest
from ..types import JsonObject, Value
from ..types.jsonable import jsonable
from ..types.value import fitted

CORRECT = "C"
INCORRECT = "I"
PARTIAL = "P"
NOANSWER = "N"

Scalar: TypeAlias = str | int | float | bool
ScoreValue: TypeAlias = str | int | float | bool | list[Scalar] | dict[str, Scalar | None]


def _read_value(data: object) -> object:
    return data


def _write_value(value: Any) -> Any:
    return jsonable(value)


@dataclass(slots=True, eq=False, repr=False)
class Score(Value):
    """What a scorer says about one answer. A value of NaN is "unscored": metrics leave it out."""

    value: ScoreValue = field(metadata={"read": _read_value, "write": _write_value})
    answer: str | None = None
    """The answer as the scorer found it in the output."""
    explanation: str | None = None
    reason: str | None = None
    """Machine word for an abnormal score: no_response, invalid_response_format, grader_failed …"""
    metadata: JsonObject | None = field(default=None, metadata={"write": jsonable})

    def __post_init__(self) -> None:
        fitted(self, "answer", "explanation", "reason")
        if self.value is None:
            raise InvalidRequest(
                "Score.value: is required; Score.unscored() is one without a value"
            )
        if self.metadata is not None and not isinstance(self.metadata, dict):
            raise InvalidRequest(f"Score.metadata: expected object, got {self.metadata!r:.80}")

    @classmethod
    def unscored(
        cls,
        *,
        reason: str | None = None,
        answer: str | None = None,
        explanation: str | None = None,
        metadata: JsonObject | None = None,
    ) -> Score:
        """A score that is kept and not counted."""
        return cls(float("nan"), answer, explanation, reason, metadata)

    @property
    def text(self) -> str:
        """The value as text."""
        return self.as_str()

    def as_str(self) -> str:
        """The value as text."""
        return str(self._scalar())

    def as_int(self) -> int:
        """The value as a whole number."""
        return int(self._scalar())

    def as_float(self) -> float:
        """The value as a number."""
        return float(self._scalar())

    def as_bool(self) -> bool:
        """Whether the value is true."""
        return bool(self._scalar())

    def as_list(self) -> list[Scalar]:
        """The value as a list."""
        if not isinstance(self.value, list):
            raise ValueError("This score is not a list")
        return self.value

    def as_dict(self) -> dict[str, Any]:
        """The value as a mapping."""
        if not isinstance(self.value, dict):
            raise ValueError("This score is not a dictionary")
        return self.value

    def _scalar(self) -> Scalar:
        if isinstance(self.value, (list, dict)):
            raise ValueError("This score is not a scalar")
        return self.value


@dataclass(slots=True, eq=False, repr=False)
class SampleScore(Value):
    """A score with the sample that it is for, as metrics see it. It can be used as the score, which
    is what metrics of `list[Score]` get in the reference.
    """

    score: Score
    sample_id: str | int | None = None
    sample_metadata: JsonObject | None = None
    scorer: str | None = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # asked for by copy and pickle, also while there is no score yet
            raise AttributeError(name)
        return getattr(self.score, name)


ValueToFloat: TypeAlias = Callable[[Any], float]


def value_to_float(
    correct: Any = CORRECT,
    incorrect: Any = INCORRECT,
    partial: Any = PARTIAL,
    noanswer: Any = NOANSWER,
) -> ValueToFloat:
    """A function from score values to numbers: correct is 1, partial 0.5, the others 0.

    Numbers are themselves; yes, true, no, false and digits in text are read; a list, a mapping and
    any other text count as 0.
    """

    def number(value: Any) -> float:
        if value == correct:
            return 1.0
        if value == partial:
            return 0.5
        if value in (incorrect, noanswer) or isinstance(value, (list, dict)):
            return 0.0
        if isinstance(value, str):
            word = value.lower()
            if word in ("yes", "true"):
                return 1.0
            try:
                read = float(word)
            except ValueError:
                return 0.0
            return read if math.isfinite(read) else 0.0
        return float(value)

    return number


NUMBER = value_to_float()
"""What metrics and reducers take unless they are told otherwise."""


def is_unscored(value: object) -> bool:
    """Whether the value says that there is no score."""
    return value is None or (isinstance(value, float) and math.isnan(value))
