"""One task: its samples at once, its log, its results."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic

from ..costs import known_prices
from ..types import new_id
from .limits import Limits
from .log import EvalLog, EvalSample
from .log_writer import LogWriter
from .options import EvalOptions
from .plan import eval_log
from .progress import Board, TaskProgress
from .resolve import Resolved, bound
from .results import Scores, eval_results
from .sample import Sample
from .sample_run import SampleRun, eval_error, now
from .score import SampleScore
from .selection import selected
from .transcript import Usage

_AT_ONCE = 200
"""Samples at once when nothing is said: more than any lane has permits to begin with, and so few
that the first ones end while others wait, and are kept whatever happens then."""

Finished = Mapping[tuple[str, int], EvalSample]
"""Samples of an earlier try, by id (as text) and epoch."""


class TooManyErrors(Exception):
    """Ends a task; its cause is the last error."""


class TaskRun:
    """Runs a task and writes its log.

    Args:
        resolved: The task.
        options: Of the run.
        board: Gets the progress and the log.
        run_id: Of the run.
        task_id: That of an earlier try, or a new one.
        finished: Samples that need not run again.
    """

    def __init__(
        self,
        resolved: Resolved,
        options: EvalOptions,
        board: Board,
        run_id: str,
        task_id: str | None = None,
        finished: Finished | None = None,
    ) -> None:
        self._resolved = resolved
        self._options = options
        self._board = board
        self._finished = finished or {}
        self._samples = selected(resolved.task.dataset, options)
        self.log = eval_log(resolved, options, [id for id, _ in self._samples])
        self.log.eval.run_id = run_id
        self.log.eval.task_id = task_id or new_id()
        self._total = len(self._samples) * resolved.epochs.epochs
        self._progress = TaskProgress(resolved.task.name, str(resolved.model), self._total)
        self._scores: Scores = []
        self._usage = Usage()
        self._errors = 0
        self._completed = 0

    async def run(self, log_dir: Path) -> EvalLog:
        """The finished log. When it is cancelled, the log is written and the cancellation raised."""
        stats = self.log.stats
        stats.started_at = now()
        self._board.tasks.append(self._progress)
        writer = LogWriter(self.log, _free_path(self.log, log_dir))
        cancelled: asyncio.CancelledError | None = None
        try:
            await self._run_samples(writer)
            self.log.status = "success"
        except asyncio.CancelledError as error:
            self.log.status = "cancelled"
            cancelled = error
        except BaseExceptionGroup as group:
            self._failed(_cause(group))
        self._add_results()
        stats.completed_at = now()
        stats.model_usage, stats.role_usage = self._usage.models, self._usage.roles
        self._progress.ended = monotonic()
        self._progress.status = self.log.status
        self._board.logs.append(writer.finish())
        if cancelled is not None:
            raise cancelled
        return self.log

    def _failed(self, error: BaseException) -> None:
        self.log.status = "error"
        self.log.error = eval_error(error)

    def _add_results(self) -> None:
        if not self._options.score:
            return
        task = self._resolved.task
        try:
            results, reductions = eval_results(
                self._total,
                self._completed,
                self._scores,
                task.scorer,
                task.metrics,
                self._resolved.epochs.reducer,
            )
        except Exception as error:  # noqa: BLE001 - metrics are the task's own code
            if self.log.status == "success":
                self._failed(error)
            return
        self.log.results, self.log.reductions = results, reductions
        metrics = [(n, m) for score in results.scores for n, m in score.metrics.items()]
        self._progress.score = f"{metrics[0][0]} {metrics[0][1].value:.3f}" if metrics else ""

    async def _run_samples(self, writer: LogWriter) -> None:
        options, task = self._options, self._resolved.task
        limits = Limits(
            options.message_limit or task.message_limit,
            options.token_limit or task.token_limit,
            options.time_limit or task.time_limit,
            options.working_limit or task.working_limit,
            options.cost_limit or task.cost_limit,
        )
        runner = SampleRun(
            self._resolved,
            limits,
            self._progress,
            options.score,
            options.retry_on_error or 0,
            known_prices(options.model_cost_config),
            raw=bool(options.log_model_api),
            log_refusals=bool(options.log_refusals),
        )
        with bound(self._resolved.model, self._resolved.roles):
            waiting = self._reuse(writer)
            most = self._config_connections()
            at_once = min(options.max_samples or max(_AT_ONCE, 2 * most), self._total)
            async with asyncio.TaskGroup() as group:
                for _ in range(at_once):
                    group.create_task(self._work(runner, waiting, writer))

    def _config_connections(self) -> int:
        return self._resolved.config.max_connections or 0

    def _reuse(self, writer: LogWriter) -> Iterator[tuple[int, int, int | str, Sample]]:
        """Takes over what an earlier try has finished; gives what is left to do, when asked."""
        left = []
        for epoch in range(1, self._resolved.epochs.epochs + 1):
            for index, (id, sample) in enumerate(self._samples):
                kept = self._finished.get((str(id), epoch))
                if kept is None or kept.error is not None or kept.input != sample.input:
                    left.append((epoch, index))
                    continue
                usage = Usage()
                usage.models, usage.roles = kept.model_usage, kept.role_usage
                self._progress.reused += 1
                self._end(epoch, index, kept, usage, writer)
        return ((epoch, index, *self._samples[index]) for epoch, index in left)

    async def _work(
        self,
        runner: SampleRun,
        waiting: Iterator[tuple[int, int, int | str, Sample]],
        writer: LogWriter,
    ) -> None:
        for epoch, index, id, sample in waiting:
            self._progress.running += 1
            try:
                outcome = await runner.run(sample, id, epoch)
            finally:
                self._progress.running -= 1
            self._end(epoch, index, outcome.record, outcome.usage, writer)
            if outcome.error is not None and self._are_too_many():
                raise TooManyErrors from outcome.error

    def _end(
        self, epoch: int, index: int, record: EvalSample, usage: Usage, writer: LogWriter
    ) -> None:
        writer.add((epoch, index), record)
        self._usage.include(usage)
        self._progress.done += 1
        if record.error is not None:
            self._errors += 1
            self._progress.errors += 1
        else:
            self._completed += 1
        if record.scores and record.error is None:
            about = self._samples[index][1].metadata
            self._scores.append(
                {
                    name: SampleScore(score, record.id, about, name)
                    for name, score in record.scores.items()
                }
            )

    def _are_too_many(self) -> bool:
        allowed = self._options.fail_on_error
        if allowed is None:
            allowed = self._resolved.task.fail_on_error
        if allowed is None or allowed is True:
            return True
        if allowed is False:
            return False
        most = allowed * self._total if allowed < 1 else allowed
        return self._errors >= most


def _cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first = group.exceptions[0]
    if isinstance(first, BaseExceptionGroup):
        return _cause(first)
    return first.__cause__ if isinstance(first, TooManyErrors) and first.__cause__ else first


def _free_path(log: EvalLog, folder: Path) -> Path:
    """Names have whole seconds, and order the tries of a task: a second try within the same
    second is dated a second later.
    """
    task = re.sub(r"[^A-Za-z0-9.-]+", "-", log.eval.task)[:100]  # names of files have 255 bytes
    while True:
        created = re.sub(r"[:+]", "-", log.eval.created)
        path = folder / f"{created}_{task}_{log.eval.task_id}.json"
        if not path.exists():
            return path
        later = datetime.fromisoformat(log.eval.created) + timedelta(seconds=1)
        log.eval.created = later.isoformat(timespec="seconds")
