"""The reference's names of logs."""

from .evals.log import (
    EvalConfig,
    EvalDataset,
    EvalError,
    EvalLog,
    EvalMetric,
    EvalPlan,
    EvalPlanStep,
    EvalResults,
    EvalSample,
    EvalSampleLimit,
    EvalSampleReductions,
    EvalSampleScore,
    EvalScore,
    EvalSpec,
    EvalStats,
)
from .evals.log import (
    Status as EvalStatus,
)
from .evals.log_async import (
    list_eval_logs_async,
    read_eval_log_async,
    read_eval_log_sample_async,
    write_eval_log_async,
)
from .evals.log_file import (
    EvalLogInfo,
    list_eval_logs,
    read_eval_log,
    read_eval_log_sample,
    read_eval_log_samples,
    write_eval_log,
)

__all__ = [
    "EvalConfig",
    "EvalDataset",
    "EvalError",
    "EvalLog",
    "EvalLogInfo",
    "EvalMetric",
    "EvalPlan",
    "EvalPlanStep",
    "EvalResults",
    "EvalSample",
    "EvalSampleLimit",
    "EvalSampleReductions",
    "EvalSampleScore",
    "EvalScore",
    "EvalSpec",
    "EvalStats",
    "EvalStatus",
    "list_eval_logs",
    "list_eval_logs_async",
    "read_eval_log",
    "read_eval_log_async",
    "read_eval_log_sample",
    "read_eval_log_sample_async",
    "read_eval_log_samples",
    "write_eval_log",
    "write_eval_log_async",
]
