"""The bench's command line: `make bench`, or `python -m tests.bench --help`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version

from .scene import prepared
from .sections import SECTIONS, Effort, Row
from .targets import Verdict, judge

PACKAGES = ("modeld", "openai", "grpcio", "protobuf")


def machine() -> dict[str, str]:
    """What the figures belong to."""
    found = {"python": platform.python_version(), "cores": str(os.cpu_count())}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def number(value: float) -> str:
    """Three digits that mean something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def lines(row: Row) -> Iterator[str]:
    """A row as text: a line per figure, a column per peer."""
    peers = [*row.figures, *(p for p in row.troubles if p not in row.figures)]
    yield f"\n{row.name}"
    yield " " * 20 + "".join(f"{peer:>16}" for peer in peers)
    names = dict.fromkeys(name for figures in row.figures.values() for name in figures)
    for name in names:
        values = (row.figures.get(peer, {}).get(name) for peer in peers)
        cells = ("-" if value is None else number(value) for value in values)
        yield f"  {name:<18}" + "".join(f"{cell:>16}" for cell in cells)
    for peer, trouble in row.troubles.items():
        yield f"  {peer}: {trouble}"


def sentence(verdict: Verdict) -> str:
    """A verdict as text."""
    word = "reached" if verdict.reached else "MISSED"
    sign = "<=" if verdict.at_most else ">="
    unit = f" {verdict.unit}".rstrip()
    found, asked = number(verdict.value), number(verdict.limit)
    return f"  {verdict.number}  {verdict.text:<44}{found:>9}{unit:<4} {sign} {asked:<5} {word}"


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="make bench", description="modeld beside the openai SDK, against a fake upstream."
    )
    parser.add_argument(
        "--sections", default=",".join(SECTIONS), help="any of %(default)s (all of them)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="interleaved rounds (3)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each throughput run (2)")
    parser.add_argument("--held", type=int, default=5000, help="calls held at once (5000)")
    parser.add_argument("--shared", type=int, default=100, help="calls of each sharer (100)")
    parser.add_argument(
        "--entries", type=int, default=1_000_000, help="entries of the cache (1000000)"
    )
    parser.add_argument("--json", action="store_true", help="print figures and verdicts as JSON")
    parser.add_argument("--strict", action="store_true", help="exit 1 if a target is missed")
    return parser.parse_args()


def main() -> None:
    chosen = options()
    sections = chosen.sections.split(",")
    if unknown := set(sections) - set(SECTIONS):
        sys.exit(f"unknown sections {', '.join(sorted(unknown))}: there are {', '.join(SECTIONS)}")
    effort = Effort(chosen.rounds, chosen.seconds, chosen.held, chosen.shared, chosen.entries)
    rows: dict[str, list[Row]] = {}
    out = sys.stderr if chosen.json else sys.stdout
    print("  ".join(f"{name} {value}" for name, value in machine().items()), file=out)
    with prepared() as scene:
        for section in sections:
            for row in SECTIONS[section](scene, effort):
                rows.setdefault(section, []).append(row)
                print("\n".join(lines(row)), file=out, flush=True)
    verdicts = judge(rows)
    print("\ntargets", *map(sentence, verdicts), sep="\n", file=out)
    if chosen.json:
        found = {section: [asdict(row) for row in of] for section, of in rows.items()}
        judged = [{**asdict(v), "reached": v.reached} for v in verdicts]
        print(json.dumps({"machine": machine(), "rows": found, "verdicts": judged}, indent=2))
    troubled = any(row.troubles for of in rows.values() for row in of)
    sys.exit(troubled or (chosen.strict and not all(v.reached for v in verdicts)))


if __name__ == "__main__":
    main()
