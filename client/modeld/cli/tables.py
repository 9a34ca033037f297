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


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under headings. The first column is never shortened."""
    if is_terminal(sys.stdout):
        Console(highlight=False).print(_drawn(headings, rows))
        return
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    for row in (headings, *rows):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())


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


def count(amount: float) -> str:
    """A number for people: in full up to 10,000, then in thousands or millions."""
    if amount < 10_000:
        return f"{amount:.0f}"
    if amount < 999_500:
        return f"{amount / 1000:.0f}k"
    return f"{amount / 1_000_000:.1f}M"


def size(count: int | None) -> str:
    """Bytes for people."""
    if count is None:
        return ""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 10 else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def duration(seconds: float) -> str:
    """A time for people: its two largest units."""
    whole = int(seconds)
    units = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
    parts = []
    for length, unit in units:
        count, whole = divmod(whole, length)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
