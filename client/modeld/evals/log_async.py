"""Logs for programs with an event loop: the files are read and written in threads."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from .log import EvalLog, EvalSample
from .log_file import (
    EvalLogInfo,
    list_eval_logs,
    read_eval_log,
    read_eval_log_sample,
    write_eval_log,
)


async def list_eval_logs_async(
    log_dir: str | Path | None = None,
    formats: Sequence[Literal["eval", "json"]] | None = None,
    filter: Callable[[EvalLog], bool] | None = None,
    recursive: bool = True,
    descending: bool = True,
) -> list[EvalLogInfo]:
    """As `list_eval_logs`."""
    return await to_thread(list_eval_logs, log_dir, formats, filter, recursive, descending)


async def read_eval_log_async(
    log_file: str | Path | EvalLogInfo,
    header_only: bool = False,
    resolve_attachments: bool | Literal["full", "core"] = False,
) -> EvalLog:
    """As `read_eval_log`, with the samples read too."""

    def read() -> EvalLog:
        log = read_eval_log(log_file, header_only, resolve_attachments)
        len(log.samples or ())  # they are read when they are first asked for
        return log

    return await to_thread(read)


async def read_eval_log_sample_async(
    log_file: str | Path | EvalLogInfo,
    id: int | str | None = None,
    epoch: int = 1,
    uuid: str | None = None,
    resolve_attachments: bool | Literal["full", "core"] = False,
) -> EvalSample:
    """As `read_eval_log_sample`."""
    return await to_thread(read_eval_log_sample, log_file, id, epoch, uuid, resolve_attachments)


async def write_eval_log_async(log: EvalLog, location: str | Path | None = None) -> None:
    """As `write_eval_log`."""
    await to_thread(write_eval_log, log, location)
