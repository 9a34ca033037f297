"""`modeld limits` and `modeld limits set`, with fakes in the daemon's place."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from click.testing import CliRunner

from modeld import daemon
from modeld.cli import tables
from modeld.cli.lane_rows import row
from modeld.cli.quantities import count
from modeld.cli.root import root
from modeld.daemon import LaneLimits, LimitChange, LimitsUpdate, RateLimit
from modeld.errors import DaemonUnavailable, ModelNotFound

BUSY = LaneLimits(
    id="openai/gpt-4o@3f2a91",
    model="openai/gpt-4o",
    account="3f2a91",
    base_url="https://api.openai.com/v1",
    limit=16,
    limit_reason="adaptive",
    in_use=15,
    queued=230,
    queued_bytes=1_200_000,
    sessions=3,
    rates=[
        RateLimit("requests", 600.0, 580.4, 19.6, "provider"),
        RateLimit("tokens", 2_000_000.0, 41_300.0, 1.0, "set"),
    ],
    reserved_tokens=1500.0,
    paused_seconds=12.5,
    pause_reason="429: retry after 12.5 s",
    attempts=900,
    succeeded=870,
    limited=12,
    failed=3,
    history=[LimitChange(90.0, 10, 20, "slow_start"), LimitChange(12.0, 20, 16, "rate_limit")],
)
IDLE = replace(
    BUSY,
    id="local/small@none",
    model="local/small",
    limit=0,
    limit_reason="unlimited",
    in_use=0,
    queued=0,
    rates=[],
    paused_seconds=0.0,
    pause_reason="",
    limited=0,
    history=[],
)


def run(*arguments: str):
    return CliRunner().invoke(root, ["limits", *arguments])


@pytest.fixture(autouse=True)
def two_lanes(monkeypatch) -> None:
    monkeypatch.setattr(daemon, "limits", lambda: [BUSY, IDLE])


@pytest.fixture
def nothing(monkeypatch) -> None:
    monkeypatch.setattr(daemon, "limits", list)
    monkeypatch.setattr(daemon, "watch_limits", lambda: iter(()))


@pytest.fixture
def asked(monkeypatch) -> list[tuple[str, dict[str, object]]]:
    """What was set; the answer is one lane."""
    asked = []

    def set_limits(lane, **limits):
        asked.append((lane, limits))
        return [replace(BUSY, limit=5, limit_reason="set")]

    monkeypatch.setattr(daemon, "set_limits", set_limits)
    return asked


def ids(output: str) -> list[str]:
    return [line.split()[0] for line in output.splitlines()[1:]]


def test_a_lane_is_a_row():
    *cells, paused, limited = row(BUSY, now=0.0)
    assert cells == [BUSY.id, "16 adaptive", "15", "230", "580/600", "41k/2.0M"]
    assert re.fullmatch(r"until \d\d:\d\d:12 429: retry after 12.5 s", paused)
    assert limited == "12"
    assert row(IDLE) == (IDLE.id, "unlimited", "0", "0", "", "", "", "0")


def test_unknown_limits_and_limits_apart_are_shown_as_such():
    rates = [
        RateLimit("requests", None, 3.0, None, ""),
        RateLimit("input_tokens", 50_000.0, 1200.0, 1.0, "provider"),
        RateLimit("output_tokens", None, 90.0, None, ""),
    ]
    assert row(replace(BUSY, rates=rates))[4:6] == ("3/?", "input 1200/50k, output 90/?")


def test_the_lanes_are_a_table():
    lines = run().stdout.splitlines()
    headings = ["LANE", "LIMIT", "IN USE", "QUEUED", "RPM", "TPM", "PAUSED", "429S"]
    assert re.split(" {2,}", lines[0]) == headings
    assert re.split(" {2,}", lines[1])[:6] == [*row(BUSY)[:6]]
    assert ids(run().stdout) == [BUSY.id, IDLE.id]


@pytest.mark.parametrize("name", [BUSY.id, BUSY.model, "openai"])
def test_lanes_are_chosen_by_id_model_and_provider(name):
    assert ids(run(name).stdout) == [BUSY.id]
    assert ids(run(name, "local").stdout) == [BUSY.id, IDLE.id]
    assert [lane["id"] for lane in json.loads(run(name, "--json").stdout)] == [BUSY.id]


@pytest.mark.parametrize("name", ["open", "openai/gpt", "openai/", "gpt-4o"])
def test_half_a_name_is_no_name(name):
    result = run(name)
    assert result.exit_code == 0
    assert result.stdout == f"There is no lane of {name} yet: a lane opens with its first call.\n"


def test_json_has_every_field_of_every_lane():
    shown = json.loads(run("--json").stdout)
    assert shown == [BUSY.to_dict(), IDLE.to_dict()]
    assert shown[0].keys() == set(LaneLimits.__dataclass_fields__)
    assert shown[0]["rates"][0].keys() == set(RateLimit.__dataclass_fields__)
    assert shown[0]["history"][1] == {
        "seconds_ago": 12.0,
        "old": 20,
        "new": 16,
        "reason": "rate_limit",
    }


def test_without_a_lane_the_list_is_empty_and_no_error(nothing):
    assert (run("--json").exit_code, json.loads(run("--json").stdout)) == (0, [])
    for how in ((), ("--watch",), ("--history",)):
        result = run(*how)
        assert result.exit_code == 0
        assert "There is no lane yet" in result.stdout
    assert run("--watch", "--json").exit_code == 0


def test_the_history_says_how_a_limit_adapted():
    blocks = run("--history").stdout.split("\n\n")
    assert [line.split() for line in blocks[1].splitlines()] == [
        [BUSY.id],
        ["1", "min", "30", "s", "ago", "10", "->", "20", "slow_start"],
        ["12", "s", "ago", "20", "->", "16", "rate_limit"],
    ]
    assert "the limit has not changed" in blocks[2]


def watched(monkeypatch, *updates: LimitsUpdate, end: Exception | type | None = None) -> None:
    def watch_limits():
        yield from updates
        if end is not None:
            raise end

    monkeypatch.setattr(daemon, "watch_limits", watch_limits)


UPDATES = (
    LimitsUpdate([BUSY, IDLE], []),
    LimitsUpdate([replace(IDLE, in_use=1)], []),
    LimitsUpdate([], [BUSY.id]),
)


def test_watching_prints_the_table_at_each_change(monkeypatch):
    watched(monkeypatch, *UPDATES)
    tables = run("--watch").stdout.strip().split("\n\n")
    assert [ids(table) for table in tables] == [[BUSY.id, IDLE.id]] * 2 + [[IDLE.id]]
    assert tables[1].splitlines()[2].split()[:3] == [IDLE.id, "unlimited", "1"]


def test_watching_as_json_is_a_line_for_each_change(monkeypatch):
    watched(monkeypatch, *UPDATES)
    lines = [json.loads(line) for line in run("--watch", "--json").stdout.splitlines()]
    assert lines == [update.to_dict() for update in UPDATES]


def test_watching_some_lanes_shows_what_changes_in_them(monkeypatch):
    watched(monkeypatch, *UPDATES)
    lines = [json.loads(line) for line in run("--watch", "--json", "openai").stdout.splitlines()]
    assert [[lane["id"] for lane in line["lanes"]] for line in lines] == [[BUSY.id], []]
    assert [line["removed"] for line in lines] == [[], [BUSY.id]]


def test_watching_on_a_terminal_draws_in_place(monkeypatch):
    monkeypatch.setattr(tables, "is_terminal", lambda _stream: True)
    watched(monkeypatch, *UPDATES, end=KeyboardInterrupt)
    result = run("--watch")
    assert result.exit_code == 130
    assert IDLE.id in result.stdout


def test_watching_ends_with_the_daemon(monkeypatch):
    watched(monkeypatch, *UPDATES, end=DaemonUnavailable("the daemon is gone"))
    result = run("--watch")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: the daemon is gone")


def test_history_and_watch_do_not_go_together():
    assert run("--history", "--watch").exit_code == 2


def test_limits_are_set_and_the_lane_is_shown(asked):
    result = run("set", BUSY.id, "--max-connections", "5", "--rpm", "500", "--tpm", "2.5e5")
    assert result.exit_code == 0
    limits = {
        "max_connections": 5,
        "requests_per_minute": 500.0,
        "tokens_per_minute": 250_000.0,
    }
    assert asked == [(BUSY.id, limits)]
    assert "5 set" in result.stdout
    (lane,) = json.loads(run("set", "openai/gpt-4o", "--rpm", "9", "--json").stdout)
    assert (lane["id"], lane["limit_reason"]) == (BUSY.id, "set")


def test_cleared_limits_are_none_at_all(asked):
    assert run("set", BUSY.id, "--clear").exit_code == 0
    assert set(asked[0][1].values()) == {None}


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        [BUSY.id],
        [BUSY.id, "--clear", "--rpm", "5"],
        [BUSY.id, "--max-connections", "0"],
        [BUSY.id, "--max-connections", "1.5"],
        [BUSY.id, "--rpm", "0.5"],
        [BUSY.id, "--tpm", "many"],
    ],
)
def test_what_cannot_be_set_is_a_wrong_usage(asked, wrong):
    assert run("set", *wrong).exit_code == 2
    assert asked == []


def test_a_lane_that_is_not_there_is_an_error(monkeypatch):
    def fail(lane, **_limits):
        raise ModelNotFound(f"There is no lane {lane}.")

    monkeypatch.setattr(daemon, "set_limits", fail)
    result = run("set", "x/y", "--clear")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: There is no lane x/y.")


def test_a_command_of_two_words_is_found_and_one_word_is_no_part_of_it():
    assert "LANE" in run("set", "--help").stdout
    assert " limits set [OPTIONS] LANE" in run("set", "--help").stdout
    assert "[LANE]..." in run("--help").stdout
    unknown = CliRunner().invoke(root, ["lim"])
    assert unknown.exit_code == 2
    assert "Did you mean: limits?" in unknown.stderr


@pytest.mark.parametrize(
    "number, text",
    [
        (0, "0"),
        (9999, "9999"),
        (10_000, "10k"),
        (999_400, "999k"),
        (999_500, "1.0M"),
        (2_340_000, "2.3M"),
    ],
)
def test_large_counts_are_short(number, text):
    assert count(number) == text
