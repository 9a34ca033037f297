"""The log of an evaluation, in the reference's shape, so that its tools read it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..types import (
    ChatMessage,
    GenerateConfig,
    JsonObject,
    ModelConfig,
    ModelEvent,
    ModelOutput,
    ModelUsage,
    Value,
)
from .score import Score

Status: TypeAlias = Literal["started", "success", "cancelled", "error"]


@dataclass(slots=True, eq=False, repr=False)
class EvalError(Value):
    """What went wrong."""

    message: str
    traceback: str = ""
    traceback_ansi: str = ""


@dataclass(slots=True, eq=False, repr=False)
class EvalSampleLimit(Value):
    """The limit that ended a sample."""

    type: str
    limit: float


@dataclass(slots=True, eq=False, repr=False, kw_only=True)
class EvalConfig(Value):
    """How a task was run."""

    limit: int | list[int] | None = None
    """The first so many samples, or those from one number up to before another."""
    sample_id: str | int | list[str | int] | None = None
    sample_shuffle: bool | int | None = None
    epochs: int | None = None
    epochs_reducer: list[str] | None = None
    fail_on_error: bool | float | None = None
    retry_on_error: int | None = None
    message_limit: int | None = None
    token_limit: int | None = None
    time_limit: int | float | None = None
    working_limit: int | float | None = None
    cost_limit: float | None = None
    max_samples: int | None = None
    max_tasks: int | None = None
    log_samples: bool | None = None
    log_model_api: bool | None = None


@dataclass(slots=True, eq=False, repr=False)
class EvalDataset(Value):
    """The dataset of a task."""

    name: str | None = None
    location: str | None = None
    samples: int | None = None
    sample_ids: list[str | int] | None = None
    shuffled: bool | None = None


@dataclass(slots=True, eq=False, repr=False)
class EvalScorer(Value):
    """A scorer of a task."""

    name: str
    options: JsonObject | None = None
    metrics: list[JsonObject] | JsonObject | None = None
    """Name and options of each; by key where the scores are mappings."""
    metadata: JsonObject | None = None


@dataclass(slots=True, eq=False, repr=False, kw_only=True)
class EvalSpec(Value):
    """What was evaluated."""

    eval_set_id: str | None = None
    eval_id: str = ""
    run_id: str = ""
    created: str = ""
    """ISO 8601 with the offset of UTC."""
    task: str
    task_id: str = ""
    """The same for all tries of a task."""
    task_version: int | str = 0
    task_file: str | None = None
    task_display_name: str | None = None
    task_registry_name: str | None = None
    task_attribs: JsonObject = field(default_factory=dict)
    task_args: JsonObject = field(default_factory=dict)
    task_args_passed: JsonObject = field(default_factory=dict)
    tags: list[str] | None = None
    dataset: EvalDataset = field(default_factory=EvalDataset)
    model: str
    model_generate_config: GenerateConfig = field(default_factory=GenerateConfig)
    model_base_url: str | None = None
    model_args: JsonObject = field(default_factory=dict)
    model_roles: dict[str, ModelConfig | list[ModelConfig]] | None = None
    config: EvalConfig = field(default_factory=EvalConfig)
    packages: dict[str, str] = field(default_factory=dict)
    metadata: JsonObject | None = None
    scorers: list[EvalScorer] | None = None


@dataclass(slots=True, eq=False, repr=False)
class EvalPlanStep(Value):
    """A solver."""

    solver: str
    params: JsonObject = field(default_factory=dict)
    params_passed: JsonObject = field(default_factory=dict)


@dataclass(slots=True, eq=False, repr=False)
class EvalPlan(Value):
    """The solvers, and the config that all calls of the main model have."""

    name: str = "plan"
    steps: list[EvalPlanStep] = field(default_factory=list)
    config: GenerateConfig = field(default_factory=GenerateConfig)


@dataclass(slots=True, eq=False, repr=False)
class EvalMetric(Value):
    """The value of a metric."""

    name: str
    value: int | float = 0.0
    params: JsonObject = field(default_factory=dict)
    group: str | None = None


@dataclass(slots=True, eq=False, repr=False)
class EvalScore(Value):
    """The metrics of a scorer."""

    name: str
    scorer: str
    reducer: str | None = None
    scored_samples: int | None = None
    unscored_samples: int | None = None
    params: JsonObject = field(default_factory=dict)
    metrics: dict[str, EvalMetric] = field(default_factory=dict)
    metadata: JsonObject | None = None


@dataclass(slots=True, eq=False, repr=False)
class EvalResults(Value):
    """The results of a task."""

    total_samples: int = 0
    """Samples times epochs."""
    completed_samples: int = 0
    """Those that ended without an error."""
    scores: list[EvalScore] = field(default_factory=list)


@dataclass(slots=True, eq=False, repr=False)
class EvalSampleScore(Score):
    """The reduced score of a sample."""

    sample_id: str | int | None = None


@dataclass(slots=True, eq=False, repr=False)
class EvalSampleReductions(Value):
    """The scores of all samples, epochs reduced."""

    scorer: str
    samples: list[EvalSampleScore] = field(default_factory=list)
    reducer: str | None = None


@dataclass(slots=True, eq=False, repr=False)
class EvalStats(Value):
    """Times and tokens."""

    started_at: str = ""
    completed_at: str = ""
    model_usage: dict[str, ModelUsage] = field(default_factory=dict)
    role_usage: dict[str, ModelUsage] = field(default_factory=dict)


def _read_events(data: Any) -> list[ModelEvent | JsonObject]:
    return [
        ModelEvent.from_dict(event)
        if isinstance(event, dict) and event.get("event") == "model"
        else event
        for event in data
    ]


@dataclass(slots=True, eq=False, repr=False, kw_only=True)
class EvalSample(Value):
    """One sample in one epoch."""

    id: int | str
    epoch: int
    input: str | list[ChatMessage]
    choices: list[str] | None = None
    target: str | list[str] = ""
    messages: list[ChatMessage] = field(default_factory=list)
    output: ModelOutput = field(default_factory=ModelOutput)
    scores: dict[str, Score] | None = None
    metadata: JsonObject = field(default_factory=dict)
    store: JsonObject = field(default_factory=dict)
    events: list[ModelEvent | JsonObject] = field(
        default_factory=list, metadata={"read": _read_events}
    )
    """`ModelEvent` for calls of models; others as they are in the file."""
    model_usage: dict[str, ModelUsage] = field(default_factory=dict)
    role_usage: dict[str, ModelUsage] = field(default_factory=dict)
    started_at: str | None = None
    completed_at: str | None = None
    total_time: float | None = None
    """Seconds."""
    working_time: float | None = None
    uuid: str | None = None
    error: EvalError | None = None
    error_retries: list[EvalError] | None = None
    """Errors of earlier tries."""
    limit: EvalSampleLimit | None = None


@dataclass(eq=False, repr=False, kw_only=True)
class EvalLog(Value):
    """The log of a task. Its samples are read from the file when they are first asked for."""

    version: int = 2
    status: Status = "started"
    eval: EvalSpec
    plan: EvalPlan = field(default_factory=EvalPlan)
    results: EvalResults | None = None
    stats: EvalStats = field(default_factory=EvalStats)
    error: EvalError | None = None
    samples: list[EvalSample] | None = field(default_factory=lambda: None)
    reductions: list[EvalSampleReductions] | None = None
    _location: str = ""
    _read: Callable[[], list[EvalSample]] | None = None

    @property
    def location(self) -> str:
        """Path of the file."""
        return self._location

    def read_later(self, read: Callable[[], list[EvalSample]]) -> None:
        """From now on `samples` is what `read` gives when it is first asked for."""
        self._read = read
        self.__dict__.pop("samples", None)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            read = self.__dict__.get("_read")
            if name != "samples" or read is None:
                raise AttributeError(f"'EvalLog' object has no attribute {name!r}")
            self.samples = read()
            return self.samples

    def __repr__(self) -> str:
        return (
            f"EvalLog({self.eval.task!r}, {self.eval.model!r}, {self.status!r}, {self.location!r})"
        )

    def header(self) -> JsonObject:
        """JSON shape of all but the samples."""
        later, self._read = self._read, None
        samples, self.samples = self.__dict__.get("samples"), None
        try:
            return self.to_dict()
        finally:
            if later is not None and samples is None:
                self.read_later(later)
            else:
                self.samples, self._read = samples, later
