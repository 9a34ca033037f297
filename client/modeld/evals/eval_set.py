"""Runs that are taken up again: a set of tasks until all have succeeded, and the retry of a log."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

from ..api import get_model
from ..errors import PrerequisiteError
from ..types import new_id
from .arguments import RetryArgs, RunArgs, default_of
from .blocking import run_blocking
from .display import shown
from .identity import task_identity
from .load import Tasks
from .log import EvalLog
from .log_file import EvalLogInfo, list_eval_logs, part_path, read_eval_log, read_eval_log_samples
from .options import EvalOptions
from .progress import Board
from .reducers import Epochs
from .resolve import Models, Resolved, resolve
from .run import models_of, read_options, ready_folder, run_tasks
from .signatures import NOT_GIVEN, NotGiven, signed
from .task import KNOWN_TASKS
from .task_run import Finished, TaskRun

_LONGEST_WAIT = 3600.0
_TASKS_AT_ONCE = 4


@dataclass(kw_only=True)
class SetOptions:
    """How a set is tried again."""

    retry_attempts: int = 10
    """Tries after the first one."""
    retry_wait: float = 30.0
    """Seconds before the next try, doubled each time up to an hour, unless `retry_immediate`."""
    retry_connections: float = 1.0
    """Factor of max_connections per try, unless `retry_immediate`."""
    retry_immediate: bool = True
    retry_cleanup: bool = True
    """Whether the logs of failed tries are removed when a later one has succeeded."""
    log_dir_allow_dirty: bool = False
    """Whether the folder may hold logs of tasks that are not in the set."""


@signed(RunArgs, default_of)
def eval_set(
    tasks: Tasks,
    log_dir: str | None = None,
    retry_attempts: int = 10,
    retry_wait: float = 30.0,
    retry_connections: float = 1.0,
    retry_cleanup: bool = True,
    retry_immediate: bool = True,
    log_dir_allow_dirty: bool = False,
    model: Models | NotGiven = NOT_GIVEN,
    **options: Unpack[RunArgs],
) -> tuple[bool, list[EvalLog]]:
    """Evaluates tasks until all have succeeded, and takes up again what an earlier call has left.

    Tasks that have a finished log in the folder are not run again; of those that have failed, or
    were cut off, only the samples that are not finished. Returns whether all have succeeded, and
    their logs, without samples.

    Args:
        tasks: As for `eval`. No two may be the same task with the same models and settings.
        log_dir: The folder of the set; INSPECT_LOG_DIR or ./logs when not given.
        retry_attempts: See `SetOptions`, as for the next five.
        retry_wait: Seconds.
        retry_connections: Factor.
        retry_cleanup: Whether logs of failed tries are removed.
        retry_immediate: Whether failed tasks are tried again without waiting.
        log_dir_allow_dirty: Whether other logs may be in the folder.
        model: As for `eval`.
        **options: As for `eval`; `eval_set_id` is the id of the set, which its folder keeps.

    Raises:
        PrerequisiteError: Two tasks are the same, or the folder holds other logs or another set.
        ModeldError: As for `eval`.
    """
    how = SetOptions(
        retry_attempts=retry_attempts,
        retry_wait=retry_wait,
        retry_connections=retry_connections,
        retry_immediate=retry_immediate,
        retry_cleanup=retry_cleanup,
        log_dir_allow_dirty=log_dir_allow_dirty,
    )
    display = options.pop("display", None)
    read = read_options({**options, "log_dir": log_dir})
    board = Board()
    with shown(board, display):
        return run_blocking(lambda: run_set(tasks, model, read, how, board))


async def run_set(
    tasks: Tasks, model: Models | NotGiven, options: EvalOptions, how: SetOptions, board: Board
) -> tuple[bool, list[EvalLog]]:
    """As `eval_set`, in the running loop."""
    resolved = resolve(tasks, model, options)
    folder = ready_folder(options)
    options = replace(options, eval_set_id=_set_id(folder, options.eval_set_id))
    run_id, wait = new_id(), how.retry_wait
    heads = [task_identity(TaskRun(one, options, board, run_id).log) for one in resolved]
    _check_distinct(resolved, heads)
    _check_folder(folder, set(heads), how)
    for attempt in range(how.retry_attempts + 1):
        runs = _left_to_run(resolved, options, board, run_id, folder)
        if not runs:
            break
        if attempt and not how.retry_immediate:
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
            _slow_down(resolved, how.retry_connections)
        at_once = options.max_tasks or max(_TASKS_AT_ONCE, models_of(resolved))
        await run_tasks(runs, folder, at_once)
    found = _logs_by_task(folder)
    logs = [found[head][0] for head in heads if head in found]
    success = len(logs) == len(heads) and all(log.status == "success" for log in logs)
    if how.retry_cleanup:
        for head in heads:
            _remove_older(found.get(head, []))
    return success, logs


def _set_id(folder: Path, given: str | None) -> str:
    """The id of the set, which its folder keeps; a new one if it has none."""
    file = folder / ".eval-set-id"
    try:
        kept = file.read_text(encoding="utf-8").strip() if file.is_file() else ""
        if kept and given not in (None, kept):
            raise PrerequisiteError(
                f"The folder {folder} holds the set {kept}, not {given}. Give each set a folder of its "
                "own with log_dir, or leave its id out."
            )
        if not kept:
            kept = given or new_id()
            file.write_text(f"{kept}\n", encoding="utf-8")
    except OSError as error:
        raise PrerequisiteError(f"{file} cannot be used: {error.strerror}") from None
    return kept


def _check_distinct(resolved: Sequence[Resolved], heads: Sequence[str]) -> None:
    for index, head in enumerate(heads):
        if head in heads[:index]:
            raise PrerequisiteError(
                f"The task '{resolved[index].task.name}' is not distinct: another one of the set "
                "has the same file, name, arguments, models and settings. Give it other arguments, "
                "or another name= or version=."
            )


def _check_folder(folder: Path, heads: set[str], how: SetOptions) -> None:
    foreign = [logs[0] for head, logs in _logs_by_task(folder).items() if head not in heads]
    if foreign and not how.log_dir_allow_dirty:
        raise PrerequisiteError(
            f"The folder {folder} holds logs of tasks that are not in this set, such as "
            f"{Path(foreign[0].location).name}. Give each set a folder of its own with log_dir, or "
            "allow it with log_dir_allow_dirty."
        )


def _logs_by_task(folder: Path) -> dict[str, list[EvalLog]]:
    """Headers by identity, the newest first."""
    found: dict[str, list[EvalLog]] = {}
    for info in list_eval_logs(folder):
        log = read_eval_log(info, header_only=True)
        found.setdefault(task_identity(log), []).append(log)
    return found


def _left_to_run(
    resolved: Sequence[Resolved], options: EvalOptions, board: Board, run_id: str, folder: Path
) -> list[TaskRun]:
    known = _logs_by_task(folder)
    runs = []
    for one in resolved:
        run = TaskRun(one, options, board, run_id)
        logs = known.get(task_identity(run.log), [])
        if not logs:
            runs.append(run)
        elif not _is_done(logs[0], run.log):
            finished = finished_samples(logs)
            task_id = logs[0].eval.task_id
            runs.append(TaskRun(one, options, board, run_id, task_id, finished))
    return runs


def _is_done(log: EvalLog, wanted: EvalLog) -> bool:
    """Whether it has succeeded, with all samples and epochs that are wanted now."""
    if log.status != "success":
        return False
    there = {str(id) for id in log.eval.dataset.sample_ids or []}
    asked = {str(id) for id in wanted.eval.dataset.sample_ids or []}
    return asked <= there and (wanted.eval.config.epochs or 1) <= (log.eval.config.epochs or 1)


def finished_samples(logs: Sequence[EvalLog]) -> Finished:
    """What the tries of a task have finished, of all of them: one that was killed early may have
    less than the one before it.
    """
    finished: Finished = {}
    for log in reversed(logs):
        done = read_eval_log_samples(log.location)
        finished = {**finished, **{(str(s.id), s.epoch): s for s in done if s.error is None}}
    return finished


def _slow_down(resolved: Sequence[Resolved], factor: float) -> None:
    for one in resolved:
        if one.config.max_connections is not None:
            one.config.max_connections = max(1, int(one.config.max_connections * factor))


def _remove_older(logs: Sequence[EvalLog]) -> None:
    if logs and logs[0].status == "success":
        for log in logs[1:]:
            Path(log.location).unlink(missing_ok=True)
            part_path(Path(log.location)).unlink(missing_ok=True)


@signed(RetryArgs, default_of)
def eval_retry(
    logs: str | Path | EvalLog | EvalLogInfo | Sequence[str | Path | EvalLog | EvalLogInfo],
    log_dir: str | None = None,
    **options: Unpack[RetryArgs],
) -> list[EvalLog]:
    """Takes up again tasks that have failed or were cut off: samples that are finished stay as
    they are. Each gives a new log with all samples; the old one stays too.

    Args:
        logs: Logs or their paths.
        log_dir: Folder of the new logs; that of each old one when not given.
        **options: As for `eval`, over those of the log.

    Raises:
        InvalidRequest: A log cannot be read.
        PrerequisiteError: The task cannot be made again: its file is gone, or it came from no
            `@task` function.
    """
    display = options.pop("display", None)
    board = Board()
    many = [logs] if isinstance(logs, (str, Path, EvalLog, EvalLogInfo)) else list(logs)
    read = [one if isinstance(one, EvalLog) else read_eval_log(one) for one in many]
    with shown(board, display):
        return run_blocking(lambda: run_retries(read, log_dir, options, board))


async def run_retries(
    logs: Sequence[EvalLog], log_dir: str | None, options: Mapping[str, Any], board: Board
) -> list[EvalLog]:
    """As `eval_retry`, in the running loop."""
    out = []
    for log in logs:
        given = {**_options_of(log), **options}
        given["log_dir"] = log_dir or str(Path(log.location).parent)
        tasks = _tasks_of(log)
        model = given.pop("model") if "model" in given else _model_of(log)
        read = read_options(given)
        (resolved,) = resolve(tasks, model, read)
        task_id, finished = log.eval.task_id, finished_samples([log])
        run = TaskRun(resolved, read, board, new_id(), task_id, finished)
        out += await run_tasks([run], ready_folder(read), 1)
    return out


def _tasks_of(log: EvalLog) -> Tasks:
    spec = log.eval
    name = spec.task_registry_name or spec.task
    if spec.task_file and Path(spec.task_file).is_file():
        return f"{spec.task_file}@{name}"
    if name in KNOWN_TASKS:
        return KNOWN_TASKS[name]
    where = f"its file {spec.task_file} is not here" if spec.task_file else "it came from no file"
    raise PrerequisiteError(f"The task '{spec.task}' cannot be made again: {where}.")


def _model_of(log: EvalLog) -> Any:
    spec = log.eval
    if spec.model in ("none", "none/none"):
        return None
    return get_model(
        spec.model,
        config=spec.model_generate_config,
        base_url=spec.model_base_url,
        **spec.model_args,
    )


def _options_of(log: EvalLog) -> dict[str, Any]:
    spec, config = log.eval, log.eval.config
    limit = config.limit
    epochs = Epochs(config.epochs or 1, config.epochs_reducer)
    given: dict[str, Any] = {
        "task_args": spec.task_args_passed,
        "model_roles": spec.model_roles or {},
        "tags": spec.tags,
        "metadata": spec.metadata,
        "limit": tuple(limit) if isinstance(limit, list) else limit,
        "sample_id": config.sample_id,
        "sample_shuffle": config.sample_shuffle,
        "epochs": epochs,
        "fail_on_error": config.fail_on_error,
        "retry_on_error": config.retry_on_error,
        "message_limit": config.message_limit,
        "token_limit": config.token_limit,
        "time_limit": config.time_limit,
        "working_limit": config.working_limit,
        "cost_limit": config.cost_limit,
        "max_samples": config.max_samples,
        "log_model_api": config.log_model_api,
        "config": log.plan.config,
    }
    return given
