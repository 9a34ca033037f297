"""The head of a log: what is going to be run, as a retry needs to know it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..handle import Model
from ..types import JsonObject, ModelConfig, new_id
from ..types.jsonable import jsonable
from ..types.value import fitted
from .load import working_folder
from .log import (
    EvalConfig,
    EvalDataset,
    EvalLog,
    EvalPlan,
    EvalPlanStep,
    EvalScorer,
    EvalSpec,
)
from .options import EvalOptions
from .reducers import log_name
from .registry import Registered, name_of, registered
from .resolve import Resolved
from .scorer import Scorer, metrics_of

_NOBODY = Registered("metric", "")
_SECRET = re.compile(r"(?i)(api[-_]?key|token|secret|password|credential|^aws_)")


def eval_log(resolved: Resolved, options: EvalOptions, ids: list[int | str]) -> EvalLog:
    """The log of a task that has not begun; `InvalidRequest` when it could not be read again."""
    task, model = resolved.task, resolved.model
    about = registered(task) or Registered("task", task.name)
    spec = EvalSpec(
        eval_set_id=options.eval_set_id,
        eval_id=new_id(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        task=task.name,
        task_version=task.version,
        task_file=_from_here(about.extra.get("file")),
        task_display_name=task.display_name or task.name,
        task_registry_name=about.name if registered(task) else None,
        task_attribs=jsonable(about.extra.get("attribs") or {}),
        task_args=about.params,
        task_args_passed=about.passed,
        tags=[*task.tags, *(options.tags or [])] or None,
        dataset=EvalDataset(
            task.dataset.name, task.dataset.location, len(task.dataset), ids, task.dataset.shuffled
        ),
        model=str(model),
        model_generate_config=model.config,
        model_base_url=model.explicit_base_url,
        model_args=logged_args(model),
        model_roles=_logged_roles(resolved) or None,
        config=_config(resolved, options),
        packages={},
        metadata={**(task.metadata or {}), **(options.metadata or {})} or None,
        scorers=[_scorer(one, task.metrics) for one in task.scorer] or None,
    )
    fitted(spec, "task", "task_version", "task_display_name", "tags")
    steps = [_step(one) for one in [*task.setup, *resolved.solver]]
    return EvalLog(eval=spec, plan=EvalPlan(steps=steps, config=resolved.config))


def _from_here(file: str | None) -> str | None:
    here = working_folder()
    if file is None or not Path(file).is_relative_to(here):
        return file
    return str(Path(file).relative_to(here))


def logged_args(model: Model) -> JsonObject:
    """A model's arguments without what looks like a secret."""
    return {name: item for name, item in model.model_args.items() if not _SECRET.search(name)}


def _logged_roles(resolved: Resolved) -> dict[str, ModelConfig | list[ModelConfig]]:
    return {
        name: [_described(one) for one in bound] if isinstance(bound, list) else _described(bound)
        for name, bound in resolved.roles.items()
    }


def _described(model: Model) -> ModelConfig:
    return ModelConfig(str(model), model.config, model.explicit_base_url, logged_args(model))


def _config(resolved: Resolved, options: EvalOptions) -> EvalConfig:
    task, epochs = resolved.task, resolved.epochs
    wanted = options.sample_id
    return EvalConfig(
        limit=list(options.limit) if isinstance(options.limit, tuple) else options.limit,
        sample_shuffle=options.sample_shuffle,
        sample_id=wanted if isinstance(wanted, (str, int)) or wanted is None else list(wanted),
        epochs=epochs.epochs,
        epochs_reducer=None if epochs.reducer is None else [log_name(r) for r in epochs.reducer],
        fail_on_error=_first(options.fail_on_error, task.fail_on_error, True),
        retry_on_error=options.retry_on_error,
        message_limit=_first(options.message_limit, task.message_limit),
        token_limit=_first(options.token_limit, task.token_limit),
        time_limit=_first(options.time_limit, task.time_limit),
        working_limit=_first(options.working_limit, task.working_limit),
        cost_limit=_first(options.cost_limit, task.cost_limit),
        max_samples=options.max_samples,
        max_tasks=options.max_tasks,
        log_samples=True,
        log_model_api=options.log_model_api,
    )


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _step(solver: object) -> EvalPlanStep:
    found = registered(solver)
    return EvalPlanStep(
        name_of(solver), found.params if found else {}, found.passed if found else {}
    )


def _scorer(scorer: Scorer, metrics: Any) -> EvalScorer:
    found = registered(scorer)
    return EvalScorer(
        name_of(scorer),
        found.passed if found else {},
        _definitions(metrics or metrics_of(scorer)),
        (found.extra.get("metadata") if found else None) or {},
    )


def _definitions(metrics: Sequence[Any] | Mapping[str, Any]) -> Any:
    if isinstance(metrics, Mapping):
        return {key: _definitions(some) for key, some in metrics.items()}
    return [
        _definitions(one)
        if isinstance(one, Mapping)
        else {"name": name_of(one), "options": (registered(one) or _NOBODY).params}
        for one in metrics
    ]
