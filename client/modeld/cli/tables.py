"""Tables: drawn by rich on a terminal, plain columns in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from .render import is_terminal, printable

_UNBOUNDED = 100_000
"""Columns of a terminal on which every table fits."""


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under headings. The first column is never shortened."""
    if is_terminal(sys.stdout):
        Console(highlight=False).print(_drawn(headings, rows))
        return
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    for row in (headings, *rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())


def fits_terminal(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether a table can be printed without shortening or wrapping anything; a pipe has no width."""
    if not is_terminal(sys.stdout):
        return True
    wanted = Console(width=_UNBOUNDED).measure(_drawn(headings, rows)).maximum
    return wanted <= Console().width


class LiveTable:
    """A table that changes: in its place on a terminal, printed anew in a pipe."""

    def __init__(self, headings: Sequence[str]) -> None:
        self._headings = headings
        self._live: Live | None = None
        if is_terminal(sys.stdout):
            self._live = Live(console=Console(highlight=False), auto_refresh=False)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, rows: Sequence[Sequence[str]]) -> None:
        """Replace the rows."""
        if self._live is not None:
            self._live.update(_drawn(self._headings, rows), refresh=True)
            return
        print_table(self._headings, rows)
        print(flush=True)


def _drawn(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(*headings, box=None, header_style="bold", pad_edge=False)
    table.columns[0].no_wrap = True
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table
