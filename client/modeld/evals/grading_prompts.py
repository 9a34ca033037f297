"""What a model that grades is asked."""

from __future__ import annotations

import re
from typing import Any

QA_TEMPLATE = """
You are assessing a submitted answer on a given task based on a criterion. Here is the data:

[BEGIN DATA]
***
[Task]: {question}
***
[Submission]: {answer}
***
[Criterion]: {criterion}
***
[END DATA]

Does the submission meet the criterion?

{instructions}
"""

FACT_TEMPLATE = """
You are comparing a submitted answer to an expert answer on a given question. Here is the data:

[BEGIN DATA]
************
[Question]: {question}
************
[Expert]: {criterion}
************
[Submission]: {answer}
************
[END DATA]

Compare the factual content of the submitted answer with the expert answer. Ignore any differences \
in style, grammar, or punctuation.

Does the submission contain the content in the expert answer?

{instructions}
"""

_INSTRUCTIONS = """
After assessing the submitted answer, reply with 'GRADE: $LETTER' (without quotes) where LETTER is \
one of C%sI.  Please choose ONE option for the grade: either "C" for correct answers, %sor "I" for \
incorrect answers.

For example, after reviewing a correct answer you might write 'GRADE: C' or after reviewing an \
incorrect answer you might write 'GRADE: I'.

First, write out in a step by step manner your reasoning about the criterion to be sure that your \
conclusion is correct. Avoid simply stating the correct answers at the outset. Then, end with your \
answer formatted as 'GRADE: $LETTER' (without quotes) where LETTER is one of C%sI.
"""

_GAP = r"[\s\u200b-\u200f\u2060\u2063\ufeff]*"
_GRADE = rf"(?is).*(?<!\w)GRADE(?!\w){_GAP}:{_GAP}"
# Greedy up to the last one: a grade that the answer itself has smuggled in must not win.
LETTER_PATTERN = _GRADE + "([CPI])"
WORD_PATTERN = _GRADE + r"(\w*)"

_WORDS = {"correct": "C", "incorrect": "I", "partial": "P"}
_MARKERS = re.compile(r"\[(BEGIN|END) DATA\]", re.IGNORECASE)


def default_instructions(partial_credit: bool) -> str:
    """How to grade."""
    letter = "P" if partial_credit else ""
    return _INSTRUCTIONS % (
        letter,
        '"P" for partially correct answers,' if partial_credit else "",
        letter,
    )


def letter_of(grade: str) -> str | None:
    """C, P or I of "C", "correct" …; nothing of any other word."""
    word = grade.strip().lower()
    return word.upper() if len(word) == 1 else _WORDS.get(word)


def harmless(value: Any) -> Any:
    """The value without markers that would end the data in the grader's prompt."""
    if isinstance(value, str):
        return _MARKERS.sub(lambda found: found[0].replace(" ", "-"), value)
    if isinstance(value, dict):
        return {key: harmless(item) for key, item in value.items()}
    return [harmless(item) for item in value] if isinstance(value, list) else value
