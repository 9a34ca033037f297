"""No code of the page is without a test that runs it."""

from __future__ import annotations

import pytest

from . import test_code, test_commands
from .page import CODE, covered, left_over, page

pytestmark = pytest.mark.beside


def test_every_block_and_command_is_covered():
    text = page()
    modules = {name.partition(".")[0] for name in covered}
    assert modules == {module.__name__.rpartition(".")[2] for module in (test_code, test_commands)}
    missing = {name: lines for name, lines in covered.items() if f"\n{lines}\n" not in text}
    assert missing == {}, "these lines are not on the page"
    assert left_over(text) == []


@pytest.mark.parametrize("name", sorted(covered))
def test_what_is_covered_is_seen_as_code(name):
    assert any(CODE.match(line) for line in covered[name].splitlines())


@pytest.mark.parametrize(
    "new",
    [
        "inspect eval new.py",
        'eval("new.py", model="openai/gpt-4o")',
        '= get_model("openai/gpt-4o-mini") model',
        "INSPECT_EVAL_TEMPERATURE=0",
        "pip install openai",
        "from inspect_ai import eval_async",
        "with get_model() as model:",
        "@task",
        'output = model.generate("hi")',
        "eval(mytask(), model=model)",
    ],
)
def test_a_new_block_is_noticed(new):
    assert left_over(page() + f"\nSome more prose.\n{new}\nAnd the end.") == [new]
