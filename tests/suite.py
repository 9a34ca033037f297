"""Runs the tests in parts, and what failed once more, alone. Prints one closing line for all.

A part is a line of arguments for pytest. Thousands of tests with real processes and sockets share
a machine that others use too; a failure that does not come again is named at the end and is a bug
of its test, to be mended, but does not hold up a change. One that comes again fails the run.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree.ElementTree import parse

FOLDER = Path(".build", "suite")
PYTEST = (sys.executable, "-m", "pytest")
WORDS = {"failures": "failed", "errors": "errors", "passed": "passed", "skipped": "skipped"}


def main(parts: list[str]) -> int:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    status = 0
    for number, part in enumerate(parts):
        status = max(status, run(f"{number}.xml", *shlex.split(part)))
    sums, seconds = add_up(sorted(FOLDER.glob("*.xml")), expected=len(parts))
    flaky = 0
    # 1 says that tests failed; with any other, pytest itself did, and not all of them ran.
    if status == 1:
        print(" once more, alone ".center(80, "="), flush=True)
        status = run("again.xml", "--last-failed", "--last-failed-no-failures=none", "-rA")
        again, more = add_up([FOLDER / "again.xml"], expected=1)
        seconds += more
        if status == 0 and again["passed"] == again["tests"]:
            flaky = again["passed"]
            sums["passed"] += flaky
            sums["failures"] = sums["errors"] = 0
        else:
            status = 1
    said = [f"{sums[name]} {word}" for name, word in WORDS.items() if sums[name]]
    if flaky:
        said.append(f"{flaky} only when run again (named above)")
    print(f" {', '.join(said) or 'no tests ran'} in {seconds:.2f}s ".center(80, "="))
    return status


def run(report: str, *arguments: str) -> int:
    """The exit status of pytest."""
    command = [*PYTEST, "-o", f"cache_dir={FOLDER / 'cache'}", f"--junit-xml={FOLDER / report}"]
    return subprocess.run([*command, *arguments], env=os.environ, check=False).returncode


def add_up(reports: list[Path], expected: int) -> tuple[dict[str, int], float]:
    """The counts and the seconds of JUnit files; one that is missing is an error."""
    sums = dict.fromkeys((*WORDS, "tests"), 0)
    seconds = 0.0
    found = [report for report in reports if report.exists()]
    for report in found:
        for suite in parse(report).getroot().iter("testsuite"):
            seconds += float(suite.get("time", "0"))
            for name in ("tests", "failures", "errors", "skipped"):
                sums[name] += int(suite.get(name, "0"))
    sums["passed"] = sums["tests"] - sum(sums[name] for name in ("failures", "errors", "skipped"))
    sums["errors"] += expected - len(found)
    return sums, seconds


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
