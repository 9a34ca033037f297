"""Resuming, frame by frame: who may, what it is told, and what a hostile client gains."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import grpc
import psutil
import pytest

from modeld.wire import delivery
from modeld_daemon.service import session as service
from tests.fakes.acting import until
from tests.fakes.raw_session import RawSession, generate, hello, resuming, stream

CAPABLE = hello(capabilities=["resume"])
MB = 1024 * 1024


@pytest.fixture
def capable(house):
    """A session of a client that can resume; its process, number 1, lives."""
    with RawSession(house, greeting=CAPABLE) as session:
        yield session


def again(house, session, received: int | None = None, **fields) -> RawSession:
    count = session.received if received is None else received
    return RawSession(house, greeting=resuming(session.welcome.session, count, **fields))


def is_missed(house) -> bool:
    return bool(house.server._sessions._missed)


def test_a_session_goes_on_over_another_stream(house, capable, actor):
    capable.send(generate(1, "hold 1"), stream(2, "drip 20"))
    until(lambda: actor.running == 2)
    capable.vanish()
    until(lambda: actor.running == 1)
    with again(house, capable) as second:
        assert second.welcome.resumed
        assert second.welcome.session == capable.welcome.session
        assert second.welcome.received == 1
        assert second.end(2).event.HasField("finished")
        actor.release.set()
        assert second.answer(1) == "held 1"
    assert len(actor.begun) == 2


def test_what_was_received_is_not_sent_again(house, capable):
    for id in range(1, 6):
        capable.send(generate(id, f"echo {id}"))
        assert capable.answer(id) == str(id)
    capable.vanish()
    with again(house, capable, received=3) as second:
        assert second.welcome.received == 5
        assert (second.any_frame().call_id, second.any_frame().call_id) == (4, 5)
        second.send(generate(6, "echo 6"))
        assert second.any_frame().call_id == 6


def test_the_daemon_says_what_it_has_when_it_is_asked(house, capable):
    capable.send(generate(1, "hold 1"))
    capable.send(generate(2, "hold 2"))
    capable.acknowledge(0, ask=True)
    message = next(capable.stream)
    assert (message.received, len(message.frames)) == (2, 0)


@pytest.mark.parametrize("secret", ["", "wrong", "x" * 10_000])
def test_a_wrong_secret_begins_a_session_of_its_own(house, capable, actor, secret):
    capable.send(generate(1, "hold 1"))
    until(lambda: actor.running)
    with RawSession(house, greeting=resuming(secret, 0)) as other:
        assert not other.welcome.resumed
        assert other.welcome.session not in (capable.welcome.session, secret)
        actor.release.set()
        assert capable.answer(1) == "held 1"


def test_another_process_cannot_take_a_session_over(house, capable, actor):
    """A forked child has its parent's secret in memory."""
    capable.send(generate(1, "hold 1"))
    until(lambda: actor.running)
    with again(house, capable, pid=os.getpid()) as other:
        assert not other.welcome.resumed
    actor.release.set()
    assert capable.answer(1) == "held 1"


def test_another_user_cannot_even_ask(house, capable):
    greeting = resuming(capable.welcome.session, 0)
    other = RawSession(house, token="of another user", greeting=greeting)
    assert other.status() is grpc.StatusCode.UNAUTHENTICATED
    capable.send(generate(1, "echo on"))
    assert capable.answer(1) == "on"


def test_a_client_that_cannot_resume_ends_with_its_stream(house, actor):
    with RawSession(house) as session:
        session.send(generate(1, "hold 1"))
        until(lambda: actor.running)
    until(lambda: len(actor.cancelled) == 1)
    with again(house, session) as other:
        assert not other.welcome.resumed


def test_a_session_is_kept_for_a_while_only(house, capable, actor, monkeypatch):
    monkeypatch.setattr(service, "GRACE_SECONDS", 0.3)
    capable.send(generate(1, "hold 1"), generate(2, "hold 2", request_id="r"))
    until(lambda: actor.running == 2)
    capable.vanish()
    until(lambda: is_missed(house))
    assert actor.running == 2
    until(lambda: [said for said, _ in actor.cancelled] == ["hold 1"], 1.5)
    with again(house, capable) as late:
        assert not late.welcome.resumed
        late.send(generate(2, "hold 2", request_id="r"))
        actor.release.set()
        assert late.answer(2) == "held 2"


