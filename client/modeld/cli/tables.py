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
    # Without a height too, rich takes a terminal that knows no colours to be 80 columns wide.
    wanted = Console(width=_UNBOUNDED, height=1).measure(_drawn(headings, rows)).maximum
    return wanted <= Console().width


def print_records(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows for a terminal on which a table of them would be unreadable: the first cell is the
    title of the others, each of which has a line or more of its own. Empty cells are left out.
    """
    console = Console(highlight=False)
    for title, *cells in rows:
        console.print(Text(printable(title), "bold"))
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True, min_width=max(map(len, headings[1:])))
        table.add_column(overflow="fold")
        for heading, cell in zip(headings[1:], cells, strict=True):
            if cell:
                table.add_row(f"  {heading.lower()}", Text(printable(cell)))
        console.print(table)


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
