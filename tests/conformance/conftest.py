"""Runs every test of the suite for every table in `wires/` and `engines/`.

A test that asks for a `stage` is about all of them. One that asks for a `wire` is about what comes
over HTTP, and one that asks for an `engine` about a process of this machine.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .board import PROPERTY
from .column import Column
from .engine import Engine
from .housed import Housed
from .served import Served
from .stage import Stage
from .wire import Wire

LOADING = 120
"""Seconds for a test in which an engine may have to be loaded."""


def _found(folder: str, name: str) -> Iterator[Any]:
    """Of each table its `WIRE`, or its `WIRES`."""
    for path in sorted((Path(__file__).parent / folder).glob("[a-z]*.py")):
        table = importlib.import_module(f"tests.conformance.{folder}.{path.stem}")
        yield from getattr(table, f"{name}S", None) or [getattr(table, name)]


WIRES: list[Wire] = list(_found("wires", "WIRE"))
ENGINES: list[Engine] = list(_found("engines", "ENGINE"))
HOUSED = [Housed(engine) for engine in ENGINES]
STAGES: list[Stage] = [*map(Served, WIRES), *HOUSED]


def _params(kind: str, *, once: bool) -> Iterator[Any]:
    for stage in STAGES:
        column = stage.column
        if once and column.of_row:
            continue
        if kind == "stage":
            yield pytest.param(stage, id=column.name)
        elif isinstance(column, Engine):
            no = pytest.mark.skip(reason=f"{column.name}: {column.missing['http']}")
            yield pytest.param(column, id=column.name, marks=no)
        else:
            yield pytest.param(column, id=column.name)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    once = metafunc.definition.get_closest_marker("dialect") is not None
    for kind in ("stage", "wire"):
        if kind in metafunc.fixturenames:
            metafunc.parametrize(kind, list(_params(kind, once=once)))
    if "engine" in metafunc.fixturenames:
        metafunc.parametrize("engine", HOUSED, ids=[housed.column.name for housed in HOUSED])
    if "stream" in metafunc.fixturenames:
        metafunc.parametrize("stream", [False, True], ids=["unary", "stream"])


@pytest.fixture(scope="session", autouse=True)
def houses() -> Iterator[None]:
    """Engines stay loaded from the first test that needs them; each worker has its own."""
    yield
    for housed in HOUSED:
        housed.close()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Says to the board which dialect or row and which case a test is, whether it runs or not."""
    spec = getattr(item, "callspec", None)
    column = None if spec is None else _column_of(spec.params)
    if spec is None or column is None:
        return  # it is about all of them
    if isinstance(column, Engine):
        item.add_marker(pytest.mark.timeout(LOADING))
    rest = spec.id.removeprefix(column.name).strip("-")
    if "stream" in spec.params:
        rest = rest.partition("-")[2]
    sentence = item.originalname.removeprefix("test_").replace("_", " ")
    case = f"{sentence}: {rest}" if rest else sentence
    kind = "row" if column.of_row else "dialect"
    item.user_properties.append((PROPERTY, f"{kind}\t{column.name}\t{case}"))


def _column_of(params: dict[str, Any]) -> Column | None:
    """What of the parameters says which column it is."""
    value = next((params[name] for name in ("stage", "wire", "engine") if name in params), None)
    return value.column if isinstance(value, Stage) else value
