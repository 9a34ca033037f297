"""Requests of megabytes: they go in parts, break with no stream, and hold up nobody."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from modeld import get_model, rpc
from modeld.errors import InvalidRequest
from modeld.types import GenerateConfig, StreamFinishedEvent, StreamRetryEvent
from modeld.v1 import error_pb2 as reasons
from modeld.v1 import session_service_pb2 as pb
from modeld.v1.model_service_pb2 import CloseModelRequest
from modeld.wire import config_to_proto
from modeld.wire.chunks import CHUNK_BYTES, MOST_BYTES, Parts, chunks
from modeld_daemon.core import pipeline
from modeld_daemon.core.asked import claim
from modeld_daemon.service import session
from tests.fakes.acting import until
from tests.fakes.raw_session import RawSession, call, cancel, generate
from tests.fakes.relay import Relay
from tests.fakes.serving import House
from tests.fakes.unary import Unary

MB = 1024 * 1024


class Watched(Parts):
    """Notes how much waited at most."""

    most_size = 0

    def add(self, call_id, chunk):
        try:
            return super().add(call_id, chunk)
        finally:
            self.most_size = max(self.most_size, self.size + len(chunk.data))


@pytest.fixture
def relay(home, monkeypatch):
    with Relay(home) as relay:
        monkeypatch.setenv("MODELD_ADDRESS", relay.address)
        yield relay


@pytest.fixture
def wired(relay, acting):
    """A daemon behind the relay."""
    with House(acting) as house:
        relay.target = house.socket
        yield house
        rpc.hub().close()


def connection(house: House):
    (found,) = house.server._sessions._connections.values()
    return found


def parts(frame: pb.ClientFrame) -> Iterator[pb.ClientFrame]:
    for chunk in chunks(frame.SerializeToString()):
        yield pb.ClientFrame(call_id=frame.call_id, chunk=chunk)


def answered(model, kind: str, text: str) -> str:
    if kind == "unary":
        return model.generate_sync(text).completion
    events = list(model.stream_sync(text))
    assert not [e for e in events if isinstance(e, StreamRetryEvent)]
    assert isinstance(events[-1], StreamFinishedEvent)
    return events[-1].output.completion


@pytest.mark.parametrize("kind", ["unary", "streamed"])
def test_a_call_of_5_mb_whose_stream_is_cut_anywhere_is_made_once(relay, wired, actor, kind):
    model = get_model("free/model")
    dice = random.Random(kind)
    for number in range(12):
        said = f"{number} " + f"{dice.random()}" * (5 * MB // 19)
        relay.left["up"] = dice.randrange(len(said))
        assert answered(model, kind, f"echo {said}") == said
        assert not relay.left
    assert len(actor.begun) == len(set(actor.begun)) == 12
    assert connection(wired).parts.size == 0
    assert len(wired.ask(wired.sessions.statistics)) == 1


def test_cuts_at_random_moments_of_many_large_calls(relay, wired, actor):
    model = get_model("free/model")
    dice, ending = random.Random(3), threading.Event()

    def calls(number: int) -> int:
        count = 0
        while not ending.is_set():
            count += 1
            said = f"{number} {count} " + "x" * (5 * MB if number < 2 else 10)
            assert answered(model, ["unary", "streamed"][count % 2], f"echo {said}") == said
        return count

    with ThreadPoolExecutor(5) as pool:
        running = [pool.submit(calls, number) for number in range(5)]
        for _ in range(40):
            time.sleep(dice.uniform(0.005, 0.1))
            relay.cut()
        ending.set()
        assert min(call.result(15) for call in running) > 0
    assert len(actor.begun) == len(set(actor.begun))
    assert relay.passed > 20
    until(lambda: wired.in_flight() == connection(wired).parts.size == 0)


def test_many_large_calls_at_once_wait_where_they_are(relay, wired, actor):
    model = get_model("free/model")
    model.generate_sync("echo first")
    watched = connection(wired).parts = Watched()
    texts = [f"echo {number} " + "x" * (5 * MB) for number in range(24)]
    most_kept = 0
    with ThreadPoolExecutor(24) as pool:
        running = [pool.submit(model.generate_sync, text) for text in texts]
        while not all(call.done() for call in running):
            most_kept = max(most_kept, rpc.hub()._link._delivery.kept_bytes)
            time.sleep(0.002)
        assert [call.result().completion for call in running] == [text[5:] for text in texts]
    assert len(actor.begun) == 25
    assert 5 * MB < watched.most_size < 6 * MB  # one after the other
    assert most_kept < 16 * MB


def test_small_calls_are_not_held_up_by_a_large_one(house, actor, monkeypatch):
    model = get_model("free/model")
    model.generate_sync("echo first")
    order: list[int] = []
    whole = connection(house)._generate
    monkeypatch.setitem(
        connection(house)._handlers, "generate",
        lambda frame: (order.append(len(frame.generate)), whole(frame)),
    )  # fmt: skip
    with ThreadPoolExecutor(1) as pool:
        large = pool.submit(model.generate_sync, "echo " + "x" * (60 * MB))
        until(lambda: connection(house).parts.size)
        for number in range(3):
            assert model.generate_sync(f"echo {number}").completion == str(number)
        assert len(large.result(15).completion) == 60 * MB
    assert [size > MB for size in order] == [False, False, False, True]


def test_a_large_call_that_nobody_waits_for_any_more_leaves_nothing(house, actor):
    model = get_model("free/model")
    model.generate_sync("echo first")
    watched = connection(house).parts = Watched()

    async def leave(kind: str) -> None:
        task = asyncio.create_task(getattr(model, kind)("echo " + "x" * (60 * MB)))
        while not watched.size:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    for kind in ("generate", "count_tokens"):
        asyncio.run(leave(kind))
        until(lambda: watched.size == 0)
        assert model.generate_sync(f"echo {kind}").completion == kind
    assert watched.most_size < 60 * MB
    assert actor.begun == ["echo first", "echo generate", "echo count_tokens"]


def test_large_calls_are_named_apart_from_the_loop_and_are_shared(house, actor, monkeypatch):
    threads: list[str] = []

    def named(call, route, args):
        threads.append(threading.current_thread().name)
        return claim(call, route, args)

    monkeypatch.setattr(pipeline, "claim", named)
    model, text = get_model("free/model"), "hold " + "x" * MB
    with ThreadPoolExecutor(3) as pool:
        equal = [pool.submit(model.generate_sync, text, cache=True) for _ in range(3)]
        until(lambda: actor.running)
        until(lambda: len(threads) == 3)
        actor.release.set()
        outputs = [call.result(10) for call in equal]
    assert {output.completion for output in outputs} == {f"held {text[5:]}"}
    assert len(actor.begun) == 1
    assert "house" not in threads
    model.generate_sync("echo small", cache=True)
    assert threads[-1] == "house"
    with Unary(house) as unary:
        asked = call(text, config=config_to_proto(GenerateConfig(cache=True)))
        answer = unary("Generate", call=asked)
        assert answer.output.choices[0].message.text == f"held {text[5:]}"
    assert len(threads) == 5
    assert "house" not in threads[-1]
    assert len(actor.begun) == 2


def test_a_large_call_that_is_cancelled_while_it_is_named_never_goes_on(house, actor, monkeypatch):
    naming, going = threading.Event(), threading.Event()

    def named(call, route, args):
        naming.set()
        assert going.wait(10)
        return claim(call, route, args)

    monkeypatch.setattr(pipeline, "claim", named)
    with RawSession(house) as raw:
        raw.send(generate(1, "echo " + "x" * MB))
        assert naming.wait(10)
        raw.send(generate(1, "echo taken"))
        assert raw.reason(1) == reasons.FAILURE_REASON_INVALID_REQUEST
        raw.send(cancel(1))
        monkeypatch.setattr(pipeline, "claim", claim)
        raw.send(generate(2, "echo on"))
        assert raw.answer(2) == "on"
        going.set()
        until(lambda: not connection(house)._scopes)
        assert actor.begun == ["echo on"]
        assert house.in_flight() == 0
        handle = raw.opened(3, "free/model")
        payload = call("echo " + "y" * MB, handle=handle).SerializeToString()
        closing = CloseModelRequest(handle=handle).SerializeToString()
        raw.send(pb.ClientFrame(call_id=4, generate=payload), pb.ClientFrame(close_model=closing))
        assert len(raw.answer(4)) == MB


def test_parts_beyond_the_bound_fail_their_own_call_only(house, actor):
    with RawSession(house, seconds=30) as raw:
        raw.send(generate(1, "hold on"))
        waiting = generate(2, "echo " + "y" * (3 * MB))
        *begun, last = parts(waiting)
        raw.send(*begun)
        for frame in parts(generate(3, "echo " + "x" * (MOST_BYTES - MB))):
            raw.send(frame)
        assert raw.reason(3) == reasons.FAILURE_REASON_INVALID_REQUEST
        raw.send(last)
        assert len(raw.answer(2)) == 3 * MB
        for frame in parts(generate(4, "echo " + "z" * (3 * MB))):
            raw.send(frame)
        assert len(raw.answer(4)) == 3 * MB
        assert connection(house).parts.size == 0
        actor.release.set()
        assert raw.answer(1) == "held on"
    assert sorted(said[:6] for said in actor.begun) == ["echo y", "echo z", "hold o"]


def test_parts_that_are_no_frame_fail_their_own_call_only(house):
    nested = pb.ClientFrame(chunk=pb.Chunk(data=b"x", last=True)).SerializeToString()
    with RawSession(house) as raw:
        for number, data in enumerate([b"\xff" * 100, nested, b""], 1):
            raw.send(pb.ClientFrame(call_id=number, chunk=pb.Chunk(data=data, last=True)))
            assert raw.reason(number) == reasons.FAILURE_REASON_INVALID_REQUEST
        raw.send(pb.ClientFrame(call_id=9, chunk=pb.Chunk(data=b"begun")), cancel(9))
        raw.send(generate(10, "echo on"))
        assert raw.answer(10) == "on"
        assert connection(house).parts.size == 0


def test_a_daemon_that_takes_no_parts_is_sent_the_whole(home, acting, monkeypatch):
    monkeypatch.setattr(session, "CAPABILITIES", ("resume",))
    with House(acting) as house:
        model = get_model("free/model")
        watched = connection(house).parts = Watched()
        assert len(model.generate_sync("echo " + "x" * (3 * MB)).completion) == 3 * MB
        assert watched.most_size == 0
        rpc.hub().close()


def test_the_parts_of_many_calls_are_bounded_too():
    waiting = Parts()
    for number in range(1_000):
        assert waiting.add(number, pb.Chunk(data=b"x")) is None
    for _ in range(2):
        with pytest.raises(InvalidRequest, match="at once"):
            waiting.add(1_000, pb.Chunk(data=b"x"))
    assert waiting.size == 1_000
    assert waiting.add(7, pb.Chunk(data=b"y", last=True)) == b"xy"
    waiting.drop(8)
    assert waiting.size == 998


def test_parts_are_put_together_as_they_were():
    data = random.Random(1).randbytes(3 * CHUNK_BYTES + 1)
    waiting = Parts()
    *before, last = [waiting.add(5, chunk) for chunk in chunks(data)]
    assert before == [None] * 3
    assert last == data
    assert waiting.size == 0
