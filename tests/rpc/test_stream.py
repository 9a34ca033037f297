"""How messages set out: by whoever has some, one at a time, none while the program forks."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from modeld import get_model, rpc
from modeld.rpc.messages import Messages
from tests.fakes.acting import until


def test_an_interruption_while_a_message_is_made_loses_no_call(house, actor, monkeypatch):
    model = get_model("free/model")
    model.generate_sync("echo first")
    taking = Messages.take
    interrupted = []

    def take(self):
        message = taking(self)
        if not interrupted and threading.current_thread() is threading.main_thread():
            interrupted.append(message)
            raise KeyboardInterrupt
        return message

    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(model.generate_sync, "hold other")
        until(lambda: actor.running == 1)
        before = rpc.hub()._link
        monkeypatch.setattr(Messages, "take", take)
        with pytest.raises(KeyboardInterrupt):
            model.generate_sync("echo interrupted")
        assert interrupted[0].frames
        until(lambda: rpc.hub()._link not in (None, before))
        assert model.generate_sync("echo next").completion == "next"
        until(lambda: len([said for said in actor.begun if said == "hold other"]) == 2)
        actor.release.set()
        assert held.result(10).completion == "held other"
    assert "echo interrupted" not in actor.begun
    assert not rpc.hub()._calls


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
