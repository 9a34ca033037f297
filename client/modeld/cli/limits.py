"""`modeld limits` and `modeld limits set`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import click

from .. import daemon
from ..daemon import LaneLimits, LimitsUpdate
from .command import Command, json_option, print_json
from .lane_rows import HEADINGS, history_lines, row
from .tables import LiveTable, print_table

LIMITS_EXAMPLES = """\b
Examples:
  modeld limits                          # all lanes
  modeld limits openai                   # those of one provider
  modeld limits openai/gpt-4o --history  # and how the limit adapted
  modeld limits --watch                  # until Ctrl-C
  modeld limits --json | jq '.[] | {id, in_use, queued}'

\b
LANE is an id from the first column, a model or a provider. RPM and TPM are
requests and tokens of the last minute, and the limit where it is known.
'modeld limits set' changes limits. No daemon is started."""

SET_EXAMPLES = """\b
Examples:
  modeld limits set openai/gpt-4o --rpm 500 --tpm 200000
  modeld limits set openai/gpt-4o@3f2a91 --max-connections 20
  modeld limits set openai/gpt-4o --clear

\b
It holds at once, for all callers, until the daemon ends. Limits that last
belong into its config.toml:
  [limits."openai/gpt-4o"]
  requests_per_minute = 500"""


@click.command("limits", cls=Command, epilog=LIMITS_EXAMPLES)
@click.argument("lanes", metavar="[LANE]...", nargs=-1)
@click.option("--history", is_flag=True, help="Print how the limit of each lane adapted, too.")
@click.option("--watch", is_flag=True, help="Go on showing what changes, until Ctrl-C.")
@json_option("Print JSON, for programs; with --watch, a line for each change.")
def limits(lanes: tuple[str, ...], history: bool, watch: bool, as_json: bool) -> None:
    """Show what each lane allows and uses now.

    A lane is where calls of one model with one account get their permits, whichever program
    makes them. It opens with the first call.
    """
    if watch and history:
        raise click.UsageError("--history prints once; leave it or --watch out.")
    if watch:
        _watch(lanes, as_json)
        return
    found = _named(daemon.limits(), lanes)
    if as_json:
        print_json([lane.to_dict() for lane in found])
        return
    if not found:
        print(_nothing(lanes))
        return
    print_table(HEADINGS, [row(lane) for lane in found])
    if history:
        for lane in found:
            print("\n" + "\n".join(history_lines(lane)))


def _named(found: Iterable[LaneLimits], names: tuple[str, ...]) -> list[LaneLimits]:
    return [lane for lane in found if not names or any(map(lane.is_named, names))]


def _nothing(names: tuple[str, ...]) -> str:
    asked = f" of {', '.join(names)}" if names else ""
    return f"There is no lane{asked} yet: a lane opens with its first call."


def _watch(names: tuple[str, ...], as_json: bool) -> None:
    """Show changes as they come. A daemon that ends is an error, as it is for any caller."""
    if as_json:
        for update in _updates(names):
            print(json.dumps(update.to_dict()), flush=True)
        return
    rows: dict[str, tuple[str, ...]] = {}
    with LiveTable(HEADINGS) as table:
        for update in _updates(names):
            for id in update.removed:
                del rows[id]
            rows.update((lane.id, row(lane)) for lane in update.lanes)
            table.show(list(rows.values()))
    if not rows:
        print(_nothing(names))


def _updates(names: tuple[str, ...]) -> Iterator[LimitsUpdate]:
    """All lanes of those names, then what changes in them."""
    shown: set[str] = set()
    for number, update in enumerate(daemon.watch_limits()):
        lanes = _named(update.lanes, names)
        removed = [id for id in update.removed if id in shown]
        shown = shown.difference(removed).union(lane.id for lane in lanes)
        if number == 0 or lanes or removed:
            yield LimitsUpdate(lanes, removed)


@click.command("limits set", cls=Command, epilog=SET_EXAMPLES)
@click.argument("lane")
@click.option(
    "--max-connections", type=click.IntRange(min=1), metavar="N", help="Attempts at once."
)
@click.option("--rpm", type=click.FloatRange(min=1), metavar="N", help="Requests in a minute.")
@click.option("--tpm", type=click.FloatRange(min=1), metavar="N", help="Tokens in a minute.")
@click.option("--clear", is_flag=True, help="Set nothing any more: the lane adapts by itself.")
@json_option("Print the lanes as JSON.")
def set_limits(
    lane: str,
    max_connections: int | None,
    rpm: float | None,
    tpm: float | None,
    clear: bool,
    as_json: bool,
) -> None:
    """Set limits of a lane while it works.

    LANE is an id that 'modeld limits' shows, or a model for its lanes of every account. What was
    set before is replaced: a limit that is not given is not set any more.
    """
    given = any(limit is not None for limit in (max_connections, rpm, tpm))
    if given == clear:
        raise click.UsageError("Give --max-connections, --rpm or --tpm, or --clear alone.")
    found = daemon.set_limits(
        lane, max_connections=max_connections, requests_per_minute=rpm, tokens_per_minute=tpm
    )
    if as_json:
        print_json([one.to_dict() for one in found])
    else:
        print_table(HEADINGS, [row(one) for one in found])
