"""The keywords of `eval` and its kin, one by one, for type checkers, editors and `inspect`.

Their meanings and defaults are those of `EvalOptions` and `GenerateConfig`; a test holds them to
the fields there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from ..types import GenerateConfig, GenerateConfigArgs, JsonObject, JsonValue, ModelCost
from .options import EvalOptions, NamedSolver
from .reducers import Epochs
from .solver import Solver
from .task import RoleModels


class RunArgs(GenerateConfigArgs, total=False):
    """What all that runs tasks take."""

    model_base_url: str | None
    model_args: Mapping[str, Any] | str | Path
    model_roles: RoleModels | None
    task_args: Mapping[str, Any] | str | Path
    solver: Solver | Sequence[Solver] | NamedSolver | str | None
    tags: Sequence[str] | None
    metadata: JsonObject | None
    limit: int | tuple[int, int] | None
    sample_id: str | int | Sequence[str | int] | None
    sample_shuffle: bool | int | None
    epochs: int | Epochs | None
    fail_on_error: bool | float | None
    retry_on_error: int | None
    message_limit: int | None
    token_limit: int | None
    time_limit: float | None
    working_limit: float | None
    cost_limit: float | None
    model_cost_config: Mapping[str, JsonValue | ModelCost] | str | Path | None
    max_samples: int | None
    max_tasks: int | None
    log_model_api: bool | None
    log_refusals: bool | None
    eval_set_id: str | None
    score: bool
    config: GenerateConfig | None
    display: Literal["full", "conversation", "rich", "plain", "log", "none"] | None
    log_format: Literal["json"] | None
    log_samples: bool | None
    log_images: bool | None
    log_level: str | None
    log_level_transcript: str | None
    trace: bool | None


class EvalArgs(RunArgs, total=False):
    """What `eval` takes beside tasks and models."""

    log_dir: str | None


class RetryArgs(RunArgs, total=False):
    """What `eval_retry` takes beside logs and their folder."""

    model: Any


def default_of(name: str) -> object:
    """What a keyword is when it is left out."""
    field = EvalOptions.__dataclass_fields__.get(name)
    if field is None:
        return None
    return {} if field.default_factory is dict else getattr(EvalOptions, name, None)
