"""From what names tasks to tasks: files, functions, tasks, lists of these."""

from __future__ import annotations

import ast
import contextlib
import inspect
import os
import re
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, TypeAlias

from ..errors import InvalidRequest, ModeldError, PrerequisiteError
from . import multiple_choice, prompts  # noqa: F401  # they register solvers
from .options import NamedSolver
from .registry import registered
from .solver import KNOWN_SOLVERS, Solver
from .task import KNOWN_TASKS, Task, called

OneTask: TypeAlias = "str | Path | Task | Callable[..., Task]"
Tasks: TypeAlias = "OneTask | Sequence[OneTask] | None"

_ONE_AT_A_TIME = threading.RLock()
_left: list[Path] = []
"""The working folders that were left for those of task files, the program's own first."""
_SKIPPED = {"node_modules", "__pycache__", "site-packages", "venv"}


class Loader:
    """Makes tasks; a file is run once, however many of its tasks are made.

    Args:
        task_args: Arguments of task functions.
    """

    def __init__(self, task_args: Mapping[str, Any]) -> None:
        self._args = dict(task_args)
        self._made_from: list[str] = []
        self._taken: set[str] = set()
        """The arguments that some task function has."""
        self._files: dict[Path, list[Callable[..., Task]]] = {}

    def load(self, tasks: Tasks) -> list[Task]:
        """The tasks, in their order. Of several, each takes the arguments that it has.

        Raises:
            PrerequisiteError: A file is missing, has no task or has an error in it.
            InvalidRequest: Something is no task, or no task has such an argument.
        """
        loaded = self._load(tasks)
        unknown = self._args.keys() - self._taken
        if self._made_from and unknown:
            names = ", ".join(f"'{name}'" for name in self._made_from)
            said = ", ".join(f"'{name}'" for name in sorted(unknown))
            raise InvalidRequest(f"task {names}: there is no argument {said}")
        return loaded

    def _load(self, tasks: Tasks) -> list[Task]:
        if tasks is None:
            found = [path for path in task_files(working_folder()) if not path.name.startswith("_")]
            if not found:
                raise PrerequisiteError("No tasks were named, and no file here has any.")
            return [task for path in found for task in self._from_file(str(path))]
        if isinstance(tasks, (list, tuple)):
            return [task for one in tasks for task in self._load(one)]
        if isinstance(tasks, (str, Path)):
            return self._from_file(str(tasks))
        if isinstance(tasks, Task):
            return [tasks]
        if callable(tasks):
            return [self._made(tasks)]
        raise InvalidRequest(f"a Task is expected, not {type(tasks).__name__}: {tasks!r:.80}")

    def solver(self, named: NamedSolver) -> Solver:
        """The solver of that name, which a task file, or modeld, has registered.

        Raises:
            PrerequisiteError: There is none.
            InvalidRequest: It has not such an argument.
        """
        file, at, name = named.name.rpartition("@")
        path = _located(file)
        if at and not path.is_file():
            raise PrerequisiteError(f"There is no file {file} (looked in {working_folder()}).")
        if at:
            self._functions(path.resolve())
        make = KNOWN_SOLVERS.get(name)
        if make is None or (at and make.__module__ != _module_name(path)):
            known = f"in {file}" if at else f"here; known are {', '.join(sorted(KNOWN_SOLVERS))}"
            raise PrerequisiteError(f"There is no solver '{name}' {known}.")
        try:
            solver: Solver = make(**named.args)
        except TypeError as error:
            raise InvalidRequest(f"solver '{name}': {error}") from error
        return solver

    def _from_file(self, spec: str) -> list[Task]:
        name, at, wanted = spec.rpartition("@")
        name, wanted = (name, wanted) if at and not _located(spec).exists() else (spec, "")
        path = _located(name)
        if not path.exists():
            known = KNOWN_TASKS.get(spec)
            if known is not None:
                return [self._made(known)]
            raise PrerequisiteError(
                f"There is no task file {name} (looked in {working_folder()}), and no task of that "
                "name."
            )
        files = task_files(path) if path.is_dir() else [path]
        made = [make for file in files for make in self._functions(file.resolve())]
        if wanted:
            made = [make for make in made if _name(make) == wanted]
        if not made:
            what = f"task '{wanted}'" if wanted else "function with @task"
            raise PrerequisiteError(f"There is no {what} in {name}.")
        with _in_folder(path if path.is_dir() else path.parent):
            return [self._made(make) for make in made]

    def _made(self, make: Callable[..., Task]) -> Task:
        args = self._args_of(make)
        self._made_from.append(_name(make))
        self._taken |= args.keys()
        try:
            return called(lambda: make(**args))
        except ModeldError:
            raise
        except Exception as error:
            if isinstance(error, TypeError) and "argument" in str(error) and args:
                raise InvalidRequest(f"task '{_name(make)}': {error}") from error
            path = inspect.getsourcefile(inspect.unwrap(make))
            place = _place(error, Path(path)) if path else ""
            raise PrerequisiteError(
                f"The task '{_name(make)}' cannot be made: {type(error).__name__}: {error}{place}"
            ) from error

    def _args_of(self, make: Callable[..., Task]) -> dict[str, Any]:
        parameters = inspect.signature(make).parameters
        if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
            return self._args
        return {name: value for name, value in self._args.items() if name in parameters}

    def _functions(self, path: Path) -> list[Callable[..., Task]]:
        if path not in self._files:
            self._files[path] = _task_functions(path)
        return self._files[path]


