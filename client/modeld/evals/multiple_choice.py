"""The solver for questions with answers to choose from."""

from __future__ import annotations

import re

from .choices import answer_character, answer_index
from .solver import Generate, Solver, solver
from .state import TaskState
from .templates import resource

_END = "\n\n{question}\n\n{choices}"
_ONE = "Answer the following multiple choice question. "
_SEVERAL = "Answer the following multiple choice question where multiple answers may be correct. "
_ALL_OF_IT = "The entire content of your response should be of the following format: "
_LAST_LINE = "The last line of your response should be of the following format: "
_LETTER = "'ANSWER: $LETTER' (without quotes) where LETTER is one of {letters}."
_LETTERS = "'ANSWER: $LETTERS' (without quotes) where LETTERS is one or more of {letters}."
_THINK = " Think step by step before answering."

SINGLE_ANSWER = _ONE + _ALL_OF_IT + _LETTER + _END
SINGLE_ANSWER_COT = _ONE + _LAST_LINE + _LETTER + _THINK + _END
MULTIPLE_ANSWER = _SEVERAL + _ALL_OF_IT + _LETTERS + _END
MULTIPLE_ANSWER_COT = _SEVERAL + _LAST_LINE + _LETTERS + _THINK + _END


class MultipleChoiceTemplate:
    """The templates, by what is asked."""

    SINGLE_ANSWER = SINGLE_ANSWER
    SINGLE_ANSWER_COT = SINGLE_ANSWER_COT
    MULTIPLE_ANSWER = MULTIPLE_ANSWER
    MULTIPLE_ANSWER_COT = MULTIPLE_ANSWER_COT


@solver
def multiple_choice(
    *,
    template: str | None = None,
    cot: bool = False,
    multiple_correct: bool = False,
    max_tokens: int | None = None,
) -> Solver:
    """Asks with the sample's choices and marks those that the model names; `choice()` scores it.

    Args:
        template: With {question} and {choices}, and {letters} if wanted.
        cot: Whether the model is told to think first.
        multiple_correct: Whether several answers may be right.
        max_tokens: Most tokens of the answer.
    """
    if template is None:
        several, one = (
            (MULTIPLE_ANSWER_COT, SINGLE_ANSWER_COT) if cot else (MULTIPLE_ANSWER, SINGLE_ANSWER)
        )
        template = several if multiple_correct else one
    text = resource(template)
    if "{question}" not in text or "{choices}" not in text:
        raise ValueError("The template must contain '{question}' and '{choices}'.")

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        if not state.choices:
            raise ValueError("The multiple_choice solver requires samples with choices")
        state.user_prompt.text = state.choices.prompt(state.user_prompt.text, text)
        state = await generate(state, max_tokens=max_tokens)
        answers = read_answers(state.output.completion, len(state.choices), multiple_correct)
        if answers:
            chosen = {answer_index(answer) for answer in answers}
            for index in range(len(state.choices)):
                state.choices.mark_choice(index, index in chosen)
        return state

    return solve


def read_answers(said: str, size: int, multiple_correct: bool) -> set[str]:
    """The letters behind the last "ANSWER:"; none when they are not among the choices."""
    for dressed in (
        r"\$\s*([A-Za-z\d][A-Za-z\d ,]*?)\s*\$",
        r"\*\*\s*([A-Za-z\d][A-Za-z\d ,]*?)\s*\*\*",
    ):
        said = re.sub(dressed, r"\1", said)
    said = re.sub(r"(?i)(^|[:,])(\s*)\(([A-Za-z\d])\)(?=\s*(?:,|\.|\n|\Z))", r"\1\2\3", said)
    found = re.findall(r"(?im)^ANSWER\s*:\s*([A-Za-z\d ,]+)\s*(?:$|\n|\.)", said)
    found = found or re.findall(r"(?i)ANSWER\s*:\s*([A-Za-z\d ,]+)(?:[^\w]|\n|$|\.)", said)
    if not found:
        return set()
    allowed = {answer_character(index) for index in range(size)}
    text = found[-1].strip().rstrip(".").upper()
    if not multiple_correct:
        tokens = [token for token in text.split(",") if token]
        return set(tokens) if len(tokens) == 1 and tokens[0] in allowed else set()
    text = text.replace(" AND ", ",").replace(" ", "")
    for tokens in ([token for token in text.split(",") if token], list(text)):
        if allowed.issuperset(tokens):
            return set(tokens)
    return set()
