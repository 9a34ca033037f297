"""What stands at the end of a run of the suite: the table dialect x case, and a line for each row."""

from __future__ import annotations

from collections import Counter
from typing import Any, TypeAlias

import pytest

PROPERTY = "conformance"
_GOOD = ("passed", "skipped")

Cells: TypeAlias = dict[tuple[str, str], Counter[str]]
"""Outcomes by wire and case."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Cases are lines, dialects are columns; "-" is what a provider does not offer. Rows of a
    dialect with quirks of their own have one line for all.
    """
    dialects, rows = _cells(terminalreporter.stats)
    if dialects:
        terminalreporter.write_sep("=", "conformance: passed of total")
        _table(terminalreporter, dialects)
    if rows:
        terminalreporter.write_sep("=", "conformance of rows: passed of total")
        _lines(terminalreporter, rows)


def _table(terminalreporter: pytest.TerminalReporter, cells: Cells) -> None:
    dialects = sorted({dialect for dialect, _ in cells})
    cases = sorted({case for _, case in cells})
    width = max(map(len, cases))
    terminalreporter.write_line("  ".join([" " * width, *dialects]))
    for case in cases:
        row = [_word(cells.get((dialect, case))).rjust(len(dialect)) for dialect in dialects]
        terminalreporter.write_line("  ".join([case.ljust(width), *row]))


def _lines(terminalreporter: pytest.TerminalReporter, cells: Cells) -> None:
    totals: dict[str, Counter[str]] = {}
    for (row, _), outcomes in cells.items():
        totals.setdefault(row, Counter()).update(outcomes)
    width = max(map(len, totals))
    for row, outcomes in sorted(totals.items()):
        terminalreporter.write_line(f"{row.ljust(width)}  {_word(outcomes)}")


def _cells(stats: dict[str, list[Any]]) -> tuple[Cells, Cells]:
    """Outcomes of dialects and of rows; a test that failed in its set-up has no call."""
    dialects: Cells = {}
    rows: Cells = {}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in stats.get(outcome, ()):
            for name, value in getattr(report, "user_properties", ()):
                if name == PROPERTY:
                    kind, wire, case = value.split("\t")
                    cells = rows if kind == "row" else dialects
                    cells.setdefault((wire, case), Counter())[outcome] += 1
    return dialects, rows


def _word(outcomes: Counter[str] | None) -> str:
    if outcomes is None:
        return ""
    total = outcomes.total() - outcomes["skipped"]
    if not total:
        return "-"
    bad = any(outcomes[name] for name in outcomes if name not in _GOOD)
    return f"{'FAIL ' if bad else ''}{outcomes['passed']}/{total}"
