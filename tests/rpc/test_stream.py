"""How messages set out: by whoever has some, one at a time, none while the program forks."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from modeld import get_model, rpc
from modeld.errors import PrerequisiteError
from modeld.rpc.messages import Messages
from tests.fakes.acting import until


def test_a_grpc_without_what_the_stream_is_made_of_is_told(house, monkeypatch):
    monkeypatch.setattr("grpc._channel.Channel.stream_stream", lambda *_: object())
    with pytest.raises(PrerequisiteError, match="cannot use grpcio"):
        get_model("free/model").generate_sync("hi")


def test_a_message_that_cannot_be_made_loses_no_call(house, actor, monkeypatch):
    model = get_model("free/model")
    model.generate_sync("echo first")
    taking = Messages.take
    failed = []

    def take(self):
        message = taking(self)
        if not failed:
            failed.append(message)
            raise MemoryError
        return message

    with ThreadPoolExecutor(2) as pool:
        held = pool.submit(model.generate_sync, "hold other")
        until(lambda: actor.running == 1)
        monkeypatch.setattr(Messages, "take", take)
        assert model.generate_sync("echo next").completion == "next"
        assert failed[0].frames
        until(lambda: len([said for said in actor.begun if said == "hold other"]) == 2)
        actor.release.set()
        assert held.result(10).completion == "held other"
    assert not rpc.hub()._calls


def test_a_call_that_is_abandoned_while_it_is_sent_leaves_nothing(house, actor, monkeypatch):
    """Who forgets a call takes no lock: it may do so between any two steps of who sends it."""
    model, hub = get_model("free/model"), rpc.hub()
    model.generate_sync("echo first")
    model.close()  # the next call goes by the worker, since it must be opened again
    sending, abandoned = threading.Event(), threading.Event()

    def send_environment(*_args):
        sending.set()
        assert abandoned.wait(10)

    async def scene():
        task = asyncio.create_task(model.generate("hold"))
        assert await asyncio.to_thread(sending.wait, 10)
        task.cancel()
        await asyncio.wait([task])
        abandoned.set()

    with monkeypatch.context() as patch:
        patch.setattr(hub, "_send_environment", send_environment)
        asyncio.run(scene())
    assert model.generate_sync("echo next").completion == "next"
    until(lambda: not hub._calls)
    until(lambda: house.in_flight() == actor.running == 0)


def test_exceptions_of_signal_handlers_leave_the_calls_of_other_threads_alone(house, actor):
    """They may come at every step of a call in the main thread, and none of it may be grpc's."""
    model = get_model("free/model")
    model.generate_sync("echo first")
    armed = False

    class Alarm(Exception):
        pass

    def ring(*_args):
        if armed:
            raise Alarm

    def ask(number):
        return [model.generate_sync(f"echo {number}").completion for _ in range(100)]

    def ring_again_and_again():
        while not over.wait(random.uniform(0.0005, 0.0025)):
            os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, ring)
    over, rung = threading.Event(), 0
    ringing = threading.Thread(target=ring_again_and_again)
    ringing.start()
    try:
        with ThreadPoolExecutor(3) as pool:
            others = [pool.submit(ask, number) for number in range(3)]
            while not all(other.done() for other in others):
                try:
                    armed = True
                    model.generate_sync("echo main")
                except Alarm:
                    rung += 1
                armed = False
            assert [other.result() for other in others] == [[str(n)] * 100 for n in range(3)]
    finally:
        armed = False
        over.set()
        ringing.join()
        signal.signal(signal.SIGUSR1, before)
    assert rung
    assert model.generate_sync("echo last").completion == "last"


def test_no_message_sets_out_while_it_is_held_and_all_do_together_after(house, actor):
    model = get_model("free/model")
    model.generate_sync("echo first")
    link = rpc.hub()._link
    link.hold_messages()
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(model.generate_sync, f"echo {n}") for n in range(4)]
        until(lambda: len(rpc.hub()._calls) == 4)
        sent = link._delivery.sent
        assert not any(call.done() for call in calls)
        link.let_messages_go()
        assert [call.result(10).completion for call in calls] == ["0", "1", "2", "3"]
        assert link._delivery.sent == sent + 1


def test_a_frame_put_in_the_middle_of_a_message_goes_with_the_next_one(house, actor, monkeypatch):
    """As the garbage collector does it, which may close an abandoned stream anywhere."""
    model = get_model("free/model")
    abandoned = [model.stream_sync("drip 5000")]
    next(abandoned[0])
    taking = Messages.take

    def take(self):
        message = taking(self)
        if message is not None:
            abandoned.clear()
        return message

    monkeypatch.setattr(Messages, "take", take)
    assert model.generate_sync("echo other").completion == "other"
    until(lambda: any(said.startswith("drip") for said, _ in actor.cancelled))
    assert not abandoned
    until(lambda: not rpc.hub()._calls)
