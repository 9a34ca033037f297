"""A signal's handler may raise at any step of the main thread: what it leaves can go on."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from types import SimpleNamespace

import pytest

from modeld.rpc import deadlines as deadlines_module
from modeld.rpc.deadlines import Deadlines
from modeld.rpc.hub import Hub
from modeld.rpc.mailbox import _Bridge


class Interrupted:
    """Raises at its first call, as Ctrl-C does; later ones are kept."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self._first = True

    def __call__(self, call: object) -> None:
        if self._first:
            self._first = False
            raise KeyboardInterrupt
        self.calls.append(call)


def test_a_loop_that_was_interrupted_sends_what_comes_later():
    call_next, told = Interrupted(), []
    bridge = _Bridge(lambda _: None, call_next)

    def pump() -> None:
        told.append("pumped")

    with pytest.raises(KeyboardInterrupt):
        bridge.soon(pump)
    bridge.soon(pump)
    assert len(call_next.calls) == 1
    call_next.calls[0]()
    assert told == ["pumped"]


def test_a_changed_variable_whose_sending_was_interrupted_is_sent_with_the_next_call():
    values = {"OPENAI_API_KEY": "sk-new"}
    hub = Hub(SimpleNamespace(values=lambda names: values))
    send = Interrupted()
    link = SimpleNamespace(
        environment_sent={"OPENAI_API_KEY": "sk-old"},
        environment_seen={},
        environment_version=0,
        send=send,
    )
    with pytest.raises(KeyboardInterrupt):
        hub._send_environment(link, tuple(values))
    hub._send_environment(link, tuple(values))
    hub._send_environment(link, tuple(values))
    assert [dict(frame.environment.set) for frame in send.calls] == [values]


def test_deadlines_come_after_the_start_of_their_thread_was_interrupted(monkeypatch):
    started = deadlines_module.start_thread
    starts = Interrupted()
    monkeypatch.setattr(deadlines_module, "start_thread", starts)
    deadlines, told = Deadlines(), SimpleQueue()
    with pytest.raises(KeyboardInterrupt):
        deadlines.add(60, lambda: None)
    monkeypatch.setattr(deadlines_module, "start_thread", started)
    deadlines.add(0, lambda: told.put("late"))
    assert told.get(timeout=10) == "late"


def test_a_deadline_is_set_without_leaving_a_lock_by_steps_of_python(monkeypatch):
    left = threading.Condition.__exit__

    def interrupted(condition: threading.Condition, *error: object) -> None:
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt  # and the lock stays taken
        left(condition, *error)

    deadlines, told = Deadlines(), SimpleQueue()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Condition, "__exit__", interrupted)
        deadlines.add(0, lambda: told.put("late"))
    assert told.get(timeout=10) == "late"
