"""`modeld doctor`: everything that can be wrong, looked at in one go."""

from __future__ import annotations

import sys

import click

from .checks import CHECKS, Finding
from .command import Command, json_option, print_json
from .render import printable, wants_color

EXAMPLES = """\b
Examples:
  modeld doctor
  modeld doctor --json | jq '.findings[] | select(.state != "ok")'

\b
Exit code 1 when there is a problem. Nothing is started or changed, and no
value of any variable or key is shown: the output may go into a bug report."""

_MARKS = {"ok": ("ok", "green"), "note": ("--", "yellow"), "problem": ("!!", "red")}


@click.command(cls=Command, epilog=EXAMPLES)
@json_option()
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Find out why something does not work.

    Checks Python and packages, the home folder and who may read it, the lock and the record,
    whether the daemon answers, local weights, the session joined, the variables found, and the
    log's last failure.
    """
    findings = [finding for check in CHECKS for finding in check()]
    problems = sum(finding.state == "problem" for finding in findings)
    if as_json:
        print_json({"ok": not problems, "findings": [one.to_dict() for one in findings]})
    else:
        for finding in findings:
            _show(finding)
        print(f"\n{problems} problem(s)." if problems else "\nNo problem found.")
    if problems:
        ctx.exit(1)


def _show(finding: Finding) -> None:
    mark, color = _MARKS[finding.state]
    if wants_color(sys.stdout):
        mark = click.style(mark, fg=color, bold=True)
    text = printable(finding.text).replace("\n", "\n      | ")
    print(f"{mark}  {finding.check}: {text}")
    if finding.hint:
        print(f"      hint: {finding.hint}")