def test_each_absence_has_its_own_patience(house, capable, actor, monkeypatch):
    monkeypatch.setattr(service, "GRACE_SECONDS", 0.6)
    capable.send(generate(1, "hold 1"))
    until(lambda: actor.running)
    session = capable
    for _ in range(6):
        session.vanish()
        until(lambda: is_missed(house))
        until(lambda: True)

        time.sleep(0.2)
        session = again(house, capable, received=0).greet()
        assert session.welcome.resumed
    actor.release.set()
    assert session.answer(1) == "held 1"
    session.vanish()


def test_a_client_that_died_is_not_waited_for(house, actor):
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        greeting = hello(capabilities=["resume"], pid=child.pid)
        with RawSession(house, greeting=greeting) as session:
            session.send(generate(1, "hold 1"))
            until(lambda: actor.running)
            session.vanish()
            until(lambda: is_missed(house))
            child.kill()  # a zombie until somebody asks
            assert until(lambda: actor.running == 0) < 0.2
    finally:
        child.communicate()


def test_who_cannot_be_seen_is_not_waited_for(house, actor):
    with RawSession(house, greeting=hello(capabilities=["resume"], pid=2**22 + 1)) as session:
        session.send(generate(1, "hold 1"))
        until(lambda: actor.running)
        session.vanish()
        assert until(lambda: actor.running == 0) < 0.2


def test_the_newer_stream_displaces_the_one_before(house, capable, actor):
    capable.send(generate(1, "hold 1"))
    until(lambda: actor.running)
    with again(house, capable) as second:
        assert second.welcome.resumed
        assert capable.status() is grpc.StatusCode.ABORTED
        actor.release.set()
        assert second.answer(1) == "held 1"
    assert len(actor.begun) == 1


def test_of_many_that_resume_at_once_one_goes_on(house, capable, actor):
    capable.send(generate(1, "hold 1"))
    until(lambda: actor.running)
    racing = [again(house, capable, received=0) for _ in range(8)]
    ends: list[grpc.StatusCode | str] = []

    def follow(one: RawSession) -> None:
        try:
            ends.append(one.greet().answer(1))
        except grpc.RpcError as error:
            ends.append(error.code())

    following = [threading.Thread(target=follow, args=(one,)) for one in racing]
    for thread in following:
        thread.start()
    until(lambda: len(ends) == 7)  # who goes on is the last one that the daemon has heard
    actor.release.set()
    for thread in following:
        thread.join(5)
    assert ends == [grpc.StatusCode.ABORTED] * 7 + ["held 1"]
    assert len(actor.begun) == 1
    assert len(house.ask(house.sessions.statistics)) == 1
    for one in racing:
        one.vanish()


@pytest.mark.parametrize("received", [7, 2**64 - 1])
def test_an_impossible_count_ends_the_session(house, capable, actor, received):
    capable.send(generate(1, "hold 1"))
    until(lambda: actor.running)
    assert again(house, capable, received=received).status() is grpc.StatusCode.OUT_OF_RANGE
    until(lambda: actor.running == 0)


def test_an_impossible_count_in_a_message_ends_the_session(house, capable, actor):
    capable.send(generate(1, "hold 1"))
    until(lambda: actor.running)
    capable.acknowledge(99)
    assert capable.status() is grpc.StatusCode.OUT_OF_RANGE
    until(lambda: actor.running == 0)


def test_who_never_says_what_it_has_costs_little_and_cannot_resume(
    house, capable, actor, monkeypatch
):
    monkeypatch.setattr(delivery, "KEPT_BYTES", 4 * MB)
    (connection,) = house.server._sessions._connections.values()
    before = psutil.Process().memory_info().rss
    for id in range(1, 60):
        capable.send(generate(id, f"letters {MB}"))
        assert len(capable.answer(id)) == MB // 10 * 10
        assert connection.delivery.kept_bytes <= 4 * MB
    assert psutil.Process().memory_info().rss - before < 60 * MB
    capable.send(generate(100, "hold 100"))
    until(lambda: actor.running)
    capable.vanish()
    until(lambda: actor.running == 0)
    with again(house, capable) as other:
        assert not other.welcome.resumed


def test_a_message_that_never_arrives_ends_the_session_at_last(house, capable, actor):
    capable.send(generate(1, "echo 1"), generate(2, "hold 2"))
    capable.answer(1)
    session, tries = capable, 0
    while tries == 0 or session.welcome.resumed:
        assert tries < 10
        session.vanish()
        session = again(house, capable, received=0).greet()
        tries += 1
    assert tries > 2
    until(lambda: actor.running == 0)
    session.vanish()
