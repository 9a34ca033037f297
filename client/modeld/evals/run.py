"""`eval`: tasks, models and options in; logs out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from ..errors import InvalidRequest, PrerequisiteError
from ..types import CONFIG_FIELDS, GenerateConfig, new_id
from .arguments import EvalArgs, default_of
from .blocking import run_blocking
from .display import shown
from .load import Tasks, working_folder
from .log import EvalLog
from .log_file import default_log_dir
from .options import EvalOptions, mapping_of_file
from .progress import Board
from .resolve import Models, Resolved, resolve
from .signatures import NOT_GIVEN, NotGiven, signed
from .task_run import TaskRun

_LOGS = "modeld's logs are JSON, with samples and media"
_ONLY: Mapping[str, tuple[tuple[object, ...], str]] = {
    "log_format": ((None, "json"), _LOGS),
    "log_samples": ((None, True), _LOGS),
    "log_images": ((None, True), _LOGS),
    "log_header_only": ((None, False), _LOGS),
    "trace": ((None, False), "'modeld log LOG --sample ID' shows conversations"),
    "run_samples": ((None, True), "there is no run without samples"),
    "continue_on_fail": ((None, False), "fail_on_error says how many errors end a task"),
    "score_on_error": ((None, False), "samples that fail are not scored"),
    "debug_errors": ((None, False), "errors of samples are in the log, with their traces"),
    "turn_limit": ((None,), "there are message_limit, token_limit, time_limit and cost_limit"),
    **dict.fromkeys(
        ("sandbox", "approval", "review", "scanner", "checkpoint", "notification", "acp_server",
         "ctl_server", "sentinel"),
        ((None, False), "it is not part of modeld's evaluations"),
    ),
}  # fmt: skip
"""Arguments of the reference of which there is one way here, the values that mean it, and why."""
_SILENT = (
    "log_level", "log_level_transcript", "log_realtime", "log_buffer", "log_shared", "score_display",
    "max_subprocesses", "max_sandboxes", "max_dataset_memory", "sandbox_cleanup", "sandbox_prebuilt",
)  # fmt: skip
"""Arguments of the reference about what there is not here, or is always so: they change no result."""


@signed(EvalArgs, default_of)
def eval(
    tasks: Tasks = None, model: Models | NotGiven = NOT_GIVEN, **options: Unpack[EvalArgs]
) -> list[EvalLog]:
    """Evaluates tasks: one log per task and model.

    Works in plain code, in threads and inside a running event loop (which waits meanwhile). What
    goes wrong in samples is no exception but a log with the status "error". Ctrl-C writes the logs
    with what is finished, and is raised then.

    Args:
        tasks: A file "arc.py" or "arc.py@name", a Task, a `@task` function, or a list of these;
            None is all tasks in and below the working folder.
        model: Name, names with commas between them, Model, ModelConfig, or a list of these; None is
            "no model". When not given: that of the session, else MODELD_MODEL or
            INSPECT_EVAL_MODEL, else no model.
        **options: Fields of `EvalOptions` (model_args, model_roles, task_args, limit, epochs,
            max_samples, fail_on_error, message_limit, token_limit, time_limit, cost_limit, solver,
            log_dir, score …; model_args, task_args and model_cost_config may also be the names of
            JSON or YAML files),
            `display` ("plain" or "none"), and of GenerateConfig (temperature, max_connections …).

    Raises:
        PrerequisiteError: A file, a task, a key or a package is missing.
        InvalidRequest: An argument is wrong.
        ModelNotFound: There is no such provider or model.
        DaemonUnavailable: The daemon cannot be reached or started.
    """
    display = options.pop("display", None)
    read = read_options(options)
    board = Board()
    with shown(board, display):
        return run_blocking(lambda: run_evals(tasks, model, read, board))


@signed(EvalArgs, default_of)
async def eval_async(
    tasks: Tasks = None, model: Models | NotGiven = NOT_GIVEN, **options: Unpack[EvalArgs]
) -> list[EvalLog]:
    """`eval` in the running asyncio loop. Cancelling it writes the logs with what is finished."""
    display = options.pop("display", None)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise InvalidRequest(
            "eval_async needs asyncio; under trio use trio.to_thread.run_sync(eval, …)"
        ) from None
    board = Board()
    with shown(board, display):
        return await run_evals(tasks, model, read_options(options), board)


def read_options(arguments: Mapping[str, Any]) -> EvalOptions:
    """The options of keyword arguments; an `InvalidRequest` names one that there is not."""
    given = dict(arguments)
    for name, (values, why) in _ONLY.items():
        value = given.pop(name, None)
        if value not in values:
            raise InvalidRequest(
                f"{name}={value!r} is not there: {why}; leave it out or say {values[-1]!r}"
            )
    for name in _SILENT:
        given.pop(name, None)
    known = set(EvalOptions.__dataclass_fields__)
    unknown = given.keys() - known - set(CONFIG_FIELDS)
    if unknown:
        raise InvalidRequest(
            f"eval has no argument {', '.join(sorted(unknown))}; it has those of EvalOptions and "
            "the fields of GenerateConfig"
        )
    for name in ("model_args", "task_args", "model_cost_config"):
        if isinstance(given.get(name), (str, Path)):
            given[name] = mapping_of_file(given[name])
    config = given.pop("config", None) or GenerateConfig()
    said = {name: given.pop(name) for name in CONFIG_FIELDS if name in given}
    chosen = {name: value for name, value in given.items() if value is not None}
    return EvalOptions(config=config.merge(said), **chosen)


async def run_evals(
    tasks: Tasks, model: Models | NotGiven, options: EvalOptions, board: Board
) -> list[EvalLog]:
    """The logs, in the order of the tasks; on the board too, as they come."""
    resolved = resolve(tasks, model, options)
    folder = ready_folder(options)
    run_id = new_id()
    runs = [TaskRun(one, options, board, run_id) for one in resolved]
    return await run_tasks(runs, folder, options.max_tasks or models_of(resolved))


async def run_tasks(runs: Sequence[TaskRun], folder: Path, at_once: int) -> list[EvalLog]:
    """Runs tasks, so many at once."""
    places = asyncio.Semaphore(max(1, at_once))

    async def one(run: TaskRun) -> EvalLog:
        async with places:
            return await run.run(folder)

    try:
        async with asyncio.TaskGroup() as group:
            pending = [group.create_task(one(run)) for run in runs]
    except BaseExceptionGroup as failed:  # what is wrong with a task is in its log: it is the log
        raise failed.exceptions[0] from None
    return [task.result() for task in pending]


def models_of(resolved: Sequence[Resolved]) -> int:
    """How many models there are: tasks of different ones do not wait for each other."""
    return len({str(one.model) for one in resolved})


def ready_folder(options: EvalOptions) -> Path:
    """The folder of logs, made if need be, before anything is asked of a model."""
    folder = working_folder() / Path(options.log_dir or default_log_dir()).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PrerequisiteError(f"the log folder {folder} cannot be made: {error}") from None
    return folder
