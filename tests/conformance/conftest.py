"""Runs every test of the suite for every table in `wires/`."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from .board import PROPERTY
from .wire import Wire


def _found() -> Iterator[Wire]:
    """Of each table its `WIRE`, or its `WIRES`."""
    for path in sorted((Path(__file__).parent / "wires").glob("[a-z]*.py")):
        table = importlib.import_module(f"tests.conformance.wires.{path.stem}")
        yield from getattr(table, "WIRES", None) or [table.WIRE]


WIRES: list[Wire] = list(_found())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "wire" in metafunc.fixturenames:
        once = metafunc.definition.get_closest_marker("dialect") is not None
        wires = [wire for wire in WIRES if not (once and wire.of_row)]
        metafunc.parametrize("wire", wires, ids=[wire.name for wire in wires])
    if "stream" in metafunc.fixturenames:
        metafunc.parametrize("stream", [False, True], ids=["unary", "stream"])


@pytest.fixture(autouse=True)
def entry(request: pytest.FixtureRequest) -> None:
    """Says to the board which dialect or row and which case a test is."""
    spec = getattr(request.node, "callspec", None)
    if spec is None or "wire" not in spec.params:
        return  # it is about all of them
    wire = spec.params["wire"]
    dialect = wire.name
    rest = spec.id.removeprefix(dialect).strip("-")
    if "stream" in spec.params:
        rest = rest.partition("-")[2]
    sentence = request.node.originalname.removeprefix("test_").replace("_", " ")
    case = f"{sentence}: {rest}" if rest else sentence
    kind = "row" if wire.of_row else "dialect"
    request.node.user_properties.append((PROPERTY, f"{kind}\t{dialect}\t{case}"))