def _name(make: Callable[..., Task]) -> str:
    found = registered(make)
    return found.name if found else getattr(make, "__name__", "task")


def task_files(folder: Path) -> list[Path]:
    """Python files below a folder that have functions with @task."""
    found = []
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(
            f for f in folders if f not in _SKIPPED and not f.startswith((".", "_"))
        )
        for name in sorted(files):
            path = Path(root) / name
            if path.suffix == ".py" and _has_task(path):
                found.append(path)
    return found


def _has_task(path: Path) -> bool:
    """By its text, without running it."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return False
    return any(
        re.match(r"(?:\w+\.)*task\b", ast.unparse(decorator))
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
    )


def _module_name(path: Path) -> str:
    return f"modeld_tasks_{path.stem}"


def _task_functions(path: Path) -> list[Callable[..., Task]]:
    """Runs the file in its folder; its functions with @task, in their order."""
    if path.suffix != ".py":
        raise PrerequisiteError(f"{path.name} is not a Python file.")
    spec = spec_from_file_location(_module_name(path), path)
    assert spec is not None  # there is a loader for .py
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        with _in_folder(path.parent):
            spec.loader.exec_module(module)
    except SyntaxError as error:
        place = f"{Path(error.filename or path).name} line {error.lineno}"
        raise PrerequisiteError(f"{path.name} cannot be read: {error.msg} ({place}).") from error
    except Exception as error:
        place = _place(error, path)
        raise PrerequisiteError(
            f"{path.name} cannot be run: {type(error).__name__}: {error}{place}"
        ) from error
    return [
        made
        for made in vars(module).values()
        if (found := registered(made)) is not None
        and found.kind == "task"
        and not isinstance(made, Task)
        and getattr(made, "__module__", None) == spec.name
    ]


def _place(error: BaseException, path: Path) -> str:
    trace, line = error.__traceback__, None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return "" if line is None else f" (line {line})"


@contextlib.contextmanager
def _in_folder(folder: Path) -> Iterator[None]:
    """Files that a task file names are those beside it. The working folder is that of the whole
    process, so threads that evaluate files take turns here.
    """
    with _ONE_AT_A_TIME:
        before = Path.cwd()
        _left.append(before)
        inside = str(folder.resolve())
        sys.path.insert(_after_standard_library(), inside)
        try:
            os.chdir(inside)
            yield
        finally:
            os.chdir(before)
            _left.pop()
            with contextlib.suppress(ValueError):
                sys.path.remove(inside)


def working_folder() -> Path:
    """That of the program, also while a thread is in the folder of a task file. It waits for no
    thread: a task file may evaluate something itself.
    """
    while True:
        left = tuple(_left)
        here = left[0] if left else Path.cwd()
        if left or not _left:  # or a thread has entered one meanwhile
            return here


def _located(name: str) -> Path:
    """A path as the program means it, or as a task file that runs does."""
    path = Path(name).expanduser()
    from_program = working_folder() / path
    return from_program if from_program.exists() else path


def _after_standard_library() -> int:
    """Where files beside a task come in the search for modules: before what is installed, as it is
    for a script, but after Python's own, so that a task file may be named math.py.
    """
    own = {os.path.realpath(sysconfig.get_path(kind)) for kind in ("stdlib", "platstdlib")}
    own |= {os.path.join(folder, "lib-dynload") for folder in own}  # noqa: PTH118 - text like sys.path
    places = [i for i, path in enumerate(sys.path) if path and os.path.realpath(path) in own]
    return max(places, default=-1) + 1
