"""How a run of evaluations is shown while it goes on, and what is left of it at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..errors import ModeldError
from ..evals.display import PlainLines, counted
from ..evals.log import EvalLog
from ..evals.log_file import count_eval_log_samples
from ..evals.progress import Board, TaskProgress
from ..lanes import LaneLimits, limits
from ..types import JsonObject
from .quantities import count, duration
from .render import is_terminal, printable
from .tables import fits_terminal, print_table

_LANE_SECONDS = 1.0
_BAR_COLUMNS = 20


@contextmanager
def board_shown(board: Board, display: str | None) -> Iterator[None]:
    """Shows the board on stderr: drawn on a terminal, in lines elsewhere."""
    if display == "none":
        yield
    elif display in ("plain", "log") or not is_terminal(sys.stderr):
        with PlainLines(board, sys.stderr):
            yield
    else:
        drawing = _Drawing(board)
        console = Console(file=sys.stderr, highlight=False)
        with Live(get_renderable=drawing.drawn, console=console, refresh_per_second=4):
            yield


class _Drawing:
    """The board as rich draws it. Lanes are asked for seldom: it is a call to the daemon."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._lanes: list[LaneLimits] = []
        self._asked = 0.0

    def drawn(self) -> Group:
        """Tasks, and below them the lanes of their models."""
        tasks = list(self._board.tasks)
        going_on = any(task.ended is None for task in tasks)
        used = self._used(tasks) if going_on else []
        lanes = (Text(_lane_line(lane), style="dim") for lane in used)
        return Group(*(part for task in tasks for part in _task_lines(task)), *lanes)

    def _used(self, tasks: Sequence[TaskProgress]) -> list[LaneLimits]:
        if time.monotonic() - self._asked > _LANE_SECONDS:
            self._asked = time.monotonic()
            try:
                self._lanes = limits()
            except ModeldError:
                self._lanes = []
        models = {task.model for task in tasks}
        return [lane for lane in self._lanes if lane.model in models or lane.in_use or lane.queued]


def _task_lines(task: TaskProgress) -> tuple[Text, Table]:
    """Two lines that a terminal of 80 columns has room for."""
    left = "" if task.seconds_left is None else f", {duration(task.seconds_left)} left"
    state = f", {task.status} after {duration(task.seconds)}" if task.ended else left
    name = Text(printable(f"{task.task} ({task.model})"), style="bold")
    parts = [f"{task.done}/{task.total}"]
    parts += [f"{task.running} running"] if task.running else []
    parts += [counted(task.errors, "error")] if task.errors else []
    parts += [f"{count(task.input_tokens)} + {count(task.output_tokens)} tokens"]
    parts += [counted(task.calls, "call") + (f" ({task.cached} cached)" if task.cached else "")]
    parts += [counted(task.retries, "retry", "retries")] if task.retries else []
    line = Table.grid(padding=(0, 1))
    line.add_row(
        ProgressBar(total=max(1, task.total), completed=task.done, width=_BAR_COLUMNS),
        Text(", ".join(parts)),
    )
    return Text.assemble(name, state), line


def _lane_line(lane: LaneLimits) -> str:
    limit = f"of {lane.limit} in use" if lane.limit else "in use, no limit"
    text = f"lane {lane.id}: {lane.in_use} {limit}, {lane.queued} queued"
    if lane.paused_seconds:
        text += f", paused for {lane.paused_seconds:.0f} s ({lane.pause_reason})"
    return text


def print_summary(logs: Sequence[EvalLog]) -> None:
    """A row per log, or some lines where the terminal is too narrow; the errors of those that
    have one.
    """
    headings = ("task", "model", "status", "samples", "scores", "tokens", "log")
    rows = [_row(log) for log in logs]
    if fits_terminal(headings, rows):
        print_table(headings, rows)
    else:  # a path must be there in full, to be copied
        for task, model, status, samples, scores, tokens, path in rows:
            done = f", {samples} samples" if samples else ""
            print(printable(f"{task} ({model}): {status}{done}, {tokens} tokens"))
            print(printable("".join(f"  {part}\n" for part in (scores, path) if part)), end="")
    for log in logs:
        if log.error is not None:
            print(f"error: {log.eval.task}: {printable(log.error.message)}", file=sys.stderr)


def _row(log: EvalLog) -> list[str]:
    results = log.results
    scores = [] if results is None or not results.completed_samples else results.scores
    parts = []
    for score in scores:
        name = f"{score.name}{f'/{score.reducer}' if score.reducer else ''}"
        metrics = [f"{metric} {value.value:.3f}" for metric, value in score.metrics.items()]
        parts.append(f"{name} {', '.join(metrics)}")
    done = _finished(log) if results is None else results.completed_samples
    total = _wanted(log) if results is None else results.total_samples
    tokens = sum(usage.total_tokens for usage in log.stats.model_usage.values())
    return [
        log.eval.task,
        log.eval.model,
        log.status,
        "" if done is None else f"{done}/{total}",
        "; ".join(parts),
        count(tokens),
        short_path(log.location),
    ]


def _finished(log: EvalLog) -> int | None:
    """What is in the log of a task that was killed, still runs or was not scored."""
    try:
        return count_eval_log_samples(log.location) if log.location else None
    except ModeldError:  # it has just been removed
        return None


def _wanted(log: EvalLog) -> int:
    return len(log.eval.dataset.sample_ids or []) * (log.eval.config.epochs or 1)


def short_path(location: str) -> str:
    """A path as it is shortest to type."""
    path = Path(location)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def logs_as_json(logs: Sequence[EvalLog]) -> list[JsonObject]:
    """The logs without samples, with where they are."""
    return [{**log.header(), "location": log.location} for log in logs]
