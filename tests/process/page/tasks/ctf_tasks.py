"""A duel for a flag: the red team hides it, the blue team finds it. No other model is asked."""

from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.model import get_model
from inspect_ai.scorer import includes
from inspect_ai.solver import Generate, Solver, TaskState, solver


@solver
def duel() -> Solver:
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        for role in ("red_team", "blue_team"):
            state.output = await get_model(role=role, required=True).generate(state.input_text)
        return state

    return solve


@task
def blues_clues() -> Task:
    return Task([Sample("Where is it?", target="Germany")], solver=duel(), scorer=includes())
