"""Whether two logs are of the same task: what is run with which models and settings, and not how
fast or how often it is tried.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from ..types import GenerateConfig, JsonObject, ModelConfig
from .log import EvalLog

_HOW = (
    "max_retries",
    "timeout",
    "attempt_timeout",
    "stream_idle_timeout",
    "max_connections",
    "adaptive_connections",
    "batch",
    "cache",
    "cache_prompt",
)


def task_identity(log: EvalLog) -> str:
    """Equal for logs of the same task."""
    spec = log.eval
    roles = {
        name: [_role(one) for one in (bound if isinstance(bound, list) else [bound])]
        for name, bound in (spec.model_roles or {}).items()
    }
    limits: list[object] = [
        spec.config.message_limit,
        spec.config.token_limit,
        spec.config.time_limit,
    ]
    if spec.config.cost_limit is not None:  # so that logs without one are named as ever
        limits.append(spec.config.cost_limit)
    if spec.config.working_limit is not None:
        limits.append(["working", spec.config.working_limit])
    parts = [
        spec.task_file and str(Path(spec.task_file).absolute()),
        spec.task,
        spec.task_version,
        spec.task_args,
        spec.model,
        spec.model_args,
        _what(spec.model_generate_config),
        _what(log.plan.config),
        roles,
        limits,
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _what(config: GenerateConfig) -> JsonObject:
    return {name: value for name, value in config.to_dict().items() if name not in _HOW}


def _role(role: ModelConfig) -> list[object]:
    return [role.model, role.args, _what(role.config)]
