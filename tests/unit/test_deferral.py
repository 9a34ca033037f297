"""Modules that wait for their first use, on modules made for the test."""

from __future__ import annotations

import importlib
import os
import sys
import threading

import pytest

from modeld.deferral import defer


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Writes modules of a package `late`, which can be imported until the test ends."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "late").mkdir()

    def write(name: str, text: str) -> None:
        (tmp_path / "late" / name).write_text(text)
        importlib.invalidate_caches()

    write("__init__.py", "")
    yield write
    for name in [name for name in sys.modules if name.partition(".")[0] == "late"]:
        del sys.modules[name]


def is_executed(name: str, attribute: str) -> bool:
    return attribute in vars(sys.modules[name])


def test_an_import_does_not_execute_the_module_but_its_first_use_does(package):
    package("part.py", "value = 42")
    defer("late.part")
    part = importlib.import_module("late.part")
    importlib.import_module("late.part")
    assert not is_executed("late.part", "value")
    assert part.value == 42
    assert part is sys.modules["late.part"]
    assert type(part) is type(sys)


def test_a_parent_that_imports_it_at_its_end_has_it_as_an_attribute(package):
    package("__init__.py", "from late import part\nhere = part")
    package("part.py", "from late import here\nvalue = here")
    defer("late.part")
    late = importlib.import_module("late")
    assert not is_executed("late.part", "value")
    assert late.part.value is late.part


def test_parents_are_not_imported(package):
    package("part.py", "value = 42")
    defer("late.part")
    assert "late" not in sys.modules


def test_a_submodule_wakes_its_package(package, tmp_path):
    (tmp_path / "late" / "inner").mkdir()
    package("inner/__init__.py", "order = ['package']")
    package("inner/leaf.py", "from late.inner import order\norder.append('leaf')")
    defer("late.inner")
    leaf = importlib.import_module("late.inner.leaf")
    assert leaf.order == ["package", "leaf"]


def test_a_star_import_and_dir_see_all_names(package):
    package("part.py", "value = 42")
    defer("late.part")
    assert "value" in dir(importlib.import_module("late.part"))
    package("other.py", "value = 43")
    defer("late.other")
    names: dict[str, object] = {}
    exec("from late.other import *", names)
    assert names["value"] == 43


def test_an_attribute_that_is_not_there_is_missed_as_ever(package):
    package("part.py", "value = 42")
    defer("late.part")
    part = importlib.import_module("late.part")
    with pytest.raises(AttributeError, match=r"late\.part"):
        part.nothing  # noqa: B018
    assert part.value == 42


def test_a_circle_through_the_module_itself_misses_what_comes_later(package):
    package("part.py", "import late.other\nvalue = 42")
    package("other.py", "import sys\nseen = hasattr(sys.modules['late.part'], 'value')")
    defer("late.part")
    part = importlib.import_module("late.part")
    assert part.value == 42
    assert sys.modules["late.other"].seen is False


def test_a_module_that_fails_says_so_at_each_use_and_may_succeed_later(package, monkeypatch):
    package("part.py", "import os\nvalue = os.environ['MODELD_TEST_LATE']")
    defer("late.part")
    part = importlib.import_module("late.part")
    for _ in range(2):
        with pytest.raises(KeyError, match="MODELD_TEST_LATE"):
            part.value  # noqa: B018
    monkeypatch.setenv("MODELD_TEST_LATE", "now")
    assert part.value == "now"


def test_a_loaded_module_and_an_unknown_one_are_left_alone(package):
    package("part.py", "value = 42")
    part = importlib.import_module("late.part")
    defer("late.part")
    assert sys.modules["late.part"] is part
    assert part.value == 42
    for unknown in ("late.nothing", "nowhere.part", "late.part.inner"):
        defer(unknown)
        assert unknown not in sys.modules


def test_a_thread_that_comes_during_the_execution_waits_for_its_end(package):
    package("part.py", "first = 1\nimport late.gate\nlate.gate.entered.set()\n"
            "late.gate.opened.wait(10)\nlast = 2")  # fmt: skip
    package("gate.py", "import threading\nentered, opened = threading.Event(), threading.Event()")
    gate = importlib.import_module("late.gate")
    defer("late.part")
    part = importlib.import_module("late.part")
    seen: list[int] = []
    threads = [threading.Thread(target=lambda: seen.append(part.last)) for _ in range(4)]
    threads[0].start()
    assert gate.entered.wait(10)
    for thread in threads[1:]:
        thread.start()
    assert part.first == 1
    assert seen == []
    gate.opened.set()
    for thread in threads:
        thread.join(10)
    assert seen == [2] * 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_does_not_wait_for_a_thread_that_it_does_not_have(package):
    package("part.py", "import late.gate\nif not late.gate.entered.is_set():\n"
            "    late.gate.entered.set()\n    late.gate.opened.wait(10)\nlast = 2")  # fmt: skip
    package("gate.py", "import threading\nentered, opened = threading.Event(), threading.Event()")
    gate = importlib.import_module("late.gate")
    defer("late.part")
    part = importlib.import_module("late.part")
    thread = threading.Thread(target=lambda: part.last)
    thread.start()
    assert gate.entered.wait(10)
    child = os.fork()
    if child == 0:
        os._exit(0 if part.last == 2 else 1)
    _, status = os.waitpid(child, 0)
    gate.opened.set()
    thread.join(10)
    assert os.waitstatus_to_exitcode(status) == 0
