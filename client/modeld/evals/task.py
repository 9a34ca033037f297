"""Tasks: a dataset, how it is solved, how it is scored."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeAlias, TypedDict, Unpack, cast, overload

from ..errors import InvalidRequest
from ..handle import Model
from ..types import GenerateConfig, JsonObject, ModelConfig
from .dataset import Dataset, as_dataset
from .reducers import Epochs
from .registry import Registered, arguments, registered, tag
from .sample import Sample
from .scorer import Metrics, Scorer, is_async
from .signatures import NOT_GIVEN, signed
from .solver import Solver, generate, unrolled
from .state import TaskState

P = ParamSpec("P")

RoleModel: TypeAlias = str | Model | ModelConfig
RoleModels: TypeAlias = Mapping[str, RoleModel | Sequence[RoleModel]]
Cleanup: TypeAlias = Callable[[TaskState], Any]


class Task:
    """What is evaluated.

    Args:
        dataset: Samples; without any there is one, "prompt".
        setup: Solver that runs before the others.
        solver: One or several, in their order; asking the model is the default.
        cleanup: Called at the end of each sample, also of one that failed; may be async.
        scorer: One or several.
        metrics: Instead of those of the scorers.
        model: Instead of the evaluation's.
        config: How to generate.
        model_roles: Models by role, under those of the evaluation.
        epochs: How often each sample is repeated.
        fail_on_error: True: the first error of a sample ends the task; False: none does; a share
            or a number of errors.
        message_limit: Most messages of a sample's conversation.
        token_limit: Most tokens of a sample, over all calls.
        time_limit: Most seconds of a sample.
        working_limit: Most seconds of a sample, without those in which its calls wait for a permit
            or for another attempt; looked at when a model is called.
        cost_limit: Most dollars of a sample, over all calls.
        name: Name in logs.
        display_name: Name that people are shown; that of logs when not given.
        version: Of the task, to tell its logs apart.
        metadata: Kept in logs.
        tags: Kept in logs.
    """

    def __init__(
        self,
        dataset: Dataset | Sequence[Sample] | None = None,
        setup: Solver | Sequence[Solver] | None = None,
        solver: Solver | Sequence[Solver] | None = None,
        cleanup: Cleanup | None = None,
        scorer: Scorer | Sequence[Scorer] | None = None,
        metrics: Metrics | None = None,
        model: str | Model | None = None,
        config: GenerateConfig | None = None,
        model_roles: RoleModels | None = None,
        sandbox: object = None,
        epochs: int | Epochs | None = None,
        fail_on_error: bool | float | None = None,
        message_limit: int | None = None,
        token_limit: int | None = None,
        time_limit: float | None = None,
        working_limit: float | None = None,
        cost_limit: float | None = None,
        name: str | None = None,
        display_name: str | None = None,
        version: int | str = 0,
        metadata: JsonObject | None = None,
        tags: Sequence[str] | None = None,
    ) -> None:
        if sandbox is not None:
            raise InvalidRequest("sandboxes are not part of modeld's evaluations")
        self.dataset = as_dataset(dataset)
        self.setup = unrolled(setup) if setup is not None else []
        self.solver = unrolled(solver if solver is not None else generate())
        self.cleanup = cleanup
        self.scorer = _scorers(scorer)
        self.metrics = metrics
        self.model = model
        self.config = config or GenerateConfig()
        self.model_roles = dict(model_roles or {})
        self.epochs = Epochs(epochs) if isinstance(epochs, int) else epochs
        self.fail_on_error = fail_on_error
        self.message_limit = message_limit
        self.token_limit = token_limit
        self.time_limit = time_limit
        self.working_limit = working_limit
        self.cost_limit = cost_limit
        self._name = name
        self.display_name = display_name
        self.version = version
        self.metadata = metadata
        self.tags = list(tags or [])

    @property
    def name(self) -> str:
        """The name given, or that of the `@task` function."""
        found = registered(self)
        return self._name or (found.name if found else "task")

    def __repr__(self) -> str:
        return f"Task({self.name!r}, {len(self.dataset)} samples)"


class TaskFields(TypedDict, total=False):
    """What `Task` takes, each as it is described there."""

    dataset: Dataset | Sequence[Sample] | None
    setup: Solver | Sequence[Solver] | None
    solver: Solver | Sequence[Solver] | None
    cleanup: Cleanup | None
    scorer: Scorer | Sequence[Scorer] | None
    metrics: Metrics | None
    model: str | Model | None
    config: GenerateConfig | None
    model_roles: RoleModels | None
    sandbox: object
    epochs: int | Epochs | None
    fail_on_error: bool | float | None
    message_limit: int | None
    token_limit: int | None
    time_limit: float | None
    working_limit: float | None
    cost_limit: float | None
    name: str | None
    display_name: str | None
    version: int | str
    metadata: JsonObject | None
    tags: Sequence[str] | None


@signed(TaskFields, lambda _name: NOT_GIVEN)
def task_with(task: Task | Callable[[], Task], **fields: Unpack[TaskFields]) -> Task:
    """A copy of a task with other values for some of its fields; the task itself stays as it is.

    A `@task` function is called.
    """
    original = called(task)
    known = set(inspect.signature(Task).parameters)
    if fields.keys() - known:
        raise InvalidRequest(f"Task has no {', '.join(sorted(fields.keys() - known))}")
    # Checked and completed as by the constructor, then put over the copy.
    checked = Task(**fields)
    other = copy(original)
    for name in fields.keys() - {"sandbox"}:
        attribute = "_name" if name == "name" else name
        setattr(other, attribute, getattr(checked, attribute))
    return other


def called(task: Task | Callable[[], Task]) -> Task:
    """The task, or what the function that stands for it makes."""
    made = task if isinstance(task, Task) or not callable(task) else task()
    if not isinstance(made, Task):
        raise InvalidRequest(f"a Task is expected, not {type(made).__name__}: {made!r:.80}")
    return made


@overload
def task(func: Callable[P, Task]) -> Callable[P, Task]: ...


@overload
def task(
    *, name: str | None = None, **attribs: Any
) -> Callable[[Callable[P, Task]], Callable[P, Task]]: ...


def task(
    func: Callable[P, Task] | None = None, *, name: str | None = None, **attribs: Any
) -> Callable[P, Task] | Callable[[Callable[P, Task]], Callable[P, Task]]:
    """Registers a function that makes a task, so that it can be named on the command line.

    Args:
        func: The function.
        name: Name of the task; the function's when not given.
        **attribs: Kept in logs.
    """

    def register(function: Callable[P, Task]) -> Callable[P, Task]:
        name_ = name or function.__name__
        file = _file_of(function)

        @wraps(function)
        def make(*args: P.args, **kwargs: P.kwargs) -> Task:
            made = function(*args, **kwargs)
            if not isinstance(made, Task):
                raise InvalidRequest(
                    f"the task function '{name_}' returned {type(made).__name__}, not a Task"
                )
            params, passed = arguments(function, args, kwargs)
            found = Registered("task", name_, params, passed)
            found.extra = {"file": file, "attribs": attribs, "make": make}
            return cast("Task", tag(made, found))

        KNOWN_TASKS[name_] = make
        tag(make, Registered("task", name_))
        return make

    return register if func is None else register(func)


KNOWN_TASKS: dict[str, Callable[..., Task]] = {}
"""Task functions by name, so that a log's task can be made again."""


def _file_of(function: Callable[..., object]) -> str | None:
    path = inspect.getsourcefile(inspect.unwrap(function))
    return str(Path(path).resolve()) if path is not None and Path(path).is_file() else None


def _scorers(given: Scorer | Sequence[Scorer] | None) -> list[Scorer]:
    many = [] if given is None else list(given) if isinstance(given, (list, tuple)) else [given]
    for one in many:
        if not is_async(one):
            raise InvalidRequest(f"a scorer is an async function (state, target), not {one!r:.80}")
    return cast("list[Scorer]", many)
