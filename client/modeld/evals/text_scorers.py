"""Scorers that compare the text of the answer with the target."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable
from typing import Literal

from .metrics import accuracy, mean, stderr
from .numerals import normal_number, plain_number_text, read_number, strip_punctuation
from .sample import Target
from .score import CORRECT, INCORRECT, Score
from .scorer import Scorer, scorer
from .state import TaskState

Location = Literal["begin", "end", "any", "exact"]


@scorer(metrics=[accuracy(), stderr()])
def match(location: Location = "end", *, ignore_case: bool = True, numeric: bool = False) -> Scorer:
    """Whether the answer begins with, ends with, has or is the target.

    Args:
        location: Where the target is looked for.
        ignore_case: Whether capitals do not matter.
        numeric: Whether a target that is a number is compared as a number: $1,234.50 is 1234.5.
    """
    return _any_target(lambda text, target: _match(text, target, location, ignore_case, numeric))


@scorer(metrics=[accuracy(), stderr()])
def includes(ignore_case: bool = True) -> Scorer:
    """Whether the target is somewhere in the answer."""

    def check(text: str, target: str) -> tuple[str, bool]:
        if ignore_case:
            text, target = text.casefold(), target.casefold()
        return text, target in text

    return _any_target(check)


def _any_target(check: Callable[[str, str], tuple[str, bool]]) -> Scorer:
    async def score(state: TaskState, target: Target) -> Score:
        said, answer = state.output.completion, None
        for value in target:
            answer, right = check(said, value)
            if right:
                return Score(CORRECT, answer, said, _no_response(said))
        return Score(INCORRECT, answer, said, _no_response(said))

    return score


def _no_response(said: str) -> str | None:
    return None if said.strip() else "no_response"


def _match(
    text: str, target: str, location: Location, ignore_case: bool, numeric: bool
) -> tuple[str, bool]:
    text, target = text.strip(), target.strip()
    answer = text
    if ignore_case:
        text, target = text.casefold(), target.casefold()
    if numeric:
        target = plain_number_text(target)
        if read_number(target) is not None:
            return _match_number(plain_number_text(text), normal_number(target), location, answer)
    text, target = strip_punctuation(text), strip_punctuation(target)
    if location == "begin":
        return answer, text.startswith(target)
    if location == "end":
        return answer, text.endswith(target)
    return answer, text == target if location == "exact" else target in text


def _match_number(text: str, target: str, location: Location, answer: str) -> tuple[str, bool]:
    """By value and not by letters: "25" ends with "5" and is not 5."""
    if location == "exact":
        found = normal_number(text, trim=False)
        return found, found == target
    numbers = [normal_number(w) for w in re.split(r"\s+", text) if read_number(w) is not None]
    if location == "any":
        return (target, True) if target in numbers else (answer, False)
    found = "" if not numbers else numbers[0 if location == "begin" else -1]
    return found, found == target


@scorer(metrics=[accuracy(), stderr()])
def pattern(pattern: str, ignore_case: bool = True, match_all: bool = False) -> Scorer:
    """Whether what a regular expression finds is the target.

    Args:
        pattern: Its groups are compared; without groups, the whole match.
        ignore_case: Whether capitals do not matter.
        match_all: Whether all groups must be a target, or any.
    """
    expression = re.compile(pattern, re.IGNORECASE if ignore_case else 0)

    async def score(state: TaskState, target: Target) -> Score:
        said = state.output.completion
        found = expression.search(said)
        if found is None:
            return Score(
                INCORRECT,
                explanation=f"Scoring pattern not matched in output: {said}",
                reason=_no_response(said) or "invalid_response_format",
            )
        fold = str.lower if ignore_case else str
        targets = [fold(text) for text in target]
        groups = found.groups() or (found[0],)
        words = [group for group in groups if group is not None]
        right = [word for word in words if fold(word) in targets]
        if match_all:
            answer = target.text if words and len(right) == len(words) else None
        else:
            answer = right[0] if right else None
        value = CORRECT if answer else INCORRECT
        if answer is None and not match_all and len(groups) == 1:
            answer = groups[0]  # what was found tells more than nothing
        return Score(value, answer, said, _no_response(said))

    return score


class AnswerPattern:
    """What follows the last "ANSWER:"."""

    LETTER = r"(?is)ANSWER\s*:\s*([A-Za-z])(?:[^\w]|\n|$)(?!.*ANSWER\s*:)"
    WORD = r"(?is)ANSWER\s*:\s*(\S+?)(?=[.,;:!?]?\s*(?:\n|$))(?!.*ANSWER\s*:)"
    LINE = r"(?i)ANSWER\s*:\s*([^\n]+)\s*\Z"


@scorer(metrics=[accuracy(), stderr()])
def answer(pattern: Literal["letter", "word", "line"]) -> Scorer:
    """Whether the letter, word or line behind the last "ANSWER:" is the target."""
    return _pattern(
        {"letter": AnswerPattern.LETTER, "word": AnswerPattern.WORD}.get(
            pattern, AnswerPattern.LINE
        )
    )


_pattern = pattern


@scorer(metrics=[mean(), stderr()])
def exact() -> Scorer:
    """Whether the answer is a target, but for capitals, articles, punctuation and space."""

    async def score(state: TaskState, target: Target) -> Score:
        said = state.output.completion
        targets = [text for text in map(_normal, target) if text]
        value = CORRECT if _normal(said) in targets else INCORRECT
        return Score(value, said, reason=_no_response(said))

    return score


@scorer(metrics=[mean(), stderr()])
def f1(
    answer_fn: Callable[[str], str] | None = None, stop_words: list[str] | None = None
) -> Scorer:
    """How far the words of the answer are those of the best target, 0 to 1 (F1 as of SQuAD).

    Args:
        answer_fn: Finds the answer in the output.
        stop_words: Words that do not count.
    """

    async def score(state: TaskState, target: Target) -> Score:
        said = state.output.completion
        found = answer_fn(said) if answer_fn else said
        values = [_f1(_words(found, stop_words), _words(text, stop_words)) for text in target]
        return Score(round(max(values, default=0.0), 2), found, reason=_no_response(said))

    return score


def _f1(found: Counter[str], wanted: Counter[str]) -> float:
    both = (found & wanted).total()
    if not both:
        return 0.0
    precision, recall = both / found.total(), both / wanted.total()
    return 2 * precision * recall / (precision + recall)


def _words(text: str, stop_words: list[str] | None) -> Counter[str]:
    return Counter(_normal(text, stop_words).split())


def _normal(text: str, stop_words: list[str] | None = None) -> str:
    left_out = {_normal_word(word) for word in stop_words or []}
    words = (_normal_word(word) for word in re.split(" |-", text))
    return " ".join(word for word in words if word and word not in left_out)


def _normal_word(word: str) -> str:
    word = word.casefold()
    bare = "".join(letter for letter in word if letter not in string.punctuation)
    for form in (word, strip_punctuation(word), bare):  # the last one is 1,000
        number = _finite(form)
        if number is not None:
            return str(number)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", bare).split())


def _finite(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None
