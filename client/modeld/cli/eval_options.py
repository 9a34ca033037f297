"""The options of `eval`, `eval-set` and `eval-retry`."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import click

from ..errors import ModeldError
from ..evals.options import EvalOptions
from ..evals.reducers import Epochs
from ..types import GenerateConfig, JsonObject
from .options import ModelChoice, config_options, model_options
from .role_option import model_role
from .values import comma_list, mapping_file, model_argument

F = TypeVar("F", bound=Callable[..., object])

_PREFIX = "INSPECT_EVAL"


def _option(*names: str, **how: Any) -> Callable[[F], F]:
    long = next(name for name in names if name.startswith("--")).split("/")[0]
    how.setdefault("envvar", f"{_PREFIX}_{long[2:].replace('-', '_').upper()}")
    return click.option(*names, **how)


_WHOLE = click.IntRange(min=1)

_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    _option(
        "--model-base-url",
        metavar="URL",
        help="As --base-url: address for the main model, not for roles.",
    ),
    _option("--model-config", metavar="FILE", help="JSON or YAML file of -M; -M wins over it."),
    click.option(
        "--model-role",
        "roles",
        multiple=True,
        envvar="INSPECT_EVAL_MODEL_ROLE",
        metavar="ROLE=MODEL",
        help="Model of a role, such as grader=openai/gpt-4o; several with commas, or a mapping "
        '"{model: openai/gpt-4o, temperature: 0}". May be repeated.',
    ),
    click.option(
        "-T",
        "task_args",
        multiple=True,
        metavar="KEY=VALUE",
        help="Argument of the task. May be repeated.",
    ),
    _option("--task-config", metavar="FILE", help="JSON or YAML file of -T; -T wins over it."),
    _option("--limit", metavar="N or A-B", help="The first N samples, or those from A to B."),
    _option("--sample-id", metavar="A,B", help="Only samples with these ids."),
    _option("--epochs", type=_WHOLE, help="How often each sample is repeated."),
    _option(
        "--epochs-reducer",
        metavar="A,B",
        help="How scores of epochs become one: mean (default), median, mode, max, at_least_2, "
        "pass_at_1 …",
    ),
    _option("--max-samples", type=_WHOLE, help="Samples at once; 200 when not given."),
    _option("--max-tasks", type=_WHOLE, help="Tasks at once; one per model when not given."),
    _option(
        "--fail-on-error",
        type=click.FloatRange(min=0, min_open=True),
        help="Errors of samples that end a task: a number from 1, or a share; without it the "
        "first one does.",
    ),
    click.option("--no-fail-on-error", is_flag=True, help="Errors of samples end no task."),
    _option(
        "--retry-on-error", type=_WHOLE, metavar="N", help="Further tries of a sample that fails."
    ),
    _option("--message-limit", type=_WHOLE, help="Most messages of a sample."),
    _option("--token-limit", type=_WHOLE, help="Most tokens of a sample."),
    _option("--time-limit", type=_WHOLE, metavar="SECONDS", help="Most time of a sample."),
    click.option("--no-score", is_flag=True, help="Do not score."),
    _option("--tags", metavar="A,B", help="Tags for the log."),
    click.option(
        "--metadata", multiple=True, metavar="KEY=VALUE", help="For the log. May be repeated."
    ),
    click.option(
        "--log-dir", envvar="INSPECT_LOG_DIR", metavar="DIR", help="Folder of logs [./logs]."
    ),
    click.option(
        "--display",
        type=click.Choice(("full", "rich", "conversation", "plain", "log", "none")),
        envvar="INSPECT_DISPLAY",
        help="How to show progress: plain is lines, none is nothing.",
    ),
)


def eval_options(command: F) -> F:
    """The options; the command receives `options`, `choice` and `display`."""

    @wraps(command)
    def wrapper(*args: Any, **values: Any) -> object:
        choice: ModelChoice = values.pop("choice")
        try:
            options = _read(values, choice)
        except (ValueError, TypeError, ModeldError) as error:
            raise click.UsageError(str(error)) from None
        return command(*args, options=options, choice=choice, **values)

    decorated: Any = config_options(env_prefix=_PREFIX)(wrapper)
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return model_options(decorated)  # type: ignore[no-any-return]


def _read(values: dict[str, Any], choice: ModelChoice) -> EvalOptions:
    config: GenerateConfig = values.pop("config")
    args = _pairs((), values.pop("model_config"))
    if not choice.args:  # as the reference: options replace the variable as a whole
        args |= _pairs(tuple(os.environ.get("INSPECT_EVAL_MODEL_ARGS", "").split()), None)
    tags = values.pop("tags")
    return EvalOptions(
        model_base_url=values.pop("model_base_url") or choice.base_url,
        model_args={**args, **choice.args},
        model_roles=dict(model_role(text) for text in values.pop("roles")),
        task_args=_pairs(values.pop("task_args"), values.pop("task_config")),
        limit=_limit(values.pop("limit")),
        sample_id=comma_list(values.pop("sample_id") or "") or None,
        epochs=_epochs(values.pop("epochs"), values.pop("epochs_reducer")),
        fail_on_error=_fail_on_error(values.pop("fail_on_error"), values.pop("no_fail_on_error")),
        score=not values.pop("no_score"),
        tags=comma_list(tags) if tags else None,
        metadata=_pairs(values.pop("metadata"), None) or None,
        config=config,
        **{
            name: values.pop(name)
            for name in (
                "retry_on_error",
                "message_limit",
                "token_limit",
                "time_limit",
                "max_samples",
                "max_tasks",
                "log_dir",
            )
        },
    )


def _pairs(texts: tuple[str, ...], file: str | None) -> JsonObject:
    pairs = mapping_file(file) if file else {}
    return {**pairs, **dict(model_argument(text) for text in texts)}


def _limit(text: str | None) -> int | tuple[int, int] | None:
    if not text:
        return None
    first, dash, last = text.replace(",", "-").partition("-")
    if not first.isdecimal() or (dash and not last.isdecimal()):
        raise ValueError(f"--limit is a number or A-B, such as 100 or 10-20 (got {text!r}).")
    return (int(first) - 1, int(last)) if dash else int(first)


def _epochs(count: int | None, reducer: str | None) -> Epochs | None:
    if count is None and reducer is None:
        return None
    return Epochs(count or 1, comma_list(reducer) if reducer else None)


def _fail_on_error(limit: float | None, never: bool) -> bool | float | None:
    return False if never else limit
