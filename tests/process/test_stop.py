"""Daemons that end or should, and what is left of them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from modeld import launch
from modeld.discovery import Home, Lock, prepare_home
from modeld.launch import ensure, running, serving, stop
from tests.fakes.launching import only_for_a_while


@pytest.fixture
def home(modeld_home) -> Iterator[Home]:
    with only_for_a_while(Home(str(modeld_home))) as home:
        yield home


def test_a_stopped_daemon_leaves_no_trace_but_what_is_kept(home):
    record = ensure(home)
    assert [found.pid for found in running(home)] == [record.pid]
    stopped = stop(home, timeout=5)
    assert [found.pid for found in stopped.ended] == [record.pid]
    assert stopped.running == []
    kept = {"daemon.lock", "lifecycle.lock", "modeld.log", "run", "salt", "token"}
    assert set(os.listdir(home.path)) == kept
    assert os.listdir(home.run) == []
    assert not Lock.is_held(home.daemon_lock)
    assert stop(home) == launch.Stopped()


def test_a_daemon_that_does_not_listen_to_signals_is_killed(home):
    record = ensure(home)
    os.kill(record.pid, signal.SIGSTOP)
    assert stop(home, timeout=0.2).running
    assert [found.pid for found in stop(home, force=True, timeout=0.2).ended] == [record.pid]
    assert ensure(home).pid != record.pid


def test_the_token_is_kept_across_generations(home):
    ensure(home)
    token = Path(home.token).read_text()
    stop(home, timeout=5)
    ensure(home)
    assert Path(home.token).read_text() == token


def test_a_hangup_does_not_end_a_daemon(home):
    record = ensure(home)
    os.kill(record.pid, signal.SIGHUP)
    time.sleep(0.1)
    assert serving(home) == record


def test_a_listener_that_does_not_accept_is_alive(home):
    prepare_home(home)
    path = f"{home.run}/busy.sock"
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(path)
        listener.listen(0)
        began = time.monotonic()
        assert launch.probe(f"unix:{path}", 0.1)
        waiting = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(5)]
        for one in waiting:
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect(path)
        assert launch.probe(f"unix:{path}", 0.1)
        assert time.monotonic() - began < 2
    assert not launch.probe(f"unix:{path}", 0.1)
    assert not launch.probe(f"unix:{home.run}/nothing.sock", 0.1)


def test_a_log_is_shown_from_its_end(tmp_path):
    log = tmp_path / "log"
    assert launch.tail_log(str(log)) == ""
    log.write_text("".join(f"{n}\n" for n in range(30000)))
    assert launch.tail_log(str(log), 2) == "29998\n29999"
    size = log.stat().st_size
    assert launch.tail_log(str(log), since=size) == ""
    log.write_text("rotated\n")
    assert launch.tail_log(str(log), since=size) == "rotated"


def test_descriptors_of_locks_are_not_handed_to_children(home):
    prepare_home(home)
    lock = Lock.take(home.lifecycle_lock)
    assert lock is not None
    assert fcntl.fcntl(lock._fd, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    lock.release()
