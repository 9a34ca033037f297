"""Logs as files: JSON in which each member of the log, and each sample, has a line of its own.

So a header is read without the samples, samples are read one by one, and a log of thousands is
written and read without having all of it in memory. Any JSON reader reads it, and a log that some
other program wrote is read too, as a whole.

While a task runs, its log says "started", and finished samples lie in a file beside it, hidden by
a dot: what a process that was killed had finished is not lost.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Literal, TextIO

from ..environment import Environment
from ..errors import InvalidRequest
from ..types import JsonObject, JsonValue
from .log import EvalLog, EvalSample

_SAMPLES = '"samples": ['
_ATTACHMENT = "attachment://"
_NAME = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}[^_]*)_(.+?)_([A-Za-z0-9-]+)\.json$")


@dataclass(frozen=True)
class EvalLogInfo:
    """A log that was found."""

    name: str
    """Path."""
    task: str
    task_id: str
    size: int
    mtime: float
    type: str = "file"
    suffix: str | None = None


def default_log_dir() -> str:
    """INSPECT_LOG_DIR, else ./logs. In a `.env` it is relative to the folder of that."""
    environment = Environment()
    named = environment.get("INSPECT_LOG_DIR")
    if not named:
        return "./logs"
    origin = environment.origin("INSPECT_LOG_DIR")
    if origin is None or origin == "environment":
        return named
    return str(Path(origin).parent / Path(named).expanduser())


def list_eval_logs(
    log_dir: str | Path | None = None,
    formats: Sequence[Literal["eval", "json"]] | None = None,
    filter: Callable[[EvalLog], bool] | None = None,
    recursive: bool = True,
    descending: bool = True,
) -> list[EvalLogInfo]:
    """The logs of a folder, newest first.

    Args:
        log_dir: The folder; INSPECT_LOG_DIR or ./logs when not given.
        formats: Formats of the logs; those in JSON are all that there are here.
        filter: Called with the header of each; says whether it is wanted.
        recursive: Whether folders in it are looked through.
        descending: Newest first.
    """
    if formats is not None and "json" not in formats:
        return []
    folder = Path(log_dir or default_log_dir())
    found = []
    for path in folder.rglob("*.json") if recursive else folder.glob("*.json"):
        name = _NAME.search(path.name)
        if name and path.is_file():
            about = path.stat()
            info = EvalLogInfo(str(path), name[2], name[3], about.st_size, about.st_mtime)
            found.append((name[1], info))
    found.sort(key=lambda pair: (pair[0], pair[1].mtime), reverse=descending)
    infos = (info for _, info in found)
    return [one for one in infos if filter is None or filter(read_eval_log(one, header_only=True))]


def read_eval_log(
    log_file: str | Path | EvalLogInfo,
    header_only: bool = False,
    resolve_attachments: bool | Literal["full", "core"] = False,
) -> EvalLog:
    """A log. Its samples are read when they are first asked for, unless only the header is wanted.

    Args:
        log_file: Its path.
        header_only: Whether its samples are left out.
        resolve_attachments: Whether long texts that the reference's logs keep beside their samples
            are put where they belong. modeld's logs have them there.

    Raises:
        InvalidRequest: There is no such file, or it is not a log.
    """
    path = Path(log_file.name if isinstance(log_file, EvalLogInfo) else log_file)
    log = _log_of(_read_header(path), path)
    log._location = str(path)  # noqa: SLF001 - the other half of the log's own module
    if header_only:
        log.samples = None
    else:
        whole = bool(resolve_attachments)
        log.read_later(lambda: list(read_eval_log_samples(path, resolve_attachments=whole)))
    return log


def read_eval_log_samples(
    log_file: str | Path | EvalLogInfo,
    all_samples_required: bool = False,
    resolve_attachments: bool | Literal["full", "core"] = False,
) -> Iterator[EvalSample]:
    """The samples of a log, one after the other. Errors as for `read_eval_log`.

    Args:
        log_file: Its path.
        all_samples_required: Whether a log that is not finished is an `InvalidRequest`.
        resolve_attachments: As for `read_eval_log`.
    """
    path = Path(log_file.name if isinstance(log_file, EvalLogInfo) else log_file)
    if all_samples_required:
        status = read_eval_log(path, header_only=True).status
        if status != "success":
            raise InvalidRequest(
                f"the log {path} has not all samples (its status is {status}): read those that it "
                "has with all_samples_required=False"
            )
    for data in _samples(path):
        yield EvalSample.from_dict(_with_attachments(data) if resolve_attachments else data)


def _samples(path: Path) -> Iterator[JsonObject]:
    part = part_path(path)
    if part.is_file():
        yield from _complete_lines(part)
        return
    with _open(path) as file:
        if not any(line.rstrip() == _SAMPLES for line in file):
            yield from _whole(path).get("samples") or []
            return
        for line in file:
            if line.startswith("]"):
                return
            if not line.strip():  # the only line of a log without samples
                continue
            yield _sample(line.rstrip().rstrip(","), path)
        raise InvalidRequest(f"{path} is cut off: the end of its samples is missing")


def _sample(line: str, path: Path) -> JsonObject:
    try:
        sample: JsonObject = json.loads(line)
    except ValueError as error:
        raise InvalidRequest(f"{path} is cut off or damaged: {error}") from None
    return sample


def _with_attachments(sample: JsonObject) -> JsonObject:
    """The sample with its attachments in the places that name them."""
    texts = sample.get("attachments") or {}

    def put(value: JsonValue) -> JsonValue:
        if isinstance(value, str) and value.startswith(_ATTACHMENT):
            return texts.get(value.removeprefix(_ATTACHMENT), value)
        if isinstance(value, list):
            return [put(item) for item in value]
        if isinstance(value, dict):
            return {name: put(item) for name, item in value.items()}
        return value

    return {name: put(value) for name, value in sample.items() if name != "attachments"}


def count_eval_log_samples(log_file: str | Path | EvalLogInfo) -> int:
    """How many samples are in a log, also of a task that still runs or was killed, without reading
    them. Errors as for `read_eval_log`.
    """
    path = Path(log_file.name if isinstance(log_file, EvalLogInfo) else log_file)
    part = part_path(path)
    if part.is_file():
        with _open(part) as file:
            return sum(line.endswith("\n") for line in file)
    with _open(path) as file:
        if not any(line.rstrip() == _SAMPLES for line in file):
            return len(_whole(path).get("samples") or [])
        return sum(line.startswith("{") for line in takewhile(lambda line: line[0] != "]", file))


def read_eval_log_sample(
    log_file: str | Path | EvalLogInfo,
    id: int | str | None = None,
    epoch: int = 1,
    uuid: str | None = None,
    resolve_attachments: bool | Literal["full", "core"] = False,
) -> EvalSample:
    """One sample of a log, by its id and epoch or by its uuid; an `InvalidRequest` when it is not
    in it.
    """
    if (id is None) == (uuid is None):
        raise InvalidRequest("a sample is named by its id or by its uuid")
    for sample in read_eval_log_samples(log_file, resolve_attachments=resolve_attachments):
        if (
            sample.uuid == uuid
            if id is None
            else (str(sample.id), sample.epoch) == (str(id), epoch)
        ):
            return sample
    said = f"{id!r} in epoch {epoch}" if uuid is None else f"with the uuid {uuid!r}"
    raise InvalidRequest(f"{log_file} has no sample {said}")


def write_eval_log(log: EvalLog, location: str | Path | None = None) -> None:
    """Writes a log to its location, or another one, in one step: no reader sees half of it."""
    path = Path(location or log.location)
    if not str(location or log.location):
        raise InvalidRequest("the log has no location yet; give one")
    samples = log.samples
    lines = None if samples is None else (dumps(sample.to_dict()) for sample in samples)
    write_lines(path, log.header(), lines)
    log._location = str(path)  # noqa: SLF001


def write_lines(path: Path, header: JsonObject, samples: Iterable[str] | None) -> None:
    """Writes a log of a header and samples that are JSON text already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with fresh.open("w", encoding="utf-8") as file:
            file.write("{\n")
            file.write(
                ",\n".join(f"{json.dumps(key)}: {dumps(item)}" for key, item in header.items())
            )
            if samples is not None:
                file.write(f",\n{_SAMPLES}\n")
                for number, line in enumerate(samples):
                    file.write(f",\n{line}" if number else line)
                file.write("\n]")
            file.write("\n}\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    fresh.replace(path)


def dumps(value: object) -> str:
    """JSON on one line; a score that is no number is NaN, as the reference has it."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()


def part_path(path: Path) -> Path:
    """Where the finished samples of a running task lie."""
    return path.with_name(f".{path.name}.part")


def _complete_lines(part: Path) -> Iterator[JsonObject]:
    """The last line may be half written by a process that was killed."""
    with _open(part) as file:
        for line in file:
            if line.endswith("\n"):
                yield json.loads(line)


def _open(path: Path) -> TextIO:
    if path.suffix == ".eval":
        raise InvalidRequest(
            f"{path} is a zipped log; modeld reads JSON logs: 'inspect log convert' makes one of it"
        )
    try:
        return path.open(encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(f"the log {path} cannot be read: {error.strerror}") from None


def _read_header(path: Path) -> JsonObject:
    lines: list[str] = []
    with _open(path) as file:
        for line in file:
            if line.rstrip() == _SAMPLES:
                break
            lines.append(line)
        else:
            return _whole(path)
    try:
        found: JsonObject = json.loads("".join(lines).rstrip().rstrip(",") + "}")
    except ValueError:
        return _whole(path)
    return found


def _whole(path: Path) -> JsonObject:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InvalidRequest(f"{path} is not a log: {error}") from None
    if not isinstance(found, dict) or "eval" not in found:
        raise InvalidRequest(f"{path} is not a log of an evaluation")
    return found


def _log_of(header: JsonObject, path: Path) -> EvalLog:
    header = {key: item for key, item in header.items() if key != "samples"}
    try:
        return EvalLog.from_dict(header)
    except InvalidRequest as error:
        raise InvalidRequest(f"{path} is not a log that modeld understands: {error}") from None
