"""From tasks and models to what is run: each task with its model, its roles and its config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..api import get_model
from ..costs import known_prices
from ..environment import Environment
from ..errors import InvalidRequest, PrerequisiteError
from ..handle import Model
from ..roles import active_model, role_models
from ..sessions import get_session, joined_session, resolve_model
from ..types import GenerateConfig, ModelConfig
from .load import Loader, Tasks
from .options import EvalOptions, NamedSolver, variable_model_args
from .reducers import Epochs
from .signatures import NotGiven
from .task import Task

OneModel: TypeAlias = "str | Model | ModelConfig"
Models: TypeAlias = "OneModel | Sequence[OneModel] | None"
Roles: TypeAlias = dict[str, "Model | list[Model]"]


@dataclass
class Resolved:
    """A task that is ready to run."""

    task: Task
    model: Model
    roles: Roles
    config: GenerateConfig
    """The task's and, over it, that of the run."""
    epochs: Epochs
    solver: list[Any]


def resolve(
    tasks: Tasks, model: Models | NotGiven, options: EvalOptions, loader: Loader | None = None
) -> list[Resolved]:
    """Each task with each model. A task's own model, config and roles are taken into account.

    Raises:
        ModeldError: A model, a role or a task is wrong; nothing has been run then.
    """
    loader = loader or Loader(options.task_args)
    session = joined_session()
    shared = {} if session is None else get_session(session).settings.roles
    models = list(_models(model, options, session))
    out: list[Resolved] = []
    for index, one in enumerate(models):
        roles = _roles({**shared, **options.model_roles}, one)
        with bound(one, roles):
            loaded = loader.load(tasks)
        if not loaded:
            raise PrerequisiteError("There are no tasks to run.")
        # A task with a model of its own is run with that one, and once.
        alone = [task for task in loaded if index == 0 or task.model is None]
        out += [_resolved(task, one, options, shared, loader) for task in alone]
    _check_prices(out, options)
    return out


def _check_prices(resolved: Sequence[Resolved], options: EvalOptions) -> None:
    """Before anything is asked: a cost limit without prices would limit nothing."""
    prices = known_prices(options.model_cost_config)
    for one in resolved:
        if options.cost_limit or one.task.cost_limit:
            roles = one.roles.values()
            models = [m for r in roles for m in (r if isinstance(r, list) else [r])]
            prices.require(map(str, [one.model, *models]))


@contextmanager
def bound(model: Model, roles: Roles) -> Iterator[None]:
    """Inside, `get_model()` and `get_model(role=…)` are those of the task."""
    active, table = active_model.set(model), role_models.set(roles)
    try:
        yield
    finally:
        role_models.reset(table)
        active_model.reset(active)


def _resolved(
    task: Task, model: Model, options: EvalOptions, shared: Mapping[str, Any], loader: Loader
) -> Resolved:
    from_task = task.model
    if isinstance(from_task, str):
        model = get_model(from_task)
    elif from_task is not None:
        model = from_task
    epochs = options.epochs if isinstance(options.epochs, Epochs) else task.epochs or Epochs(1)
    if epochs.reducer is None and isinstance(task.epochs, Epochs):
        epochs = Epochs(epochs.epochs, task.epochs.reducer)
    solver = options.solver
    if isinstance(solver, str):
        solver = NamedSolver(solver)
    if isinstance(solver, NamedSolver):
        solver = loader.solver(solver)
    steps = Task(solver=solver).solver if solver is not None else task.solver
    return Resolved(
        task,
        model,
        _roles({**shared, **task.model_roles, **options.model_roles}, model),
        task.config.merge(options.config),
        epochs,
        steps,
    )


def _models(model: Models | NotGiven, options: EvalOptions, session: str | None) -> Iterator[Model]:
    said, args = options.config, dict(options.model_args)
    base_url = _base_url(options)
    if isinstance(model, NotGiven) and session is not None:
        own = resolve_model(session, config=said).model
        said = own.config
        if own.model:
            model, base_url = own.model, options.model_base_url or own.base_url
            args = {**own.args, **args}
    args = args or variable_model_args()
    if isinstance(model, NotGiven):
        environment = Environment()
        names = next(
            (n for v in ("MODELD_MODEL", "INSPECT_EVAL_MODEL") if (n := environment.get(v))), None
        )
        model = names or None
    if isinstance(model, (str, Model, ModelConfig)) or model is None:
        model = [model or "none"]
    many: list[OneModel] = []
    for one in model:
        if isinstance(one, str):
            many += [name.strip() for name in one.split(",") if name.strip()]
        else:
            many.append(one)
    if not many:
        raise InvalidRequest("model is an empty list; None or 'none' stands for no model")
    for one in many:
        if isinstance(one, Model):
            yield one
            continue
        if isinstance(one, ModelConfig):  # as --model-spec describes one
            its = one.config.merge(said)
            yield get_model(one.model, config=its, base_url=one.base_url or base_url, **one.args)
            continue
        if not isinstance(one, str):
            raise InvalidRequest(f"model must be a name or a Model, not {one!r:.80}")
        if one in ("none", "none/none"):
            yield get_model("none")
        else:
            yield get_model(one, config=said, base_url=base_url, **args)


def _base_url(options: EvalOptions) -> str | None:
    return options.model_base_url or Environment().get("INSPECT_EVAL_MODEL_BASE_URL") or None


def _roles(given: Mapping[str, Any], model: Model) -> Roles:
    roles: Roles = {}
    for name, value in given.items():
        if isinstance(value, (list, tuple)):
            if not value:
                raise PrerequisiteError(
                    f"Model role '{name}' was assigned an empty list (at least one model is "
                    "required)."
                )
            many = [_role_model(name, one, model) for one in value]
            roles[name] = many if len(many) > 1 else many[0]
        else:
            roles[name] = _role_model(name, value, model)
    return roles


def _role_model(name: str, value: object, model: Model) -> Model:
    if isinstance(value, Model):
        return value.with_role(name)
    if isinstance(value, ModelConfig):  # as the command line and logs describe one
        if not value.model:
            return model.with_role(name, override=value.config)
        with bound(model, {}):
            return get_model(
                value.model,
                role=name,
                config=value.config,
                base_url=value.base_url,
                memoize=False,
                **value.args,
            )
    if not isinstance(value, str) or not value:
        raise PrerequisiteError(
            f"Model role '{name}' has an invalid value ({value!r:.80}): expected a model name, a "
            "Model instance, or a list of these."
        )
    with bound(model, {}):
        return get_model(value, role=name, memoize=False)
