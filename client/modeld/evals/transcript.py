"""The record of one sample: every call of a model, what it cost, and the limits that hold."""

from __future__ import annotations

import logging
import time
from copy import copy
from dataclasses import replace
from datetime import UTC, datetime

from ..costs import Prices
from ..errors import ModeldError, ModelRefusalError, redact
from ..handle import Model
from ..types import (
    GenerateConfig,
    GenerateInput,
    JsonObject,
    ModelCall,
    ModelEvent,
    ModelOutput,
    ModelUsage,
)
from ..watching import Called
from .limits import LimitExceeded, Limits
from .progress import TaskProgress

log = logging.getLogger("modeld.evals")

# What a task says about calls of models other than its own: how to reach them, not what to say.
_SHARED = ("max_connections", "adaptive_connections", "max_retries", "timeout", "cache")


class Usage:
    """Tokens and dollars by model and by role."""

    def __init__(self) -> None:
        self.models: dict[str, ModelUsage] = {}
        self.roles: dict[str, ModelUsage] = {}
        self.tokens = 0
        self.cost = 0.0
        """Dollars, as far as they are known."""

    def add(self, model: str, role: str | None, usage: ModelUsage) -> None:
        """Counts a call."""
        self.models[model] = self.models.get(model, ModelUsage()) + usage
        if role is not None:
            self.roles[role] = self.roles.get(role, ModelUsage()) + usage
        self.tokens += usage.total_tokens or usage.input_tokens + usage.output_tokens
        self.cost += usage.total_cost or 0.0

    def include(self, other: Usage) -> None:
        """Counts what another has counted."""
        for mine, its in ((self.models, other.models), (self.roles, other.roles)):
            for name, usage in its.items():
                mine[name] = mine.get(name, ModelUsage()) + usage
        self.tokens += other.tokens
        self.cost += other.cost


class Transcript:
    """Watches the calls of one sample (see `modeld.watching`)."""

    def __init__(
        self,
        active: Model,
        config: GenerateConfig,
        epoch: int,
        progress: TaskProgress,
        limits: Limits | None = None,
        prices: Prices | None = None,
        *,
        raw: bool = False,
        log_refusals: bool = False,
    ) -> None:
        self.epoch: int | None = epoch
        self.raw = raw
        self.events: list[ModelEvent] = []
        self.usage = Usage()
        self.limits = limits or Limits()
        self._log_refusals = log_refusals
        self._prices = prices or Prices()
        self._active = active
        self._config = config
        self._shared = GenerateConfig(**{name: getattr(config, name) for name in _SHARED})
        self._progress = progress
        self._began = time.monotonic()
        self._waited = 0.0

    def working_time(self) -> float:
        """Seconds since the sample began, without those in which its calls waited."""
        return max(0.0, time.monotonic() - self._began - self._waited)

    def config_for(self, model: Called, asked: GenerateConfig) -> GenerateConfig:
        """The task's config for its own model; of the others only how to reach them."""
        if model is self._active:
            return self._config.merge(asked)
        refusal = self._config.fail_on_refusal
        shared = self._shared
        if refusal is not None and model.config.fail_on_refusal is None:
            shared = replace(shared, fail_on_refusal=refusal)
        return shared.merge(asked)

    def begin(self, model: Called, asked: GenerateInput) -> CallNote:
        """A call begins, unless what the sample may spend is spent or its messages too many."""
        self.check_spent()
        if self.limits.dollars is not None:
            self._prices.require([str(model)])
        most = self.limits.messages
        if most is not None and len(asked.input) >= most:
            raise LimitExceeded("message", most)
        event = ModelEvent(
            model=str(model),
            role=model.role,
            input=[copy(message) for message in asked.input],
            tools=asked.tools,
            tool_choice=asked.tool_choice or ("auto" if asked.tools else "none"),
            config=model.config.merge(asked.config),
            working_start=self.working_time(),
        )
        self.events.append(event)
        return CallNote(self, event)

    def check_spent(self) -> None:
        """Raises `LimitExceeded` when the sample's tokens, dollars or working time are spent."""
        limits = self.limits
        if limits.tokens is not None and self.usage.tokens > limits.tokens:
            raise LimitExceeded("token", limits.tokens)
        if limits.dollars is not None and self.usage.cost > limits.dollars:
            raise LimitExceeded("cost", limits.dollars)
        if limits.working is not None and self.working_time() > limits.working:
            raise LimitExceeded("working", limits.working)

    def waited(self, seconds: float) -> None:
        """A call has waited so long for a permit or for another attempt."""
        self._waited += seconds

    def refused(self, event: ModelEvent, said: str) -> None:
        """A model has refused."""
        if self._log_refusals:
            role = f", role {event.role}" if event.role else ""
            log.warning("Model refusal (%s%s): %s", event.model, role, redact(said[:200]))

    def count(self, event: ModelEvent, output: ModelOutput) -> None:
        """Counts a call that has its answer; one from the cache has cost nothing."""
        self._prices.priced(event.model, output)
        if output.usage is not None and event.cache != "read":
            self.usage.add(event.model, event.role, output.usage)
        self._progress.called(output.usage, event.retries or 0, event.cache == "read")


class CallNote:
    """What is written down about one call."""

    def __init__(self, transcript: Transcript, event: ModelEvent) -> None:
        self._transcript = transcript
        self._event = event
        self._began = time.monotonic()

    def finished(self, output: ModelOutput) -> None:
        """The answer, and how it came."""
        info = (output.metadata or {}).get("modeld") or {}
        self._event.call = _model_call(info.pop("raw", None))
        self._event.output = output
        self._event.cache = {"hit": "read", "miss": "write"}.get(info.get("cache") or "")  # type: ignore[assignment]
        self._event.retries = max(0, info.get("attempts", 1) - 1) or None
        at_work = info.get("provider_time") if info.get("attempts") else None
        self._complete(at_work)
        if output.choices and output.stop_reason == "content_filter":
            self._transcript.refused(self._event, output.completion)
        self._transcript.count(self._event, output)
        self._transcript.check_spent()

    def failed(self, error: BaseException) -> None:
        """Why there is none."""
        self._event.call = _model_call(error.call if isinstance(error, ModeldError) else None)
        self._event.error = redact(str(error) or type(error).__name__)
        self._event.retries = max(0, (getattr(error, "attempts", None) or 1) - 1) or None
        self._complete(None)
        if isinstance(error, ModelRefusalError):
            self._transcript.refused(self._event, error.message)

    def _complete(self, at_work: float | None) -> None:
        """Notes the end, and of the time since the beginning what the provider was not at work."""
        seconds = time.monotonic() - self._began
        waited = 0.0 if at_work is None else max(0.0, seconds - at_work)
        self._transcript.waited(waited)
        self._event.completed = datetime.now(UTC)
        self._event.working_time = seconds - waited


def _model_call(raw: JsonObject | None) -> ModelCall | None:
    return None if raw is None else ModelCall.from_dict(raw)
