"""The options of `eval` and `eval-set`."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import click

from ..errors import ModeldError
from ..texts import evaluation_variables
from .eval_values import Given, read_run
from .options import ModelChoice, config_options, model_options
from .variables import VariableOption

F = TypeVar("F", bound=Callable[..., object])


def evaluation_option(*names: str, **how: Any) -> Callable[[F], F]:
    """An option that a variable may say, too."""
    long = next(name for name in names if name.startswith("--")).split("/")[0]
    how.setdefault("envvar", evaluation_variables(long[2:]))
    return click.option(*names, cls=VariableOption, **how)


def _set_variables(
    _context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]
) -> None:
    """Before any other option is read, as they may come from variables."""
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise click.BadParameter("Write NAME=VALUE.", param=parameter)
        os.environ[name] = value


_WHOLE = click.IntRange(min=1)
_DOLLARS = click.FloatRange(min=0, min_open=True)

ERROR_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    evaluation_option(
        "--fail-on-error",
        bare="true",
        metavar="N",
        help="Errors of samples that end a task: a number from 1, or a share; without it the "
        "first one does.",
    ),
    evaluation_option("--no-fail-on-error", is_flag=True, help="Errors of samples end no task."),
    evaluation_option(
        "--retry-on-error",
        bare="1",
        metavar="N",
        help="Further tries of a sample that fails; one when nothing is said.",
    ),
)
LOG_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    evaluation_option(
        "--log-model-api/--no-log-model-api",
        default=None,
        help="Keep what goes to providers and comes back in the log, without credentials and media.",
    ),
    evaluation_option(
        "--log-refusals/--no-log-refusals", default=None, help="Warn of each refusal of a model."
    ),
)
_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    evaluation_option(
        "--env",
        multiple=True,
        is_eager=True,
        expose_value=False,
        callback=_set_variables,
        metavar="NAME=VALUE",
        help="Set a variable for this run, over that of the shell and of .env. May be repeated.",
    ),
    evaluation_option(
        "--model-spec",
        "specs",
        multiple=True,
        metavar="MAPPING",
        help='A model as a mapping "{model: openai/gpt-4o, temperature: 0, model_args: {…}}", instead '
        "of --model, --model-base-url, --model-config and -M. May be repeated.",
    ),
    evaluation_option(
        "--model-base-url",
        metavar="URL",
        help="As --base-url: address for the main model, not for roles.",
    ),
    evaluation_option(
        "--model-config", metavar="FILE", help="JSON or YAML file of -M; -M wins over it."
    ),
    evaluation_option(
        "--model-role",
        "roles",
        multiple=True,
        metavar="ROLE=MODEL",
        help="Model of a role, such as grader=openai/gpt-4o; several with commas, or a mapping "
        '"{model: openai/gpt-4o, temperature: 0}". May be repeated.',
    ),
    click.option(
        "-T",
        "task_args",
        cls=VariableOption,
        envvar=evaluation_variables("task-args"),
        multiple=True,
        metavar="KEY=VALUE",
        help="Argument of the task. May be repeated.",
    ),
    evaluation_option(
        "--task-config", metavar="FILE", help="JSON or YAML file of -T; -T wins over it."
    ),
    evaluation_option(
        "--solver",
        metavar="NAME",
        help="Solver instead of the tasks' own: a name, or file.py@name.",
    ),
    click.option(
        "-S",
        "solver_args",
        cls=VariableOption,
        envvar=evaluation_variables("solver-args"),
        multiple=True,
        metavar="KEY=VALUE",
        help="Argument of the solver. May be repeated.",
    ),
    evaluation_option(
        "--solver-config", metavar="FILE", help="JSON or YAML file of -S; -S wins over it."
    ),
    evaluation_option(
        "--limit", metavar="N or A-B", help="The first N samples, or those from A to B."
    ),
    evaluation_option(
        "--sample-id", metavar="A,B", help="Only samples with these ids; * and ? are allowed."
    ),
    evaluation_option(
        "--sample-shuffle",
        bare="true",
        metavar="SEED",
        help="Change the order of samples, before --limit; with a number it is the same each time.",
    ),
    evaluation_option("--epochs", type=_WHOLE, help="How often each sample is repeated."),
    evaluation_option(
        "--epochs-reducer",
        metavar="A,B",
        help="How scores of epochs become one: mean (default), median, mode, max, at_least_2, "
        "pass_at_1 …",
    ),
    evaluation_option("--max-samples", type=_WHOLE, help="Samples at once; 200 when not given."),
    evaluation_option(
        "--max-tasks", type=_WHOLE, help="Tasks at once; one per model when not given."
    ),
    *ERROR_OPTIONS,
    evaluation_option("--message-limit", type=_WHOLE, help="Most messages of a sample."),
    evaluation_option("--token-limit", type=_WHOLE, help="Most tokens of a sample."),
    evaluation_option(
        "--time-limit", type=_WHOLE, metavar="SECONDS", help="Most time of a sample."
    ),
    evaluation_option(
        "--working-limit",
        type=_WHOLE,
        metavar="SECONDS",
        help="Most time of a sample, without what its calls wait for permits and further attempts.",
    ),
    evaluation_option(
        "--cost-limit",
        type=_DOLLARS,
        metavar="DOLLARS",
        help="Most that a sample may cost; needs the prices of its models.",
    ),
    evaluation_option(
        "--model-cost-config",
        metavar="FILE",
        help="JSON or YAML file of prices in dollars per million tokens: {model: {input, output, "
        "input_cache_write, input_cache_read}}.",
    ),
    evaluation_option("--no-score", is_flag=True, help="Do not score."),
    evaluation_option("--tags", metavar="A,B", help="Tags for the log."),
    evaluation_option(
        "--metadata", multiple=True, metavar="KEY=VALUE", help="For the log. May be repeated."
    ),
    click.option(
        "--log-dir", metavar="DIR", help="Folder of logs; that of INSPECT_LOG_DIR, or ./logs."
    ),
    *LOG_OPTIONS,
    # What the reference's users have in their scripts, where there is one way here.
    evaluation_option("--log-format", envvar="INSPECT_LOG_FORMAT", hidden=True),
    evaluation_option("--log-level", envvar="INSPECT_LOG_LEVEL", hidden=True),
    evaluation_option("--log-images/--no-log-images", default=None, hidden=True),
    evaluation_option(
        "--display",
        type=click.Choice(("full", "rich", "conversation", "plain", "log", "none")),
        envvar=["MODELD_DISPLAY", "INSPECT_DISPLAY"],
        help="How to show progress: plain is lines, none is nothing.",
    ),
)


_RUN_CONFIG = evaluation_option(
    "--run-config",
    metavar="FILE",
    help="JSON or YAML file of a whole run: task, model, model_roles, generate_config, eval_config, "
    "solver, tags, metadata. Options here win over it.",
)


_OTHERS = (
    "as_json", "retry_attempts", "retry_wait", "retry_immediate", "retry_connections",
    "no_retry_cleanup", "log_dir_allow_dirty", "id",
)  # fmt: skip
"""Options that the command takes itself."""


def eval_options(*, run_config: bool = False) -> Callable[[F], F]:
    """The options; the command receives `tasks`, `model`, `options` and `display`.

    Args:
        run_config: Whether a file may give a whole run.
    """

    def decorate(command: F) -> F:
        @wraps(command)
        def wrapper(*args: Any, **values: Any) -> object:
            choice: ModelChoice = values.pop("choice")
            display = values.pop("display")
            others = {name: values.pop(name) for name in _OTHERS if name in values}
            try:
                run = read_run(Given(click.get_current_context(), values), choice)
            except (ValueError, TypeError, ModeldError) as error:
                raise click.UsageError(str(error)) from None
            given = {"tasks": run.tasks, "model": run.model, "options": run.options}
            return command(*args, display=display, **given, **others)

        decorated: Any = config_options(variables=True)(wrapper)
        for option in reversed((*_OPTIONS, *((_RUN_CONFIG,) if run_config else ()))):
            decorated = option(decorated)
        return model_options(decorated)  # type: ignore[no-any-return]

    return decorate
