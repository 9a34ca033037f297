"""The scorer of `multiple_choice`."""

from __future__ import annotations

from .choices import answer_character, answer_index
from .metrics import accuracy, stderr
from .sample import Target
from .score import CORRECT, INCORRECT, NOANSWER, Score
from .scorer import Scorer, scorer
from .state import TaskState


@scorer(metrics=[accuracy(), stderr()])
def choice() -> Scorer:
    """Whether the model chose what the target says: letters such as "A", "A,C" or ["A", "C"]."""

    async def score(state: TaskState, target: Target) -> Score:
        if not state.choices:
            raise ValueError("The choice scorer requires samples with choices")
        said = state.output.completion
        choices = state.choices.unshuffled()
        explanation = said
        if [c.value for c in choices] != [c.value for c in state.choices]:
            letters = [answer_character(i) for i, c in enumerate(state.choices) if c.correct]
            explanation = (
                "Choices were shuffled before generating a response, the following was sent to "
                f"the model:\n\n{state.choices.options()}\nShuffled answer:\n"
                f"ANSWER: {', '.join(letters)}"
            )
        wanted = _wanted(target, len(choices))
        chosen = [i for i, one in enumerate(choices) if one.correct]
        answer = ", ".join(map(answer_character, chosen))
        if chosen == wanted:
            return Score(CORRECT, answer, explanation)
        if chosen:
            return Score(INCORRECT, answer, explanation)
        if not said.strip():
            return Score(NOANSWER, "", explanation, "no_response")
        return Score(INCORRECT, "", explanation, "invalid_response_format")

    return score


def _wanted(target: Target, size: int) -> list[int]:
    tokens = [token for text in target for token in text.replace(",", " ").split()]
    letters = [part for token in tokens for part in ([token] if token.isdecimal() else token)]
    wanted = sorted(map(answer_index, letters))
    if wanted and wanted[-1] >= size:
        raise ValueError(
            f"the target {target.text!r} names a choice that the sample does not have ({size})"
        )
    return wanted
