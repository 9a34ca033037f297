"""Modules of others that are executed when somebody first uses them.

Some packages import at their top what most programs never touch: `import grpc` ends with
`from grpc import aio`, and every generated module imports protobuf's implementation in Python,
also where the compiled one does the work. Who writes an import can put it off, with a function or
with PEP 810; who only suffers from it cannot. So the module itself waits:

    sys.modules[name]    the module with its spec, not yet executed: imports of it succeed
    its first use        asking for an attribute executes it, in place: whoever imported it before
                         holds the real module

Nothing is replaced, and nothing in the module is changed: it runs later, or never. A module that
was imported before is left alone. `importlib.util.LazyLoader` is the model. It is not used
because a mere second import wakes its modules, and because before Python 3.11.9 two threads that
use one at once see half a module (https://github.com/python/cpython/issues/114763).
"""

from __future__ import annotations

import os
import sys
import threading
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from types import ModuleType

__all__ = ["defer"]

_executing: set[str] = set()
_lock = threading.RLock()
"""One for all modules: one may use another while it is executed."""


def defer(name: str) -> None:
    """Lets imports of the module succeed without executing it, until its first use.

    Its parents are found, not imported. A module that is loaded already is left as it is, and one
    that cannot be found is left to whoever imports it.
    """
    if name in sys.modules:
        return
    spec = _find(name)
    if spec is None or spec.loader is None:
        return
    module = module_from_spec(spec)
    # Only what is missing wakes the module, and who imports a submodule asks for the path.
    vars(module).pop("__path__", None)
    module.__class__ = _Deferred
    sys.modules[name] = module


def _find(name: str) -> ModuleSpec | None:
    """The spec of a module as an import would find it."""
    parent, _, _ = name.rpartition(".")
    path = None
    if parent in sys.modules:
        path = getattr(sys.modules[parent], "__path__", None)
    elif parent:
        above = _find(parent)
        path = above and above.submodule_search_locations
    if parent and path is None:
        return None
    found = (finder.find_spec(name, path) for finder in sys.meta_path)
    return next((spec for spec in found if spec is not None), None)


class _Deferred(ModuleType):
    """A module before its first use, and during it."""

    def __getattr__(self, name: str) -> object:
        if not _execute(self):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r} yet")
        return getattr(self, name)

    def __dir__(self) -> list[str]:
        _execute(self)
        return dir(ModuleType(self.__name__)) + list(vars(self))


def _execute(module: ModuleType) -> bool:
    """Executes the module if nobody has; other threads wait. False from within its execution."""
    with _lock:
        if type(module) is not _Deferred:
            return True
        spec = module.__spec__
        if spec is None or spec.loader is None or spec.name in _executing:
            return False
        if spec.submodule_search_locations is not None:
            module.__path__ = spec.submodule_search_locations
        _executing.add(spec.name)
        try:
            spec.loader.exec_module(module)
        finally:
            _executing.discard(spec.name)
        module.__class__ = ModuleType  # type: ignore[assignment]
        return True


def _renew() -> None:
    """In a forked child: the thread that held the lock may not be here."""
    global _lock  # noqa: PLW0603  # a lock cannot be taken from a thread that is gone
    _lock = threading.RLock()
    _executing.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
