"""Sizes and names: what keeps each file of the house readable in one sitting."""

from __future__ import annotations

import ast
import fnmatch
from collections.abc import Iterator

from .source import ROOT, Function, Source, written

FILE_LINES = 400
FUNCTION_LINES = 60
PUBLIC_METHODS = 12

# Data may be long: tables of providers and of models.
DATA = (
    "daemon/modeld_daemon/providers/catalog*",
    "daemon/modeld_daemon/providers/profiles*",
    "daemon/modeld_daemon/providers/quirks*",
)
# Nobody knows what belongs into these. `util` is a face with the reference's name.
FORBIDDEN_NAMES = {"utils", "helper", "helpers", "common", "manager", "handler", "impl", "misc"}

# Names that asyncio and parsers call are not what a class offers.
CALLBACKS = ("connection_*", "data_received", "eof_received", "*_writing", "on_*")

TYPED_ROOMS = ("client/modeld/api.py", "client/modeld/handle.py")


def is_data(source: Source) -> bool:
    return any(fnmatch.fnmatch(source.name, pattern) for pattern in DATA)


def lines(node: Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def public_methods(node: ast.ClassDef) -> list[str]:
    other = {"overload", "property", "cached_property", "setter"}  # attributes, or said twice
    return [
        child.name
        for child in node.body
        if isinstance(child, Function)
        and not child.name.startswith("_")
        and not any(fnmatch.fnmatch(child.name, callback) for callback in CALLBACKS)
        and not other & {ast.unparse(d).rpartition(".")[2] for d in child.decorator_list}
    ]


def test_there_is_source_to_look_at():
    assert len(written()) > 10


def test_files_are_short():
    long = {s.name: n for s in written() if (n := len(s.text.splitlines())) > FILE_LINES}
    assert {name for name in long if not is_data(Source(ROOT / name))} == set(), long


def test_functions_are_short():
    long = [
        f"{source.name}:{node.lineno} {node.name}: {lines(node)} lines"
        for source in written()
        for node in source.functions()
        if lines(node) > FUNCTION_LINES and not is_data(source)
    ]
    assert long == []


def test_classes_have_few_public_methods():
    wide = [
        f"{source.name}:{node.lineno} {node.name}: {len(methods)}"
        for source in written()
        for node in source.classes()
        if len(methods := public_methods(node)) > PUBLIC_METHODS
    ]
    assert wide == []


def test_modules_say_what_they_hold():
    vague = [s.name for s in written() if FORBIDDEN_NAMES & {s.path.stem, s.path.parent.name}]
    assert vague == []


def public_signatures(source: Source) -> Iterator[tuple[str, ast.expr]]:
    """Name and annotation of every argument and result that users of the room see."""
    scopes: list[tuple[str, list[ast.stmt]]] = [("", source.tree.body)]
    scopes += [(c.name, c.body) for c in source.tree.body if isinstance(c, ast.ClassDef)]
    for scope, body in scopes:
        for node in body:
            if not isinstance(node, Function) or scope.startswith("_"):
                continue
            if node.name.startswith("_") and node.name != "__init__":
                continue
            arguments = node.args
            parts = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            parts += [a for a in (arguments.vararg, arguments.kwarg) if a]
            annotations = [a.annotation for a in parts] + [node.returns]
            yield from ((f"{scope}.{node.name}", a) for a in annotations if a)


def test_the_public_rooms_promise_types():
    loose = [
        f"{source.name} {name}: {ast.unparse(annotation)}"
        for source in written()
        if source.name in TYPED_ROOMS
        for name, annotation in public_signatures(source)
        if "Any" in {n.id for n in ast.walk(annotation) if isinstance(n, ast.Name)}
    ]
    assert loose == []


def test_conftest_is_no_application():
    assert len((ROOT / "tests" / "conftest.py").read_text().splitlines()) < 150
