"""One sample in one epoch: solved, scored, recorded."""

from __future__ import annotations

import asyncio
import time
import traceback
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from inspect import isawaitable
from typing import Any

from ..costs import Prices
from ..errors import ModeldError, redact
from ..functions import execute_tools
from ..media import materialize_media
from ..spec import ModelName
from ..types import ChatMessage, ChatMessageUser, GenerateConfig, ToolFunction
from ..types.jsonable import jsonable
from ..watching import watcher
from .limits import LimitExceeded, Limits
from .log import EvalError, EvalSample, EvalSampleLimit
from .progress import TaskProgress
from .readable import make_readable
from .resolve import Resolved
from .results import scorer_names
from .sample import Sample, Target
from .score import Score
from .solver import Chain, Solver, ToolCalls
from .state import TaskState, use_store
from .transcript import Transcript, Usage


@dataclass
class Outcome:
    """The record of a sample, and what it has cost over all its tries."""

    record: EvalSample
    usage: Usage
    error: Exception | None = None


class SampleRun:
    """Runs samples of one task, any number of them at once.

    Args:
        resolved: The task, its model and its config.
        limits: Of each sample.
        progress: Told of calls.
        score: Whether answers are scored.
        retries: Further tries of a sample that fails.
        prices: Of models, for what calls cost.
        raw: Whether what goes to providers and comes back is kept.
        log_refusals: Whether refusals are told to Python's logging.
    """

    def __init__(
        self,
        resolved: Resolved,
        limits: Limits,
        progress: TaskProgress,
        score: bool = True,
        retries: int = 0,
        prices: Prices | None = None,
        *,
        raw: bool = False,
        log_refusals: bool = False,
    ) -> None:
        self._raw = raw
        self._log_refusals = log_refusals
        self._resolved = resolved
        self._limits = limits
        self._progress = progress
        self._retries = retries
        self._prices = prices or Prices()
        self._steps: list[Solver] = [*resolved.task.setup, *resolved.solver]
        scorers = resolved.task.scorer if score else []
        self._scorers = list(zip(scorer_names(scorers), scorers, strict=True))

    async def run(self, sample: Sample, id: int | str, epoch: int) -> Outcome:
        """One sample, tried again as often as is allowed. Errors of the task's code and of models
        are in the outcome; only cancellation is raised.
        """
        usage, earlier = Usage(), list[EvalError]()
        while True:
            outcome = await self._try(sample, id, epoch)
            usage.include(outcome.usage)
            outcome.usage = usage
            outcome.record.error_retries = earlier or None
            if outcome.error is None or len(earlier) >= self._retries:
                return outcome
            assert outcome.record.error is not None  # it goes with the exception
            earlier.append(outcome.record.error)

    async def _try(self, sample: Sample, id: int | str, epoch: int) -> Outcome:
        resolved, limits = self._resolved, replace(self._limits)
        record = EvalSample(id=id, epoch=epoch, input=sample.input, target=sample.target)
        transcript = Transcript(
            resolved.model,
            resolved.config,
            epoch,
            self._progress,
            limits,
            self._prices,
            raw=self._raw,
            log_refusals=self._log_refusals,
        )
        began, record.started_at = time.monotonic(), now()
        token = watcher.set(transcript)
        state, error = None, None
        try:
            state = await self._state(sample, id, epoch)
            state.limits = limits
            record.uuid = state.uuid
            use_store(state)
            state = await self._solve(state, record)
            await self._score(state, record)
        except Exception as raised:  # noqa: BLE001 - the task's own code may raise anything
            error = raised
            record.error = eval_error(raised)
        finally:
            await self._clean_up(state, record)
            watcher.reset(token)
        record.completed_at = now()
        record.total_time = round(time.monotonic() - began, 3)
        record.working_time = round(transcript.working_time(), 3)
        _complete(record, sample, state, transcript)
        unsound = make_readable(record)
        if unsound is not None and error is None:
            error, record.error = unsound, eval_error(unsound)
        return Outcome(record, transcript.usage, error)

    async def _state(self, sample: Sample, id: int | str, epoch: int) -> TaskState:
        messages: list[ChatMessage]
        if isinstance(sample.input, str):
            messages = [ChatMessageUser(sample.input, source="input")]
        else:
            messages = await materialize_media(deepcopy(sample.input))
            for message in messages:
                message.source = "input"
        return TaskState(
            ModelName(self._resolved.model),
            id,
            epoch,
            sample.input,
            messages,
            Target(sample.target),
            sample.choices,
            metadata=deepcopy(sample.metadata) if sample.metadata else {},
        )

    async def _solve(self, state: TaskState, record: EvalSample) -> TaskState:
        """The solvers in their order. A limit ends them, and the answer so far is scored."""
        seconds = state.limits.seconds
        clock = asyncio.timeout(seconds)
        try:
            async with clock:
                return await Chain(self._steps)(state, self._generate)
        except LimitExceeded as reached:
            record.limit = EvalSampleLimit(reached.kind, reached.limit)
        except TimeoutError:
            if not clock.expired():
                raise
            assert seconds is not None  # the clock had an end
            record.limit = EvalSampleLimit("time", seconds)
        return state

    async def _generate(
        self, state: TaskState, tool_calls: ToolCalls = "loop", **config: Any
    ) -> TaskState:
        """What solvers get as `generate`."""
        cache = config.pop("cache", None)
        given = GenerateConfig(**config)
        most = self._resolved.config.merge(given).max_tool_output
        choice = state.tool_choice
        while True:
            state.output = await self._resolved.model.generate(
                state.messages, state.tools, choice, given, cache
            )
            state.messages.append(state.output.message)
            if _is_over(state) or tool_calls == "none":
                return state
            self._check_room(state)
            answers = (await execute_tools(state.messages, state.tools, most)).messages
            state.messages.extend(answers)
            if not answers or _is_over(state) or tool_calls == "single":
                return state
            if isinstance(choice, ToolFunction):
                choice = "auto"  # or the same tool would be forced for ever

    @staticmethod
    def _check_room(state: TaskState) -> None:
        """Tools whose results have no place in the conversation any more do not run."""
        further = len(state.output.message.tool_calls or [])
        most = state.message_limit
        if most is not None and further and len(state.messages) + further > most:
            raise LimitExceeded("message", most)

    async def _score(self, state: TaskState, record: EvalSample) -> None:
        transcript = watcher.get()
        if isinstance(transcript, Transcript):
            transcript.limits = Limits()  # they are for the answer
        record.scores = dict(state.scores or {})
        for name, scorer in self._scorers:
            score = await scorer(state, state.target)
            if score is None:
                continue
            if not isinstance(score, Score):
                raise TypeError(f"the scorer '{name}' returned {type(score).__name__}, no Score")
            record.scores[name] = score
            state.scores = record.scores

    async def _clean_up(self, state: TaskState | None, record: EvalSample) -> None:
        cleanup = self._resolved.task.cleanup
        if cleanup is None or state is None:
            return
        try:
            done = cleanup(state)
            if isawaitable(done):
                await done
        except Exception as raised:  # noqa: BLE001 - the task's own code may raise anything
            record.error = record.error or eval_error(raised)


def _is_over(state: TaskState) -> bool:
    return state.completed


def _complete(
    record: EvalSample, sample: Sample, state: TaskState | None, transcript: Transcript
) -> None:
    record.choices = sample.choices
    record.metadata = jsonable(sample.metadata or {})
    record.events = list(transcript.events)
    record.model_usage, record.role_usage = transcript.usage.models, transcript.usage.roles
    record.scores = record.scores or None
    if state is not None:
        record.messages, record.output = state.messages, state.output
        record.metadata = jsonable(state.metadata or {})
        record.store = jsonable(dict(state.store.items()))


def eval_error(error: BaseException) -> EvalError:
    """What a log keeps of an error: without secrets."""
    message = str(error) if isinstance(error, ModeldError) else f"{error!r}"
    trace = redact("".join(traceback.format_exception(error)))
    return EvalError(redact(message), trace, trace)


def now() -> str:
    """The time as logs have it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
