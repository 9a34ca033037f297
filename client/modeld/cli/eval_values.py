"""From the options of an evaluation to what is run: tasks, models, `EvalOptions`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click
from click.core import ParameterSource

from ..evals.options import EvalOptions, NamedSolver
from ..evals.reducers import Epochs
from ..evals.resolve import Models
from ..evals.run import read_options
from ..evals.signatures import NOT_GIVEN, NotGiven
from ..texts import comma_list, mapping_file, model_argument, variable_arguments
from ..types import GenerateConfig, JsonObject, ModelConfig
from .options import ModelChoice, provider_arguments
from .role_option import model_role, model_specs
from .run_config import RunConfig, read_run_config

_AS_THEY_ARE = (
    "message_limit", "token_limit", "time_limit", "working_limit", "cost_limit", "max_samples",
    "max_tasks", "log_dir", "log_format", "log_level", "log_model_api", "log_refusals", "log_images",
)  # fmt: skip
_OF_ONE_MODEL = {
    "model": "--model",
    "base_url": "--base-url",
    "model_base_url": "--model-base-url",
    "model_config": "--model-config",
    "model_args": "-M",
}
_OF_A_RUN = ("generate_config", "task_config", "solver_config")


@dataclass
class Run:
    """What is evaluated, with which models, and how."""

    tasks: list[str] | None
    model: Models | NotGiven
    options: EvalOptions


class Given:
    """The values of a command's options, and where they come from."""

    def __init__(self, context: click.Context, values: dict[str, Any]) -> None:
        self._context = context
        self._values = values

    def __getitem__(self, name: str) -> Any:
        return self._values.get(name)

    def typed(self, name: str) -> bool:
        """Whether the option stands on the command line."""
        return self._context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def read_run(given: Given, choice: ModelChoice) -> Run:
    """The run that the options say; a ValueError names what is wrong."""
    run = _run_config(given)
    named = list(given["tasks"]) or ([run.tasks] if run.tasks is not None else None)
    model, base_url, args = _model(given, choice, run)
    config: GenerateConfig = given["config"]
    options = {
        "model_base_url": base_url,
        "model_args": args,
        "model_roles": dict(model_role(text) for text in given["roles"]),
        "task_args": _pairs(given["task_args"], given["task_config"]),
        "solver": _solver(given),
        "limit": _limit(given["limit"]),
        "sample_id": comma_list(given["sample_id"] or "") or None,
        "sample_shuffle": _shuffle(given["sample_shuffle"]),
        "epochs": _epochs(given["epochs"], given["epochs_reducer"]),
        "fail_on_error": allowed_errors(given["fail_on_error"], given["no_fail_on_error"]),
        "retry_on_error": sample_retries(given["retry_on_error"]),
        "model_cost_config": mapping_file(path) if (path := given["model_cost_config"]) else None,
        "score": False if given["no_score"] else None,
        "tags": comma_list(given["tags"]) if given["tags"] else None,
        "metadata": _pairs(given["metadata"], None) or None,
        **{name: given[name] for name in _AS_THEY_ARE},
    }
    return Run(
        named, model, read_options({**run.under(options), "config": run.config.merge(config)})
    )


def _run_config(given: Given) -> RunConfig:
    if not given["run_config"]:
        return RunConfig()
    for name in _OF_A_RUN:
        if given.typed(name):
            option = name.replace("_", "-")
            raise ValueError(f"--run-config cannot be used with --{option}: it says that, too.")
    return read_run_config(given["run_config"])


def _model(
    given: Given, choice: ModelChoice, run: RunConfig
) -> tuple[Models | NotGiven, str | None, JsonObject]:
    """The models, and the address and the arguments of the one that has only a name."""
    typed = [option for name, option in _OF_ONE_MODEL.items() if given.typed(name)]
    if given["specs"]:
        if given.typed("specs") and typed:
            raise ValueError(f"--model-spec cannot be used with {typed[0]}: the mapping says that.")
        if given.typed("specs") or not typed:
            return model_specs(given["specs"]), None, {}
    base_url = given["model_base_url"] or choice.base_url
    args = _pairs((), given["model_config"])
    if not choice.args:  # as the reference: options replace the variable as a whole
        args |= variable_arguments("model-args")
    args = provider_arguments({**args, **choice.args})
    if choice.name is None and isinstance(run.model, ModelConfig):
        return [run.model], base_url, args
    return choice.name or run.model or NOT_GIVEN, base_url, args


def _solver(given: Given) -> NamedSolver | None:
    args = _pairs(given["solver_args"], given["solver_config"])
    if not given["solver"]:
        if args:
            raise ValueError(
                "-S and --solver-config are arguments of a solver: name it by --solver."
            )
        return None
    return NamedSolver(given["solver"], args)


def _pairs(texts: Sequence[str], file: str | None) -> JsonObject:
    pairs = mapping_file(file) if file else {}
    return {**pairs, **dict(model_argument(text) for text in texts)}


def _limit(text: str | None) -> int | tuple[int, int] | None:
    if not text:
        return None
    first, dash, last = text.replace(",", "-").partition("-")
    if not first.isdecimal() or (dash and not last.isdecimal()):
        raise ValueError(f"--limit is a number or A-B, such as 100 or 10-20 (got {text!r}).")
    return (int(first) - 1, int(last)) if dash else int(first)


def _shuffle(text: str | None) -> bool | int | None:
    if text is None:
        return None
    word = text.strip().lower()
    if word in ("true", "yes"):
        return True
    if word in ("false", "no"):
        return None
    if not word.isdecimal():
        raise ValueError(f"--sample-shuffle is a number, or nothing at all (got {text!r}).")
    return int(word)


def _epochs(count: int | None, reducer: str | None) -> Epochs | None:
    if count is None and reducer is None:
        return None
    return Epochs(count or 1, comma_list(reducer) if reducer else None)


def allowed_errors(text: str | None, never: bool) -> bool | float | None:
    """Of --fail-on-error and --no-fail-on-error; a ValueError says what is wrong."""
    if never or text is None:
        return False if never else None
    word = text.strip().lower()
    if word in ("true", "yes"):
        return True
    try:
        limit = float(word)
    except ValueError:
        limit = 0.0
    if not limit > 0:
        raise ValueError(f"--fail-on-error is a number from 1, or a share (got {text!r}).")
    return limit


def sample_retries(text: str | None) -> int | None:
    """Of --retry-on-error; a ValueError says what is wrong."""
    if text is None:
        return None
    word = {"true": "1", "yes": "1"}.get(text.strip().lower(), text.strip())
    if not word.isdecimal() or not int(word):
        raise ValueError(f"--retry-on-error is a whole number from 1 (got {text!r}).")
    return int(word)
