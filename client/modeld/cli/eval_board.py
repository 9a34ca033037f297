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
from ..evals.display import PlainLines
from ..evals.log import EvalLog
from ..evals.progress import Board, TaskProgress
from ..lanes import LaneLimits, limits
from ..types import JsonObject
from .quantities import count, duration
from .render import is_terminal, printable
from .tables import print_table

_LANE_SECONDS = 1.0


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
        table = Table(box=None, pad_edge=False, header_style="bold")
        for heading in ("task", "model", "", "samples", "tokens", "calls", "retries", "left"):
            table.add_column(heading, no_wrap=True)
        for task in tasks:
            table.add_row(*_cells(task))
        return Group(table, *(Text(_lane_line(lane), style="dim") for lane in self._used(tasks)))

    def _used(self, tasks: Sequence[TaskProgress]) -> list[LaneLimits]:
        if time.monotonic() - self._asked > _LANE_SECONDS:
            self._asked = time.monotonic()
            try:
                self._lanes = limits()
            except ModeldError:
                self._lanes = []
        models = {task.model for task in tasks}
        return [lane for lane in self._lanes if lane.model in models or lane.in_use or lane.queued]


def _cells(task: TaskProgress) -> list[Text | ProgressBar]:
    left = task.seconds_left
    ending = f"{task.status} {duration(task.seconds)}"
    errors = f", {task.errors} errors" if task.errors else ""
    cached = f" ({task.cached} cached)" if task.cached else ""
    return [
        Text(printable(task.task)),
        Text(printable(task.model)),
        ProgressBar(total=max(1, task.total), completed=task.done, width=20),
        Text(f"{task.done}/{task.total}, {task.running} run{errors}"),
        Text(f"{count(task.input_tokens)} in, {count(task.output_tokens)} out"),
        Text(f"{task.calls}{cached}"),
        Text(str(task.retries)),
        Text(ending if task.ended else "" if left is None else duration(left)),
    ]


def _lane_line(lane: LaneLimits) -> str:
    limit = str(lane.limit) if lane.limit else "no limit"
    text = f"lane {lane.id}: {lane.in_use} of {limit} in use, {lane.queued} queued"
    if lane.paused_seconds:
        text += f", paused for {lane.paused_seconds:.0f} s ({lane.pause_reason})"
    return text


def print_summary(logs: Sequence[EvalLog]) -> None:
    """A row per log, and the errors of those that have one."""
    headings = ("task", "model", "status", "samples", "scores", "tokens", "log")
    print_table(headings, [_row(log) for log in logs])
    for log in logs:
        if log.error is not None:
            print(f"error: {log.eval.task}: {printable(log.error.message)}", file=sys.stderr)


def _row(log: EvalLog) -> list[str]:
    results = log.results
    scores = [] if results is None else results.scores
    metrics = [
        f"{score.name}{f'/{score.reducer}' if score.reducer else ''} {name} {metric.value:.3f}"
        for score in scores
        for name, metric in score.metrics.items()
    ]
    done = "" if results is None else f"{results.completed_samples}/{results.total_samples}"
    tokens = sum(usage.total_tokens for usage in log.stats.model_usage.values())
    return [
        log.eval.task,
        log.eval.model,
        log.status,
        done,
        ", ".join(metrics),
        count(tokens),
        _short(log.location),
    ]


def _short(location: str) -> str:
    path = Path(location)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def logs_as_json(logs: Sequence[EvalLog]) -> list[JsonObject]:
    """The logs without samples, with where they are."""
    return [{**log.header(), "location": log.location} for log in logs]
