"""The project's own source, parsed, for the tests of this folder."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (ROOT / "client" / "modeld", ROOT / "daemon" / "modeld_daemon")
GENERATED = ROOT / "client" / "modeld" / "v1"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One written module."""

    path: Path

    @property
    def name(self) -> str:
        """Path from the top of the project, as it is typed."""
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.name)

    def functions(self) -> Iterator[Function]:
        """All functions and methods, nested ones too."""
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                yield node

    def classes(self) -> Iterator[ast.ClassDef]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ClassDef):
                yield node


@cache
def written() -> tuple[Source, ...]:
    """Every module that a person wrote: generated code is left out."""
    paths = (path for package in PACKAGES for path in sorted(package.rglob("*.py")))
    return tuple(Source(path) for path in paths if GENERATED not in path.parents)
