"""Limits seen, set and watched over a real socket, with lanes that the test writes down."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, fields, replace

import grpc
import pytest
from click.testing import CliRunner

from modeld import daemon
from modeld.cli.root import root
from modeld.errors import DaemonUnavailable, InvalidRequest, ModelNotFound
from modeld.v1 import limit_service_pb2 as pb
from modeld_daemon.core import lane_statistics as core
from modeld_daemon.core.lane_statistics import LaneSettings
from tests.fakes import serving
from tests.fakes.acting import until
from tests.fakes.lane_board import BUSY, IDLE, FakeBoard
from tests.fakes.unary import Unary, failure

INVALID = grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture
def board(monkeypatch) -> FakeBoard:
    board = FakeBoard(BUSY, IDLE)
    monkeypatch.setattr(serving, "Lanes", lambda *_args, **_more: board)
    return board


@pytest.fixture
def house(board, home, acting):
    with serving.House(acting) as running:
        yield running


@pytest.fixture
def unary(house):
    with Unary(house) as caller:
        yield caller


def as_json(lane: core.LaneStatistics) -> dict[str, object]:
    """What the client's value of a lane looks like."""
    return {**asdict(lane), "rates": [*map(asdict, lane.rates)], "history": listed(lane.history)}


def listed(changes) -> list[dict[str, object]]:
    return [asdict(change) for change in changes]


def status(function) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        function()
    assert failure(caught.value).message
    return caught.value.code()


@pytest.mark.parametrize(
    "message, ours, theirs",
    [
        (pb.LaneLimits, core.LaneStatistics, daemon.LaneLimits),
        (pb.RateLimit, core.RateStatistics, daemon.RateLimit),
        (pb.LimitChange, core.LimitChange, daemon.LimitChange),
        (pb.LaneSettings, core.LaneSettings, None),
    ],
)
def test_daemon_wire_and_client_know_the_same_fields(message, ours, theirs):
    names = [field.name for field in message.DESCRIPTOR.fields]
    assert sorted(names) == sorted(field.name for field in fields(ours))
    if theirs is not None:
        assert sorted(names) == sorted(field.name for field in fields(theirs))


def test_every_field_of_a_lane_arrives(house):
    assert [lane.to_dict() for lane in daemon.limits()] == [as_json(BUSY), as_json(IDLE)]


def test_what_is_unknown_is_absent_and_not_zero(unary):
    requests, tokens = unary("ListLimits").lanes[0].rates
    assert requests.HasField("per_minute")
    assert not tokens.HasField("per_minute")
    assert not tokens.HasField("available")


def test_no_secret_of_a_url_is_shown(house, board):
    board.lanes = [replace(IDLE, base_url="https://me:hunter2secret@gateway/v1?api_key=canary123")]
    (lane,) = daemon.limits()
    assert "hunter2secret" not in lane.base_url
    assert "canary123" not in lane.base_url
    assert "gateway/v1" in lane.base_url


def test_without_a_daemon_there_are_no_lanes(home):
    assert daemon.limits() == []
    assert list(daemon.watch_limits()) == []
    with pytest.raises(DaemonUnavailable, match="no daemon runs"):
        daemon.set_limits("openai/gpt-4o", max_connections=3)


@pytest.mark.parametrize("name", [BUSY.id, BUSY.model])
def test_limits_are_set_by_id_and_by_model(house, board, name):
    (lane,) = daemon.set_limits(name, max_connections=5, tokens_per_minute=9e4)
    assert (lane.limit, lane.limit_reason) == (5, "set")
    assert board.asked == [(name, LaneSettings(5, None, 90_000.0))]


def test_settings_without_a_limit_set_nothing(unary, board, house):
    daemon.set_limits(BUSY.id)
    unary("SetLimits", lane=BUSY.id)
    assert board.asked == [(BUSY.id, LaneSettings())] * 2


