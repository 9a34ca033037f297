"""The reference's names of tasks' solvers."""

from .evals.choices import Choice, Choices
from .evals.multiple_choice import MultipleChoiceTemplate, multiple_choice
from .evals.prompts import (
    assistant_message,
    chain_of_thought,
    prompt_template,
    system_message,
    user_message,
)
from .evals.solver import Generate, Solver, chain, generate, solver, use_tools
from .evals.state import Store, TaskState
from .spec import ModelName

__all__ = [
    "Choice",
    "Choices",
    "Generate",
    "ModelName",
    "MultipleChoiceTemplate",
    "Solver",
    "Store",
    "TaskState",
    "assistant_message",
    "chain",
    "chain_of_thought",
    "generate",
    "multiple_choice",
    "prompt_template",
    "solver",
    "system_message",
    "use_tools",
    "user_message",
]
