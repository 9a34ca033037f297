"""Solvers that write prompts."""

from __future__ import annotations

from typing import Any

from ..types import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser
from .solver import Generate, Solver, solver
from .state import TaskState
from .templates import filled, resource


def _values(state: TaskState, params: dict[str, Any]) -> dict[str, Any]:
    return {**state.metadata, **dict(state.store.items()), **params}


@solver
def prompt_template(template: str, **params: Any) -> Solver:
    """Puts the user's prompt into a template, where `{prompt}` stands for it.

    The sample's metadata, the store and `params` may be named in it too.
    """
    text = resource(template)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        prompt = state.user_prompt
        values = {"prompt": prompt.text, **_values(state, params)}
        values["prompt"] = params.get("prompt", prompt.text)
        prompt.text = filled(text, values)
        return state

    return solve


@solver
def system_message(template: str, **params: Any) -> Solver:
    """Adds a system message, behind those that are there."""
    text = resource(template)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        places = [i for i, m in enumerate(state.messages) if isinstance(m, ChatMessageSystem)]
        message = ChatMessageSystem(filled(text, _values(state, params)))
        state.messages.insert(places[-1] + 1 if places else 0, message)
        return state

    return solve


@solver
def user_message(template: str, **params: Any) -> Solver:
    """Adds a message of the user."""
    text = resource(template)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        state.messages.append(ChatMessageUser(filled(text, _values(state, params))))
        return state

    return solve


@solver
def assistant_message(template: str, **params: Any) -> Solver:
    """Adds a message of the assistant."""
    text = resource(template)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        said = filled(text, _values(state, params))
        state.messages.append(ChatMessageAssistant(said, model=state.model.name))
        return state

    return solve


_THINK = """
{prompt}

Before answering, reason in a step-by-step manner as to get the right answer. Provide your answer \
at the end on its own line in the form "ANSWER: $ANSWER" (without quotes) where $ANSWER is the \
answer to the question.
"""


@solver
def chain_of_thought(template: str = _THINK) -> Solver:
    """Asks the model to think before it answers."""
    text = resource(template)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        state.user_prompt.text = filled(text, {"prompt": state.user_prompt.text})
        return state

    return solve