def test_what_cannot_be_set_is_said(unary, house, board):
    zero = pb.LaneSettings(max_connections=0)
    assert status(lambda: unary("SetLimits", lane="x/y")) is grpc.StatusCode.NOT_FOUND
    assert status(lambda: unary("SetLimits", lane=BUSY.id, settings=zero)) is INVALID
    with pytest.raises(ModelNotFound, match="x/y"):
        daemon.set_limits("x/y", max_connections=3)
    for wrong in (0, "many", 1.5, 2**70):
        with pytest.raises(InvalidRequest):
            daemon.set_limits(BUSY.id, max_connections=wrong)
    with pytest.raises(InvalidRequest):
        daemon.set_limits(5, max_connections=3)
    assert board.asked == []


def test_a_watcher_hears_all_lanes_then_what_changes(house, board):
    updates = daemon.watch_limits(0.05)
    first = next(updates)
    assert [lane.id for lane in first.lanes] == [BUSY.id, IDLE.id]
    assert first.removed == []
    house.ask(lambda: board.set(IDLE.id, LaneSettings(max_connections=7)))
    second = next(updates)
    assert [(lane.id, lane.limit) for lane in second.lanes] == [(IDLE.id, 7)]
    house.ask(board.lanes.clear)
    assert next(updates).to_dict() == {"lanes": [], "removed": sorted([BUSY.id, IDLE.id])}
    updates.close()


def test_a_watcher_of_nothing_hears_of_the_first_lane(house, board):
    board.lanes = []
    updates = daemon.watch_limits(0.05)
    assert next(updates).lanes == []
    house.ask(lambda: board.lanes.append(IDLE))
    assert [lane.id for lane in next(updates).lanes] == [IDLE.id]
    updates.close()


def test_a_watcher_hears_nothing_while_nothing_changes(house, board, unary):
    board.lanes = [replace(BUSY, paused_seconds=0.0), IDLE]
    stream = unary("WatchLimits", interval_seconds=0.05)
    next(stream)
    looks = board.looks
    until(lambda: board.looks > looks + 5)
    house.ask(lambda: board.set(IDLE.id, LaneSettings(max_connections=7)))
    assert [lane.id for lane in next(stream).lanes] == [IDLE.id], "no message before this one"
    stream.cancel()


def test_nobody_looks_for_a_watcher_that_has_left(house, board):
    updates = daemon.watch_limits(0.05)
    next(updates)
    updates.close()

    def looks_no_more() -> bool:
        before = board.looks
        threading.Event().wait(0.12)
        return board.looks == before

    until(looks_no_more)


@pytest.mark.parametrize("interval", [0.0, 0.049, -1.0, float("nan"), float("inf")])
def test_an_interval_is_a_time_of_some_length(unary, interval):
    assert status(lambda: next(unary("WatchLimits", interval_seconds=interval))) is INVALID
    with pytest.raises(InvalidRequest, match="at least"):
        next(daemon.watch_limits(interval))


def test_an_interval_that_is_no_number_is_refused(home):
    with pytest.raises(InvalidRequest, match="'often'"):
        next(daemon.watch_limits("often"))


def test_a_watcher_holds_no_daemon_up_and_is_told_of_its_end(house):
    updates = daemon.watch_limits(0.05)
    next(updates)
    house.begin_to_drain()
    house.stop()
    with pytest.raises(DaemonUnavailable):
        list(updates)


def test_the_command_shows_and_sets_the_lanes_of_the_daemon(house, board):
    def run(*arguments: str):
        return CliRunner().invoke(root, ["limits", *arguments])

    assert json.loads(run("--json").stdout) == [as_json(BUSY), as_json(IDLE)]
    assert BUSY.id in run("openai").stdout
    shown = run("set", IDLE.id, "--max-connections", "4").stdout
    assert "4 set" in shown
    assert board.asked == [(IDLE.id, LaneSettings(max_connections=4))]
    wrong = run("set", IDLE.id, "--rpm", "nan", "--json")
    assert wrong.exit_code == 1
