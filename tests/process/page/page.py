"""The page "Using Models": which of its lines are code, and that code as it was meant.

The page's text was taken out of HTML, and its code has lost words: `= get_model()` stands in one
line, `model` in the next. A test gives a broken block as it was meant, and `meant` holds it to the
page: the same words, as often. What was not broken runs as it stands.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Callable
from textwrap import dedent
from typing import Any

import pytest

from tests.contract.source import ROOT

__all__ = ["commands", "covered", "covers", "left_over", "meant", "page", "renamed"]

SEEDS = ROOT.parent / "shared" / "seeds"
CODE = re.compile(
    r"""^\s*(
        (inspect|pip|export)\s
      | [A-Z][A-Z_0-9]*=
      | (async\s+)?(with|def|for|class)\s.*:$
      | (from|import)\s+[\w.]+(\s+import\b|$)
      | (await|return|yield|print|assert)\b
      | @\w
      | [\w.]+\s*=[^=]
      | [\w.]+\(
      | ["')\]}(\[{=]
      | --?[A-Za-z]
      | \w+\s(\.\.\.|"|\w+\s=|=)
      | model$
      | \w+\s\)$
    )""",
    re.VERBOSE,
)
"""How a line of code begins, in Python, a shell or a file of variables, also a broken one."""

covered: dict[str, str] = {}
"""The lines that each test runs, by its name."""


def page() -> str:
    """The page's text; the test is skipped where it is not at hand."""
    if not SEEDS.is_dir():
        pytest.skip(f"the page is not here: {SEEDS}")
    return "\n".join(path.read_text() for path in sorted(SEEDS.glob("*.txt")))


def covers(lines: str) -> Callable[[Any], Any]:
    """Says of a test which lines of the page it runs, as they stand there."""

    def register(test: Any) -> Any:
        module = test.__module__.rpartition(".")[2]
        covered[f"{module}.{test.__name__}"] = test.lines = dedent(lines).strip("\n")
        return test

    return register


def left_over(text: str) -> list[str]:
    """Lines of code of the page that no test covers."""
    for lines in covered.values():
        text = text.replace(f"\n{lines}\n", "\n\n", 1)
    return [line for line in text.splitlines() if CODE.match(line)]


def renamed(text: str) -> str:
    """Code of the reference's users, for modeld: import and command are renamed."""
    return re.sub(r"\binspect(?= )", "modeld", text.replace("inspect_ai", "modeld"))


def commands(lines: str) -> list[list[str]]:
    """The words of each command."""
    whole = renamed(lines.replace("\\\n", " ")).splitlines()
    found = [shlex.split(line) for line in whole]
    assert all(words[0] == "modeld" for words in found)
    return found


def words(code: str) -> Counter[str]:
    return Counter(re.findall(r'"[^"]*"|\.\.\.|\w+|[^\w\s]', code))


def meant(lines: str, code: str) -> str:
    """The code that the lines were before they broke, renamed."""
    assert words(code) == words(lines), (words(code) - words(lines), words(lines) - words(code))
    return renamed(dedent(code))
