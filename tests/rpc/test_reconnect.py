"""Daemons come and go, links break: calls are sent again and nobody notices."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from modeld import get_model, rpc
from modeld.discovery import locate, make_token, write_private
from modeld.errors import DaemonUnavailable
from modeld.types import StreamFinishedEvent, StreamRetryEvent, StreamTextEvent
from modeld_daemon.service import session
from tests.fakes.acting import Acting, until
from tests.fakes.relay import Relay
from tests.fakes.serving import House


@pytest.fixture
def relay(home, monkeypatch):
    with Relay(home) as relay:
        monkeypatch.setenv("MODELD_ADDRESS", relay.address)
        yield relay


@pytest.fixture
def threads():
    with ThreadPoolExecutor(32) as pool:
        yield pool


def link():
    return rpc.hub()._link


def test_calls_under_way_are_sent_to_the_next_daemon(relay, threads, monkeypatch):
    monkeypatch.setattr(session, "GRACE_SECONDS", 0.3)  # the first daemon lives, but is not found
    monkeypatch.setenv("FAKE_API_KEY", "first")
    one, two = Acting(), Acting()
    with House(one, "one") as first, House(two, "two") as second:
        relay.target = first.socket
        model = get_model("fake/model", memoize=False)
        pending = [threads.submit(model.generate_sync, f"hold {n}") for n in range(5)]
        counted = threads.submit(model.count_tokens_sync, "hold count")
        streamed = threads.submit(lambda: list(model.stream_sync("hold stream")))
        until(lambda: one.actor.running == 7)
        monkeypatch.setenv("FAKE_API_KEY", "second")
        relay.target = second.socket
        relay.cut()
        two.actor.release.set()
        assert [p.result(10).completion for p in pending] == [f"held {n}" for n in range(5)]
        assert counted.result(10) == 1
        events = streamed.result(10)
        assert {b.connection.api_key for b in two.built} == {"second"}
        until(lambda: one.actor.running == 0)
    kinds = [type(e) for e in events]
    again = kinds.index(StreamRetryEvent)
    deltas = [e.text for e in events[again:] if isinstance(e, StreamTextEvent)]
    assert "".join(deltas) == "held "
    assert isinstance(events[-1], StreamFinishedEvent)
    assert events[-1].output.completion == "held stream"
    assert [e.seq for e in events] == sorted({e.seq for e in events})


def test_a_daemon_that_was_stopped_is_followed_by_the_next_one(home, threads):
    with House(Acting(), "one"):
        model = get_model("free/model")
        assert model.generate_sync("echo 1").completion == "1"
    with House(Acting(), "two"):
        assert model.generate_sync("echo 2").completion == "2"
    with pytest.raises(DaemonUnavailable):
        model.generate_sync("echo 3")
    with House(Acting(), "three"):
        assert model.generate_sync("echo 3").completion == "3"


def test_a_new_token_is_read_again(home):
    with House(Acting(), "one") as house:
        model = get_model("free/model")
        assert model.generate_sync("echo 1").completion == "1"
        os.unlink(house.home.token)
    with House(Acting(), "two") as house:
        assert house.token == make_token(house.home)
        assert model.generate_sync("echo 2").completion == "2"


def test_a_wrong_token_is_given_up_soon(house, home):
    write_private(house.home.token, "wrong")
    began = time.monotonic()
    with pytest.raises(DaemonUnavailable, match="token"):
        get_model("free/model")
    assert time.monotonic() - began < 5


def test_new_calls_wait_for_the_successor_of_a_draining_daemon(relay, threads):
    one, two = Acting(), Acting()
    with House(one, "one") as first, House(two, "two") as second:
        relay.target = first.socket
        model = get_model("free/model")
        running = threads.submit(model.generate_sync, "hold old")
        until(lambda: one.actor.running)
        first.begin_to_drain()
        until(lambda: link().draining)
        waiting = threads.submit(model.generate_sync, "echo new")
        time.sleep(0.15)
        assert not waiting.done()
        relay.target = second.socket
        assert waiting.result(10).completion == "new"
        assert two.actor.begun == ["echo new"]
        one.actor.release.set()
        assert running.result(10).completion == "held old"
        assert len(one.actor.begun) == 1


def test_a_call_that_meets_the_end_of_its_daemon_goes_to_the_next(relay, threads):
    """No goodbye was seen yet: the refusal of the call says it."""
    one, two = Acting(), Acting()
    with House(one, "one") as first, House(two, "two") as second:
        relay.target = first.socket
        model = get_model("free/model")
        until(lambda: link() is not None)
        first.ask(lambda: setattr(first.server._admission, "draining", True))
        relay.target = second.socket
        burst = [threads.submit(model.generate_sync, f"echo {n}") for n in range(30)]
        large = threads.submit(model.generate_sync, "echo " + "x" * 1_500_000)
        assert [b.result(10).completion for b in burst] == [str(n) for n in range(30)]
        assert len(large.result(10).completion) == 1_500_000
        assert one.actor.begun == []


def test_large_requests_are_sent_again_as_well(relay, threads):
    one, two = Acting(), Acting()
    text = "hold " + "x" * 1_500_000
    with House(one, "one") as first, House(two, "two") as second:
        relay.target = first.socket
        model = get_model("free/model")
        pending = [
            threads.submit(model.generate_sync, text),
            threads.submit(lambda: list(model.stream_sync(text))[-1].output),
        ]
        counted = threads.submit(model.count_tokens_sync, text)
        until(lambda: one.actor.running == 3)
        relay.target = second.socket
        relay.cut()
        two.actor.release.set()
        assert {p.result(15).completion for p in pending} == {f"held {text[5:]}"}
        assert counted.result(15) == 1


def test_a_call_that_breaks_its_stream_each_time_is_given_up(relay, acting):
    with House(acting) as house:
        relay.target = house.socket
        model = get_model("free/model")
        relay.poison = b"poison"
        with pytest.raises(DaemonUnavailable, match="lost"):
            model.generate_sync("poison")
        relay.poison = None
        assert relay.passed <= 60
        assert acting.actor.begun == []
        assert model.generate_sync("echo on").completion == "on"


def test_an_answer_that_breaks_its_stream_each_time_is_given_up(relay, acting):
    with House(acting) as house:
        relay.target = house.socket
        model = get_model("free/model")
        relay.poison = b"abcdefghij"
        with pytest.raises(DaemonUnavailable, match="lost"):
            model.generate_sync("letters 10")
        assert relay.passed <= 60
        assert len(acting.actor.begun) <= 6


def test_a_large_call_that_breaks_its_stream_each_time_is_given_up(relay, acting):
    with House(acting) as house:
        relay.target = house.socket
        model = get_model("free/model")
        relay.poison = b"poison"
        with pytest.raises(DaemonUnavailable, match="lost"):
            model.generate_sync("x" * 1_500_000 + "poison")
        relay.poison = None
        assert relay.passed <= 60
        assert acting.actor.begun == []
        assert len(model.generate_sync("echo " + "x" * 1_500_000).completion) == 1_500_000


def test_a_model_that_breaks_its_link_each_time_is_given_up(relay, acting):
    with House(acting) as house:
        relay.target = house.socket
        relay.poison = b"free/model"
        with pytest.raises(DaemonUnavailable):
            get_model("free/model")
        assert relay.passed <= 60


def test_a_daemon_that_accepts_and_says_nothing_is_given_up(relay):
    make_token(locate())
    began = time.monotonic()
    with pytest.raises(DaemonUnavailable, match="cannot connect"):
        get_model("free/model")
    assert time.monotonic() - began < 8


def test_fifty_reconnects_leak_neither_threads_nor_files(relay, acting):
    me = psutil.Process()
    with House(acting) as house:
        relay.target = house.socket
        model = get_model("free/model")

        def rounds(count: int) -> None:
            for number in range(count):
                assert model.generate_sync(f"echo {number}").completion == str(number)
                relay.cut()

        rounds(5)
        model.generate_sync("echo")  # the link and its threads are there, as at the end
        threads, files = threading.active_count(), me.num_fds()
        rounds(50)
        model.generate_sync("echo")
        until(lambda: threading.active_count() <= threads + 2)
        until(lambda: me.num_fds() <= files + 8)
        until(lambda: len(house.ask(house.sessions.statistics)) == 1)


def test_calls_from_everywhere_survive_a_link_that_breaks_again_and_again(relay, acting, threads):
    with House(acting) as house:
        relay.target = house.socket
        model = get_model("free/model")
        ending = threading.Event()

        def cut() -> None:
            while not ending.wait(0.15):
                relay.cut()

        cutter = threads.submit(cut)
        answers = [threads.submit(model.generate_sync, f"sleep 0.0{n % 7}") for n in range(100)]
        assert {a.result(15).completion for a in answers} == {"slept"}
        ending.set()
        cutter.result()
        until(lambda: house.in_flight() == 0)


def test_what_nobody_waits_for_ends_when_the_link_goes_on(relay, acting, threads):
    with House(acting) as house:
        relay.target = house.socket
        model = get_model("free/model")
        stream = model.stream_sync("hold one")
        next(stream)
        relay.target = None
        relay.cut()
        stream.close()
        relay.target = house.socket
        until(lambda: acting.actor.running == 0)
        assert model.generate_sync("echo on").completion == "on"
        assert acting.actor.begun == ["hold one", "echo on"]
