"""What `eval` is told beside tasks and models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import InvalidRequest
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
    epochs: int | Epochs | None = None
    fail_on_error: bool | float | None = None
    retry_on_error: int | None = None
    message_limit: int | None = None
    token_limit: int | None = None
    time_limit: float | None = None
    cost_limit: float | None = None
    model_cost_config: Mapping[str, JsonValue | ModelCost] | None = None
    """Prices by full model name, over those of `set_model_cost`."""
    max_samples: int | None = None
    max_tasks: int | None = None
    score: bool = True
    config: GenerateConfig = field(default_factory=GenerateConfig)

    def __post_init__(self) -> None:
        for name in ("message_limit", "token_limit", "max_samples", "max_tasks", "limit"):
            value = getattr(self, name)
            if isinstance(value, (int, float)) and value < 1:
                raise InvalidRequest(f"{name} must be at least 1 (got {value!r})")
        for name in ("time_limit", "cost_limit"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InvalidRequest(f"{name} must be more than 0 (got {value!r})")
        if isinstance(self.epochs, int):
            self.epochs = Epochs(self.epochs)
