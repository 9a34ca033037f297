"""Imports stand at the top of a module, but for the named lazy places.

An import inside a function hides a dependency from the reader and from nobody else. The few
places below have a reason: they keep `import modeld` and the start of the daemon light.
"""

from __future__ import annotations

import ast
import fnmatch

from .source import Source, written

LAZY = (
    "client/modeld/__init__.py",  # __getattr__: public names load when they are asked for
    "client/modeld/handle.py",  # the rpc room, and grpc with it, at the first call
    "client/modeld/daemon.py",  # the same, for those who ask the daemon and no model
    "client/modeld/cli/__init__.py",  # the table of commands: one command loads, not all
    "client/modeld/cli/commands.py",
    "daemon/modeld_daemon/providers/registry.py",  # dialects and SDKs, at their first use
)


def imports_inside_functions(source: Source) -> list[str]:
    return sorted(
        {
            f"{source.name}:{node.lineno}"
            for function in source.functions()
            for node in ast.walk(function)
            if isinstance(node, ast.Import | ast.ImportFrom)
        }
    )


def is_lazy_place(source: Source) -> bool:
    return any(fnmatch.fnmatch(source.name, place) for place in LAZY)


def test_imports_inside_functions_stand_only_in_the_named_places():
    hidden = [
        place
        for source in written()
        if not is_lazy_place(source)
        for place in imports_inside_functions(source)
    ]
    assert hidden == []
