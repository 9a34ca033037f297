"""`modeld eval`, `eval-set` and `eval-retry`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import click

from ..evals.blocking import run_blocking
from ..evals.eval_set import SetOptions, run_retries, run_set
from ..evals.log import EvalLog
from ..evals.log_file import read_eval_log
from ..evals.options import EvalOptions
from ..evals.progress import Board
from ..evals.resolve import Models
from ..evals.run import run_evals
from ..evals.signatures import NotGiven
from ..texts import evaluation_variables, mapping_file
from .command import Command, json_option, print_json
from .eval_board import board_shown, logs_as_json, print_summary, short_path
from .eval_options import ERROR_OPTIONS, LOG_OPTIONS, eval_options, evaluation_option
from .eval_values import allowed_errors, sample_retries

EXAMPLES = """\b
Examples:
  modeld eval arc.py --model openai/gpt-4o-mini
  modeld eval arc.py@arc_easy -m openai/gpt-4o-mini,anthropic/claude-3-5-haiku-latest
  modeld eval arc.py -m openai/gpt-4o -T shots=5 --limit 100 --epochs 3 --temperature 0.9
  modeld eval math.py -m openai/gpt-4o --model-role grader=google/gemini-2.0-flash
  modeld eval arc.py --model none          # for tasks that name their models themselves

\b
Exit codes: 0 all tasks succeeded, 1 one failed, 130 Ctrl-C. Each writes its log, with
what is finished; 'modeld eval-retry LOG' goes on, 'modeld log LOG' shows it."""

SET_EXAMPLES = """\b
Examples:
  modeld eval-set arc.py math.py -m openai/gpt-4o-mini --log-dir logs/first
  modeld eval-set suite/ -m openai/gpt-4o,openai/gpt-4o-mini --log-dir logs/both

\b
The same command again goes on where the set was left: what is finished is not run again."""

RETRY_EXAMPLES = """\b
Examples:
  modeld eval-retry logs/2026-01-31T12-00-00-00-00_arc_a1b2c3.json
  modeld eval-retry LOG --max-connections 5"""


@click.command("eval", cls=Command, epilog=EXAMPLES)
@click.argument("tasks", nargs=-1)
@eval_options(run_config=True)
@json_option("Print the logs, without samples, as JSON.")
def evaluate(
    tasks: list[str] | None,
    options: EvalOptions,
    model: Models | NotGiven,
    display: str | None,
    as_json: bool,
) -> None:
    """Evaluate tasks and write a log for each.

    TASKS are files, file.py@task, or folders; without any, all tasks in this folder.
    """
    logs = _run(lambda board: run_evals(tasks, model, options, board), display, as_json)
    _leave(logs)


@click.command("eval-set", cls=Command, epilog=SET_EXAMPLES)
@click.argument("tasks", nargs=-1)
@evaluation_option(
    "--id", metavar="ID", help="Id of the set, which its folder keeps; a new one if not given."
)
@evaluation_option(
    "--retry-attempts",
    envvar=[*evaluation_variables("retry-attempts"), "INSPECT_EVAL_RETRY_ATTEMPS"],  # its spelling
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="Tries after the first one.",
)
@evaluation_option(
    "--retry-wait",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Wait before a try, doubled each time.",
)
@evaluation_option(
    "--retry-immediate/--no-retry-immediate",
    default=True,
    show_default=True,
    help="Try again without waiting.",
)
@evaluation_option(
    "--retry-connections",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Factor of --max-connections per try, when it waits.",
)
@evaluation_option("--no-retry-cleanup", is_flag=True, help="Keep the logs of failed tries.")
@evaluation_option(
    "--log-dir-allow-dirty", is_flag=True, help="Allow logs of other tasks in the folder."
)
@eval_options()
@json_option("Print the logs, without samples, as JSON.")
def evaluate_set(
    tasks: list[str] | None,
    options: EvalOptions,
    model: Models | NotGiven,
    display: str | None,
    as_json: bool,
    no_retry_cleanup: bool,
    id: str | None,
    **how: Any,
) -> None:
    """Evaluate tasks until all have succeeded.

    TASKS are as for 'modeld eval'. Give each set a folder of its own with --log-dir.
    """
    options = replace(options, eval_set_id=id)
    set_options = SetOptions(retry_cleanup=not no_retry_cleanup, **how)

    async def run(board: Board) -> list[EvalLog]:
        _, logs = await run_set(tasks, model, options, set_options, board)
        return logs

    _leave(_run(run, display, as_json))


def _retry_options(command: Callable[..., None]) -> Callable[..., None]:
    """What may be other than in the log: how much at once, and what errors do."""
    numbers = (
        click.option("--max-samples", type=click.IntRange(min=1), help="Samples at once."),
        click.option(
            "--max-connections",
            type=click.IntRange(min=1),
            help="Most calls at once to the account of the provider.",
        ),
        click.option("--max-retries", type=click.IntRange(min=0), help="Retries of a call."),
        click.option("--timeout", type=click.IntRange(min=1), help="Seconds for a call in all."),
        click.option("--attempt-timeout", type=click.IntRange(min=1), help="Seconds for a try."),
    )
    for option in reversed((*numbers, *ERROR_OPTIONS, *LOG_OPTIONS)):
        command = option(command)
    return command


@click.command("eval-retry", cls=Command, epilog=RETRY_EXAMPLES)
@click.argument("logs", nargs=-1, required=True)
@_retry_options
@click.option(
    "--model-cost-config", metavar="FILE", help="Prices, for logs with a cost limit; as for eval."
)
@click.option("--log-dir", metavar="DIR", help="Folder of the new logs; that of the old ones.")
@click.option(
    "--display", type=click.Choice(("full", "plain", "none")), help="How to show progress."
)
@json_option("Print the logs, without samples, as JSON.")
def evaluate_again(
    logs: tuple[str, ...],
    fail_on_error: str | None,
    no_fail_on_error: bool,
    retry_on_error: str | None,
    model_cost_config: str | None,
    log_dir: str | None,
    display: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Go on with tasks that failed or were cut off.

    LOGS are their logs. Samples that are finished stay; each gives a new log.
    """
    read = [read_eval_log(path) for path in logs]
    try:
        options["fail_on_error"] = allowed_errors(fail_on_error, no_fail_on_error)
        options["retry_on_error"] = sample_retries(retry_on_error)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    given = {name: value for name, value in options.items() if value is not None}
    if model_cost_config:
        given["model_cost_config"] = mapping_file(model_cost_config)
    _leave(_run(lambda board: run_retries(read, log_dir, given, board), display, as_json))


def _run(
    run: Callable[[Board], Coroutine[Any, Any, list[EvalLog]]], display: str | None, as_json: bool
) -> list[EvalLog]:
    board = Board()
    try:
        with board_shown(board, display):
            logs = run_blocking(lambda: run(board))
    except KeyboardInterrupt:
        _print(board.logs, as_json)
        for log in board.logs:
            if log.status != "success":
                print(f"To go on: modeld eval-retry {short_path(log.location)}", file=sys.stderr)
        raise
    _print(logs, as_json)
    return logs


def _print(logs: list[EvalLog], as_json: bool) -> None:
    if as_json:
        print_json(logs_as_json(logs))
    elif logs:
        print_summary(logs)


def _leave(logs: list[EvalLog]) -> None:
    if any(log.status != "success" for log in logs):
        raise click.exceptions.Exit(1)
