"""`modeld pull`: weights of a local model.

The download is the daemon package's own, run as a program: the client knows its lines, not its
code.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import IO

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from ..discovery import data_folder
from ..errors import ModeldError, PrerequisiteError
from ..types import JsonObject
from .command import Command, json_option, print_json

EXAMPLES = """\b
Examples:
  modeld pull smollm2-135m-instruct
  modeld generate -m local/smollm2-135m-instruct "Say hello"

\b
'modeld models local' lists what can be pulled. What is here already is checked
and not downloaded again."""

_PROGRAM = "modeld_daemon.providers.llama_cpp.pull"


@click.command(cls=Command, epilog=EXAMPLES)
@click.argument("name")
@json_option("Print the result as JSON.")
def pull(name: str, as_json: bool) -> None:
    """Download the weights of a local model.

    NAME is the model, with or without "local/".
    """
    name = name.removeprefix("local/")
    path = download(name, data_folder())
    if as_json:
        print_json({"model": f"local/{name}", "path": path})
    else:
        print(path)


def download(name: str, folder: str) -> str:
    """Download with a progress bar on stderr; the path of the weights."""
    if find_spec(_PROGRAM.partition(".")[0]) is None:
        raise PrerequisiteError(
            "Local models need the daemon's packages: pip install 'modeld[local]'"
        )
    # -P: a file of the working folder must not stand in for a module.
    command = [sys.executable, "-P", "-m", _PROGRAM, name]
    command += ["--data-folder", folder, "--progress-json"]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
        with _running(command, complaints) as lines:
            result = _show_progress(name, lines)
        if "path" not in result:
            complaints.seek(0)
            last = complaints.read().strip().rpartition("\n")[2]
            raise ModeldError(str(result.get("error") or last or "The download ended early."))
    return str(result["path"])


@contextmanager
def _running(command: list[str], complaints: IO[str]) -> Iterator[Iterator[JsonObject]]:
    """The JSON lines of a program that ends with this block, whichever way it is left."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, text=True) as child:
        assert child.stdout is not None
        try:
            yield (json.loads(line) for line in child.stdout if line.startswith("{"))
        except BaseException:
            child.terminate()
            raise


def _show_progress(name: str, lines: Iterator[JsonObject]) -> JsonObject:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task(name, total=None)
        for line in lines:
            if "path" in line or "error" in line:
                return line
            progress.update(bar, completed=line.get("done"), total=line.get("total"))
    return {}
