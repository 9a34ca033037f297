"""What `eval` is told beside tasks and models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from random import randrange
from types import NoneType
from typing import Any

from ..environment import Environment
from ..errors import InvalidRequest, PrerequisiteError
from ..types import GenerateConfig, JsonObject, JsonValue, ModelCost
from .reducers import Epochs
from .solver import Solver
from .task import RoleModels


@dataclass(frozen=True)
class NamedSolver:
    """A solver by its registered name, or by "file.py@name"."""

    name: str
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class EvalOptions:
    """Everything that holds for all tasks of a run; None leaves it to the task."""

    model_base_url: str | None = None
    model_args: Mapping[str, Any] = field(default_factory=dict)
    model_roles: RoleModels = field(default_factory=dict)
    task_args: Mapping[str, Any] = field(default_factory=dict)
    solver: Solver | Sequence[Solver] | NamedSolver | str | None = None
    """Instead of the tasks' own."""
    tags: Sequence[str] | None = None
    metadata: JsonObject | None = None
    log_dir: str | None = None
    limit: int | tuple[int, int] | None = None
    sample_id: str | int | Sequence[str | int] | None = None
    """Only samples with these ids; * and ? stand for letters of them."""
    sample_shuffle: bool | int | None = None
    """Change the order of samples, before `limit`; a number is the seed, True a new one."""
    epochs: int | Epochs | None = None
    fail_on_error: bool | float | None = None
    retry_on_error: int | None = None
    message_limit: int | None = None
    token_limit: int | None = None
    time_limit: float | None = None
    working_limit: float | None = None
    cost_limit: float | None = None
    model_cost_config: Mapping[str, JsonValue | ModelCost] | None = None
    """Prices by full model name, over those of `set_model_cost`."""
    max_samples: int | None = None
    max_tasks: int | None = None
    log_model_api: bool | None = None
    """Keep what went to providers and came back, of each call, in its event."""
    log_refusals: bool | None = None
    """Tell Python's logging of each refusal of a model."""
    eval_set_id: str | None = None
    """Id of the set that the run belongs to, for the logs."""
    score: bool = True
    config: GenerateConfig = field(default_factory=GenerateConfig)

    def __post_init__(self) -> None:
        for name in ("message_limit", "token_limit", "max_samples", "max_tasks", "limit"):
            value = getattr(self, name)
            if isinstance(value, (int, float)) and value < 1:
                raise InvalidRequest(f"{name} must be at least 1 (got {value!r})")
        for name in ("time_limit", "working_limit", "cost_limit"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InvalidRequest(f"{name} must be more than 0 (got {value!r})")
        if not isinstance(self.fail_on_error, (int, float, NoneType)):
            raise InvalidRequest(
                f"fail_on_error must be True, False or a number (got {self.fail_on_error!r:.80})"
            )
        if isinstance(self.limit, tuple) and not 0 <= self.limit[0] < self.limit[1]:
            raise InvalidRequest(f"limit must go from a sample to a later one (got {self.limit})")
        if self.sample_shuffle is True:  # a number, so that a retry finds the same order
            self.sample_shuffle = randrange(1 << 31)  # noqa: S311 - no secret
        if isinstance(self.epochs, int):
            self.epochs = Epochs(self.epochs)


def mapping_of_file(name: str | Path) -> JsonObject:
    """The mapping in a JSON or YAML file."""
    try:
        mapping: JsonObject = _texts().mapping_file(str(name))
    except (ValueError, OSError) as error:
        raise InvalidRequest(str(error)) from None
    return mapping


def variable_model_args() -> dict[str, Any]:
    """The arguments of MODELD_EVAL_MODEL_ARGS or INSPECT_EVAL_MODEL_ARGS."""
    environment = Environment()
    if not any(environment.get(f"{whose}_EVAL_MODEL_ARGS") for whose in ("MODELD", "INSPECT")):
        return {}
    try:
        args: dict[str, Any] = _texts().variable_arguments("model-args")
    except ValueError as error:
        raise InvalidRequest(f"the variable of model args is wrong: {error}") from None
    return args


def _texts() -> Any:
    """The room that reads texts, which not every program needs and whose package may be missing."""
    try:
        return import_module("modeld.texts")
    except ModuleNotFoundError as error:
        raise PrerequisiteError(
            f"Files and variables need the package {error.name}. Install with: "
            "pip install 'modeld[cli]'"
        ) from None
