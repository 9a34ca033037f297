"""The table dialect x case that stands at the end of a run of the suite."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

PROPERTY = "conformance"
_GOOD = ("passed", "skipped")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Cases are rows, dialects are columns; "-" is what a provider does not offer."""
    cells = _cells(terminalreporter.stats)
    if not cells:
        return
    dialects = sorted({dialect for dialect, _ in cells})
    cases = list(dict.fromkeys(case for _, case in cells))
    width = max(map(len, cases))
    terminalreporter.write_sep("=", "conformance: passed of total")
    terminalreporter.write_line("  ".join([" " * width, *dialects]))
    for case in sorted(cases):
        row = [_word(cells.get((dialect, case))).rjust(len(dialect)) for dialect in dialects]
        terminalreporter.write_line("  ".join([case.ljust(width), *row]))


def _cells(stats: dict[str, list[Any]]) -> dict[tuple[str, str], Counter[str]]:
    """Outcomes of each case; a test that failed in its set-up has no call."""
    cells: dict[tuple[str, str], Counter[str]] = {}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in stats.get(outcome, ()):
            for name, value in getattr(report, "user_properties", ()):
                if name == PROPERTY:
                    dialect, _, case = value.partition("\t")
                    cells.setdefault((dialect, case), Counter())[outcome] += 1
    return cells


def _word(outcomes: Counter[str] | None) -> str:
    if outcomes is None:
        return ""
    total = outcomes.total() - outcomes["skipped"]
    if not total:
        return "-"
    bad = any(outcomes[name] for name in outcomes if name not in _GOOD)
    return f"{'FAIL ' if bad else ''}{outcomes['passed']}/{total}"
