"""Scorers that ask a model."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..api import get_model
from ..handle import Model
from ..roles import model_roles
from ..types import (
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    Content,
    ContentText,
    ModelRole,
)
from .grading_prompts import (
    FACT_TEMPLATE,
    LETTER_PATTERN,
    QA_TEMPLATE,
    WORD_PATTERN,
    default_instructions,
    harmless,
    letter_of,
)
from .metrics import accuracy, stderr
from .reducers import ScoreReducer, create_reducers
from .sample import Target
from .score import Score
from .scorer import Scorer, scorer
from .state import TaskState
from .templates import resource

History: TypeAlias = bool | Callable[[TaskState], str]
Graders: TypeAlias = Sequence[str | Model] | str | Model | None


@scorer(metrics=[accuracy(), stderr()])
def model_graded_fact(
    template: str | None = None,
    instructions: str | None = None,
    grade_pattern: str | None = None,
    include_history: History = False,
    partial_credit: bool = False,
    model: Graders = None,
    model_role: str | ModelRole | None = "grader",
    reducer: str | ScoreReducer = "majority",
) -> Scorer:
    """As `model_graded_qa`, for answers that must contain the facts of the target."""
    return model_graded_qa(
        template or FACT_TEMPLATE,
        instructions,
        grade_pattern,
        include_history,
        partial_credit,
        model,
        model_role,
        reducer,
    )


@scorer(metrics=[accuracy(), stderr()])
def model_graded_qa(
    template: str | None = None,
    instructions: str | None = None,
    grade_pattern: str | None = None,
    include_history: History = False,
    partial_credit: bool = False,
    model: Graders = None,
    model_role: str | ModelRole | None = "grader",
    reducer: str | ScoreReducer = "majority",
) -> Scorer:
    """A model says whether the answer meets the target.

    Args:
        template: What it is asked, with {question}, {answer}, {criterion}, {instructions} and
            names of the sample's metadata; text or a file.
        instructions: How to grade.
        grade_pattern: Expression whose first group is the grade.
        include_history: Whether the whole conversation is shown, or a function that shows it.
        partial_credit: Whether "P" is a grade.
        model: The grader or several; it wins over the role.
        model_role: The role of the grader. When no model is bound to it, the model under
            evaluation grades, unless the role is required.
        reducer: How the grades of several graders become one.
    """
    grading = _Grading(
        resource(template or QA_TEMPLATE),
        instructions,
        grade_pattern,
        include_history,
        partial_credit,
    )
    reduce = create_reducers(reducer)[0]
    role = ModelRole(model_role) if isinstance(model_role, str) else model_role

    async def score(state: TaskState, target: Target) -> Score:
        graders = _graders(model, role)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(grading.score(one, state, target)) for one in graders]
        except ExceptionGroup as failed:  # of one grader it is the error itself
            raise failed.exceptions[0] from None
        scores = [task.result() for task in tasks]
        return scores[0] if len(scores) == 1 else reduce(scores)

    return score


def _graders(model: Graders, role: ModelRole | None) -> list[Model]:
    if isinstance(model, (str, Model)):
        return [get_model(model)]
    if model is not None:
        return [get_model(one) for one in model]
    if role is None:
        return [get_model()]
    bound = model_roles().get(role.name)
    if isinstance(bound, list):
        return bound
    return [get_model(role=role.name, required=role.required)]


@dataclass
class _Grading:
    template: str
    instructions: str | None
    pattern: str | None
    history: History
    partial_credit: bool

    async def score(self, grader: Model, state: TaskState, target: Target) -> Score:
        prompt = self._prompt(state, target)
        result = await grader.generate([prompt])
        grade = self._grade(result.completion)
        metadata = {"grading": [prompt.to_dict(), result.message.to_dict()]}
        if grade is None:
            said = f"Grade not found in model output: {result.completion}"
            return Score.unscored(
                reason="grader_failed",
                answer=state.output.completion,
                explanation=said,
                metadata=metadata,
            )
        return Score(grade, state.output.completion, result.completion, metadata=metadata)

    def _grade(self, said: str) -> str | None:
        ours = self.pattern is None and not self.instructions
        default = WORD_PATTERN if ours else LETTER_PATTERN
        found = re.search(self.pattern or default, said)
        if found is None or self.pattern is not None:
            return None if found is None else found[1]
        grade = letter_of(found[1])
        if ours and grade not in (("C", "P", "I") if self.partial_credit else ("C", "I")):
            return None
        return grade

    def _prompt(self, state: TaskState, target: Target) -> ChatMessageUser:
        question = state.input_text
        if self.history:
            question = self.history(state) if callable(self.history) else _history(state)
        answer = harmless(state.output.completion)
        media = _media(state)
        if media:
            answer = f"{answer} (see also attached media)" if answer else "See attached media"
        values: dict[str, Any] = {**harmless(state.metadata)}
        values |= {"question": harmless(question), "criterion": harmless(target.text)}
        values |= {
            "answer": answer,
            "instructions": self.instructions or default_instructions(self.partial_credit),
        }
        text = self.template.format(**values)
        return ChatMessageUser([ContentText(text), *media] if media else text)


def _media(state: TaskState) -> list[Content]:
    if state.output.empty or isinstance(state.output.message.content, str):
        return []
    parts = state.output.message.content
    return [part for part in parts if part.type in ("image", "audio", "video")]


def _history(state: TaskState) -> str:
    """The conversation through the last answer."""
    messages = [m for m in state.messages if not isinstance(m, ChatMessageSystem)]
    answers = [i for i, m in enumerate(messages) if isinstance(m, ChatMessageAssistant)]
    messages = messages[: answers[-1] + 1] if answers else messages
    lines = [messages[0].text] if messages else []
    for message in messages[1:]:
        if isinstance(message, ChatMessageAssistant):
            calls = [f"{call.function}({call.arguments})" for call in message.tool_calls or []]
            said = [message.text] if message.text else []
            lines.append("Assistant: " + "\n\n".join([*said, *calls]))
        elif isinstance(message, ChatMessageTool):
            problem = message.error.message if message.error else ""
            lines.append(f"Tool ({message.function}): {problem}{message.text}")
        else:
            lines.append(f"User: {message.text}")
    return "\n\n".join(lines)
