"""Runs every test of the suite for every table in `wires/`."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from .board import PROPERTY
from .wire import Wire

WIRES: list[Wire] = [
    importlib.import_module(f"tests.conformance.wires.{path.stem}").WIRE
    for path in sorted((Path(__file__).parent / "wires").glob("[a-z]*.py"))
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "wire" in metafunc.fixturenames:
        metafunc.parametrize("wire", WIRES, ids=[wire.name for wire in WIRES])
    if "stream" in metafunc.fixturenames:
        metafunc.parametrize("stream", [False, True], ids=["unary", "stream"])


@pytest.fixture(autouse=True)
def entry(request: pytest.FixtureRequest) -> None:
    """Says to the board which dialect and which case a test is."""
    spec = request.node.callspec
    dialect = spec.params["wire"].name
    rest = spec.id.removeprefix(dialect).strip("-")
    if "stream" in spec.params:
        rest = rest.partition("-")[2]
    sentence = request.node.originalname.removeprefix("test_").replace("_", " ")
    case = f"{sentence}: {rest}" if rest else sentence
    request.node.user_properties.append((PROPERTY, f"{dialect}\t{case}"))
