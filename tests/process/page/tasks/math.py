"""A team that attacks an answer and one that defends it; the answer is graded by a model."""

from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.model import get_model
from inspect_ai.scorer import CORRECT, INCORRECT, Score, Scorer, Target, accuracy, scorer, stderr
from inspect_ai.solver import Generate, Solver, TaskState, generate, solver


@scorer(metrics=[accuracy(), stderr()])
def model_grader() -> Scorer:
    async def score(state: TaskState, target: Target):
        model = get_model(role="grader")
        verdict = await model.generate(f"{state.input_text} And why is it {target.text}?")
        right = target.text.casefold() in verdict.completion.casefold()
        return Score(value=CORRECT if right else INCORRECT, explanation=verdict.completion)

    return score


@solver
def debate() -> Solver:
    async def solve(state: TaskState, generate: Generate) -> TaskState:
        for role in ("red_team", "blue_team"):
            await get_model(role=role).generate(state.input_text)
        return state

    return solve


@task
def math() -> Task:
    samples = [
        Sample("Which status says that nothing was found?", target="404"),
        Sample("Where was Gauss born?", target="Germany"),
        Sample("How much is five and three?", target="8"),
    ]
    return Task(samples, solver=[debate(), generate()], scorer=model_grader())
