"""Solvers: what is done with a sample until it has its answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Literal, ParamSpec, Protocol, TypeAlias, Unpack, cast, overload

from ..errors import InvalidRequest
from ..functions import ToolDef
from ..types import CONFIG_FIELDS, GenerateConfigArgs, ToolChoice
from .registry import Registered, arguments, registered, tag
from .scorer import is_async
from .state import TaskState

P = ParamSpec("P")
ToolCalls: TypeAlias = Literal["loop", "single", "none"]


KNOWN_SOLVERS: dict[str, Callable[..., Any]] = {}
"""Functions that return solvers, by name, so that one can be named on the command line."""


class Generate(Protocol):
    """Asks the task's model with the state's messages and tools, and adds its answer to them."""

    async def __call__(
        self, state: TaskState, tool_calls: ToolCalls = "loop", **config: Any
    ) -> TaskState:
        """The state with the answer. `config` are fields of GenerateConfig."""


class Solver(Protocol):
    """Does a step for a sample."""

    async def __call__(self, state: TaskState, generate: Generate) -> TaskState:
        """The state after the step."""


@overload
def solver(name: Callable[P, Solver]) -> Callable[P, Solver]: ...


@overload
def solver(name: str) -> Callable[[Callable[P, Solver]], Callable[P, Solver]]: ...


def solver(
    name: str | Callable[P, Solver],
) -> Callable[P, Solver] | Callable[[Callable[P, Solver]], Callable[P, Solver]]:
    """Registers a function that returns a solver, under its own name or a given one."""

    def register(function: Callable[P, Solver]) -> Callable[P, Solver]:
        called = name if isinstance(name, str) else function.__name__

        @wraps(function)
        def make(*args: P.args, **kwargs: P.kwargs) -> Solver:
            made = function(*args, **kwargs)
            if not is_async(made):
                raise ValueError(f"the solver '{called}' must return an async function")
            params, passed = arguments(function, args, kwargs)
            return cast("Solver", tag(made, Registered("solver", called, params, passed)))

        KNOWN_SOLVERS[called] = make
        return make

    return register if isinstance(name, str) else register(name)


class Chain:
    """Solvers one after the other, until the state is completed."""

    def __init__(self, solvers: Sequence[Solver]) -> None:
        self.solvers = list(solvers)

    async def __call__(self, state: TaskState, generate: Generate) -> TaskState:
        for step in self.solvers:
            state = await step(state, generate)
            if not isinstance(state, TaskState):
                found = registered(step)
                raise InvalidRequest(
                    f"the solver '{found.name if found else step}' returned "
                    f"{type(state).__name__}, not the state"
                )
            if state.completed:
                break
        return state


@solver
def chain(*solvers: Solver | Sequence[Solver]) -> Solver:
    """Solvers one after the other; lists and chains in it are taken apart."""
    return Chain(unrolled(solvers))


def unrolled(given: Solver | Sequence[Any]) -> list[Solver]:
    """The steps of solvers, lists and chains."""
    if isinstance(given, Chain):
        return unrolled(given.solvers)
    if isinstance(given, (list, tuple)):
        return [step for one in given for step in unrolled(one)]
    if not is_async(given):
        raise InvalidRequest(f"a solver is an async function (state, generate), not {given!r:.80}")
    return [cast("Solver", given)]


@solver
def generate(tool_calls: ToolCalls = "loop", **config: Unpack[GenerateConfigArgs]) -> Solver:
    """Asks the task's model.

    Args:
        tool_calls: "loop" runs the tools that it asks for and asks again until it asks for none;
            "single" runs them once; "none" does not.
        **config: Fields of GenerateConfig, over those of the task.
    """
    unknown = config.keys() - set(CONFIG_FIELDS)
    if unknown:
        raise InvalidRequest(f"generate has no argument {', '.join(sorted(unknown))}")

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        return await generate(state, tool_calls=tool_calls, **config)

    return solve


@solver
def use_tools(*tools: Any, tool_choice: ToolChoice | None = "auto", append: bool = False) -> Solver:
    """Gives the model tools: functions that `@tool` made, or `ToolDef`, or lists of these.

    Args:
        *tools: The tools; none leaves them as they are.
        tool_choice: Which of them must be called; None leaves it as it is.
        append: Whether those that are there already stay.
    """
    many = [
        one for given in tools for one in (given if isinstance(given, (list, tuple)) else [given])
    ]
    made = [one.as_tool() if isinstance(one, ToolDef) else one for one in many]
    for one in made:
        ToolDef(one)  # what cannot be described is an error here and not in the first sample

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        if made:
            state.tools = [*state.tools, *made] if append else list(made)
        if tool_choice is not None:
            state.tool_choice = tool_choice
        return state

    return solve
