"""Sums up several pytest runs: prints one closing line from their JUnit files."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree.ElementTree import parse

WORDS = {"failures": "failed", "errors": "errors", "passed": "passed", "skipped": "skipped"}


def main(paths: list[str]) -> None:
    sums = dict.fromkeys((*WORDS, "tests"), 0)
    seconds = 0.0
    for path in map(Path, paths):
        if not path.exists():
            sums["errors"] += 1  # that run died before it could write
            continue
        for suite in parse(path).getroot().iter("testsuite"):
            seconds += float(suite.get("time", "0"))
            for name in ("tests", "failures", "errors", "skipped"):
                sums[name] += int(suite.get(name, "0"))
    sums["passed"] += sums["tests"] - sums["failures"] - sums["errors"] - sums["skipped"]
    said = ", ".join(f"{sums[name]} {word}" for name, word in WORDS.items() if sums[name])
    print(f" {said or 'no tests ran'} in {seconds:.2f}s ".center(80, "="))


if __name__ == "__main__":
    main(sys.argv[1:])
