"""A stream that breaks while the daemon lives: nothing is lost, nothing comes twice, nobody notices."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from modeld import get_model, rpc
from modeld.types import StreamFinishedEvent, StreamRetryEvent, StreamTextEvent
from tests.fakes.acting import Acting, until
from tests.fakes.relay import Relay
from tests.fakes.serving import House

DRIPPED = "".join(f"{n} " for n in range(15))


@pytest.fixture
def relay(home, monkeypatch):
    with Relay(home) as relay:
        monkeypatch.setenv("MODELD_ADDRESS", relay.address)
        yield relay


@pytest.fixture
def threads():
    with ThreadPoolExecutor(32) as pool:
        yield pool


@pytest.fixture
def wired(relay, acting):
    """A daemon behind the relay."""
    with House(acting) as house:
        relay.target = house.socket
        yield house
        rpc.hub().close()


def streamed(model, said: str) -> str:
    """The deltas of a stream, which must be whole, in order, and its answer."""
    events = list(model.stream_sync(said))
    assert not [e for e in events if isinstance(e, StreamRetryEvent)]
    seqs = [e.seq for e in events]
    assert seqs == sorted(set(seqs))
    assert isinstance(events[-1], StreamFinishedEvent)
    text = "".join(e.text for e in events if isinstance(e, StreamTextEvent))
    assert text == events[-1].output.completion
    return text


def asked_once(actor) -> bool:
    return len(actor.begun) == len(set(actor.begun))


def test_two_hundred_cuts_at_random_moments(relay, wired, actor, threads):
    model = get_model("free/model")
    ending = threading.Event()
    dice = random.Random(7)

    def plain(number: int) -> int:
        count = 0
        while not ending.is_set():
            count += 1
            said = f"{number}.{count}"
            assert model.generate_sync(f"echo {said}").completion == said
        return count

    def streams(number: int) -> int:
        count = 0
        while not ending.is_set():
            count += 1
            assert streamed(model, f"drip 15 1 {number} {count}") == DRIPPED
        return count

    actor._drip_plain = actor._drip

    async def drip(rest, sink):  # what follows tells the calls apart
        return await actor._drip_plain(" ".join(rest.split()[:2]), sink)

    actor._drip = drip
    calls = [threads.submit(plain, n) for n in range(6)]
    calls += [threads.submit(streams, n) for n in range(6, 12)]
    for _ in range(200):
        time.sleep(dice.uniform(0.001, 0.04))
        relay.cut()
    ending.set()
    assert min(call.result(15) for call in calls) > 3
    assert asked_once(actor)
    assert relay.passed > 100
    assert len(wired.ask(wired.sessions.statistics)) == 1
    until(lambda: wired.in_flight() == 0)


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_cut_at_any_byte(relay, wired, actor, way):
    """Of the request and of the answer, also in the middle of a message of theirs."""
    model = get_model("free/model")
    dice = random.Random(1)
    for number in range(100):
        relay.left[way] = dice.randrange(1, 400)
        said = f"{number} " + "x" * dice.randrange(300)
        assert model.generate_sync(f"echo {said}").completion == said
        relay.left.clear()
    assert asked_once(actor)
    assert len(actor.begun) == 100
    assert relay.passed > 60


def test_cuts_of_a_large_answer(relay, wired, actor):
    model = get_model("free/model")
    for number in range(1, 6):
        relay.left["down"] = 700_000 * number
        assert len(streamed(model, "letters 4000000")) == 4_000_000
        assert not relay.left
    assert len(actor.begun) == 5


def test_a_cut_right_after_the_request_was_sent(relay, wired, actor, threads):
    model = get_model("free/model")
    for number in range(20):
        held = threads.submit(model.generate_sync, f"hold {number}")
        until(lambda: actor.running == 1)
        relay.cut()
        actor.release.set()
        assert held.result(5).completion == f"held {number}"
        actor.release.clear()
    assert len(actor.begun) == 20


def test_calls_that_begin_and_end_while_the_wire_is_down(relay, wired, actor, threads):
    model = get_model("free/model")
    leaving = model.stream_sync("hold leaving")
    next(leaving)
    stream = threads.submit(streamed, model, "drip 15")
    staying = threads.submit(lambda: list(model.stream_sync("hold staying")))
    until(lambda: actor.running == 3)
    socket, relay.target = relay.target, None
    relay.cut()
    until(lambda: actor.running == 2)  # the drip has ended, and its answer waits
    assert not stream.done()
    leaving.close()
    begun = threads.submit(model.generate_sync, "echo begun")
    actor.release.set()
    until(lambda: actor.running == 0)
    relay.target = socket
    assert stream.result(5) == DRIPPED
    kinds = [type(event) for event in staying.result(5)]
    assert kinds == [StreamTextEvent, StreamFinishedEvent]
    assert begun.result(5).completion == "begun"
    assert asked_once(actor)


def test_the_calls_of_a_client_that_leaves_end_at_once(relay, wired, actor):
    model = get_model("free/model")
    held = model.stream_sync("hold on")
    next(held)
    began = time.monotonic()
    rpc.hub().close()
    until(lambda: actor.running == 0)
    assert time.monotonic() - began < 0.5
    assert wired.ask(wired.sessions.statistics) == []
    held.close()


def test_a_draining_daemon_keeps_its_answers_for_who_comes_back(relay, wired, actor, threads):
    model = get_model("free/model")
    held = threads.submit(model.generate_sync, "hold on")
    until(lambda: actor.running == 1)
    drained = threading.Event()

    async def drain():
        await wired.server.drain(None)
        drained.set()

    wired.ask(lambda: wired._tasks.start_soon(drain))
    until(lambda: rpc.hub()._link.draining)
    socket, relay.target = relay.target, None
    relay.cut()
    actor.release.set()
    until(lambda: actor.running == 0)
    assert not drained.wait(0.2)
    relay.target = socket
    assert held.result(5).completion == "held on"
    assert drained.wait(5)
    assert actor.begun == ["hold on"]


def test_what_is_kept_stays_small(relay, wired, acting: Acting):
    model = get_model("free/model")
    for _ in range(300):
        model.generate_sync("echo " + "x" * 20_000)
    link = rpc.hub()._link
    (connection,) = wired.server._sessions._connections.values()
    assert link._delivery.sent > 300
    assert link._delivery.kept_bytes < 1_000_000
    assert connection.delivery.kept_bytes < 1_000_000
    assert connection.delivery.kept <= 65
