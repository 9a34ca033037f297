"""`--run-config FILE`: a whole run in a file, in the shape of the reference."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..errors import ModeldError
from ..evals.log import EvalConfig
from ..evals.options import EvalOptions, NamedSolver
from ..evals.reducers import Epochs
from ..evals.run import read_options
from ..texts import mapping_file
from ..types import CONFIG_FIELDS, GenerateConfig, JsonObject, JsonValue, ModelConfig

_KEYS = (
    "task", "model", "model_roles", "generate_config", "eval_config", "solver", "tags", "metadata",
)  # fmt: skip


@dataclass
class RunConfig:
    """What the file says. The command line is laid over it."""

    tasks: str | None = None
    model: str | ModelConfig | None = None
    config: GenerateConfig = field(default_factory=GenerateConfig)
    options: dict[str, Any] = field(default_factory=dict)
    """Arguments of `EvalOptions`."""

    def under(self, given: dict[str, Any]) -> dict[str, Any]:
        """The arguments of `EvalOptions`, with those that are given over them; mappings by key."""
        out = dict(self.options)
        for name, value in given.items():
            if value is None or value == {}:
                continue
            if name in ("task_args", "model_args", "model_roles"):
                value = {**out.get(name, {}), **value}  # noqa: PLW2901
            out[name] = value
        return out


def read_run_config(name: str) -> RunConfig:
    """The file's run; a ValueError names the part that is wrong."""
    given = mapping_file(name)
    unknown = given.keys() - set(_KEYS)
    if unknown:
        raise ValueError(
            f"Invalid run config {name}: {', '.join(sorted(map(str, unknown)))} is not known; known "
            f"are {', '.join(_KEYS)}."
        )
    run = RunConfig()
    try:
        run.tasks, task_args = _named(given.get("task"), "task")
        run.model = _model(given.get("model"))
        run.config = _generate_config(given.get("generate_config"))
        solver, solver_args = _named(given.get("solver"), "solver")
        run.options = {
            **_eval_config(given.get("eval_config")),
            "task_args": task_args,
            "model_roles": _roles(given.get("model_roles")),
            "solver": None if solver is None else NamedSolver(solver, solver_args),
            "tags": given.get("tags"),
            "metadata": given.get("metadata"),
        }
        run.options = {n: value for n, value in run.options.items() if value not in (None, {})}
        EvalOptions(**run.options)
    except (ValueError, TypeError, ModeldError) as error:
        raise ValueError(f"Invalid run config {name}: {error}") from None
    return run


def _named(value: JsonValue, key: str) -> tuple[str | None, JsonObject]:
    """A name, or a mapping of it and of its args."""
    if isinstance(value, dict) and isinstance(value.get(key), str):
        args = value.get("args") or {}
        if value.keys() <= {key, "args"} and isinstance(args, dict):
            return value[key], args
    if value is None or isinstance(value, str):
        return value, {}
    raise ValueError(f"{key} is a name, or a mapping of {key} and args")


def _model(value: JsonValue) -> str | ModelConfig | None:
    if value is None or isinstance(value, str):
        return value
    known = set(ModelConfig.__dataclass_fields__)
    if not isinstance(value, dict) or value.keys() - known or not value.get("model"):
        raise ValueError(f"a model is a name, or a mapping of {', '.join(sorted(known))}")
    return ModelConfig.from_dict(value)


def _roles(value: JsonValue) -> dict[str, Any]:
    if not isinstance(value, dict | None):
        raise TypeError("model_roles is a mapping of models by role")
    roles: dict[str, Any] = {}
    for role, models in (value or {}).items():
        many = models if isinstance(models, list) else [models]
        bound = [one if isinstance(one, str) else _model(one) for one in many]
        if not bound or None in bound:
            raise ValueError(f"model role '{role}' has no model")
        roles[role] = bound if len(bound) > 1 else bound[0]
    return roles


def _generate_config(value: JsonValue) -> GenerateConfig:
    if not isinstance(value, dict | None):
        raise TypeError("generate_config is a mapping")
    unknown = (value or {}).keys() - set(CONFIG_FIELDS)
    if unknown:
        raise ValueError(f"generate_config has no {', '.join(sorted(map(str, unknown)))}")
    return GenerateConfig.from_dict(value or {})


def _eval_config(value: JsonValue) -> dict[str, Any]:
    if not isinstance(value, dict | None):
        raise TypeError("eval_config is a mapping")
    given = {name: item for name, item in (value or {}).items() if item is not None}
    unknown = given.keys() - set(EvalConfig.__dataclass_fields__)
    if unknown:
        raise ValueError(f"eval_config has no {', '.join(sorted(map(str, unknown)))}")
    epochs, reducer = given.pop("epochs", None), given.pop("epochs_reducer", None)
    if epochs is not None:
        given["epochs"] = Epochs(epochs, reducer)
    if isinstance(given.get("limit"), list):
        given["limit"] = tuple(given["limit"])
    read_options(given)
    given.pop("log_samples", None)  # there is one way here, which it has just agreed to
    return given
