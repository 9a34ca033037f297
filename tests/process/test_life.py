"""How a daemon ends: asked once, asked twice, idle, or because something broke."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from modeld import launch
from modeld.discovery import Home, Lock, Record
from modeld.errors import DaemonUnavailable
from modeld.launch import ensure, running, serving, stop, wait_for_end
from tests.fakes import bare_house
from tests.fakes.programs import Program, ended, kill_daemon

ROOTS = [str(Path(launch.__file__).parents[2]), str(Path(__file__).parents[2])]


@pytest.fixture
def home(modeld_home) -> Iterator[Home]:
    home = Home(str(modeld_home))
    yield home
    with contextlib.suppress(DaemonUnavailable):
        stop(home, force=True, timeout=3)


@pytest.fixture
def start(home, monkeypatch):
    """Starts a fake house that follows a script."""

    def start(**script: float | str) -> Record:
        monkeypatch.setenv("MODELD_HOUSE", json.dumps(script))
        monkeypatch.setattr(launch.spawn, "daemon_command", command)
        return ensure(home)

    def command(home: Home) -> list[str]:
        program = [sys.executable, str(bare_house.__file__), "--home", home.path, "--ready-fd", "3"]
        roots = os.pathsep.join([*ROOTS, f"{ROOTS[1]}/daemon"])
        return ["/usr/bin/env", f"PYTHONPATH={roots}", *program]

    return start


def log(home: Home) -> str:
    return Path(home.log).read_text()


def test_a_daemon_that_is_asked_once_lets_its_calls_end(home, start):
    record = start(call=0.6)
    os.kill(record.pid, signal.SIGTERM)
    assert not wait_for_end(record, 0.2)
    assert wait_for_end(record, 5)
    assert "the call has ended" in log(home)
    assert os.listdir(home.run) == []


def test_a_successor_starts_while_the_last_calls_of_the_old_one_go_on(home, start):
    old = start(call=30)
    os.kill(old.pid, signal.SIGTERM)
    while serving(home):
        time.sleep(0.005)
    new = start()
    assert new.generation != old.generation
    assert [record.generation for record in running(home)] == [old.generation, new.generation]
    # Both are found and ended, although only one has the record.
    stopped = stop(home, force=True)
    assert [record.generation for record in stopped.ended] == [old.generation, new.generation]
    assert os.listdir(home.run) == []


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_daemon_that_is_asked_twice_leaves_at_once(home, start, second):
    record = start(call=30)
    os.kill(record.pid, signal.SIGTERM)
    while serving(home):
        time.sleep(0.005)
    os.kill(record.pid, second)
    assert wait_for_end(record, 5)
    assert "the call has ended" not in log(home)
    assert "has left" in log(home)


def test_a_forced_stop_does_not_wait(home, start):
    record = start(call=30)
    began = time.monotonic()
    assert [found.pid for found in stop(home, force=True).ended] == [record.pid]
    assert time.monotonic() - began < 4
    assert "has left" in log(home)


def test_a_stop_that_has_waited_long_enough_says_what_still_runs(home, start):
    record = start(call=30)
    assert [found.pid for found in stop(home, timeout=0.1).running] == [record.pid]


def test_the_settings_bound_the_wait_for_calls(home, start, monkeypatch):
    monkeypatch.setenv("MODELD_DRAIN_TIMEOUT", "0.1")
    record = start(call=30)
    os.kill(record.pid, signal.SIGTERM)
    assert wait_for_end(record, 5)


def test_an_idle_daemon_leaves_and_the_next_client_starts_another(home, start, monkeypatch):
    monkeypatch.setenv("MODELD_IDLE_TIMEOUT", "0.3")
    record = start(call=0.5)
    assert not wait_for_end(record, 0.4)
    assert wait_for_end(record, 5)
    assert "no call for 0.3 s" in log(home)
    assert start().pid != record.pid


def test_a_failed_task_of_the_root_is_logged_and_nothing_is_left(home, start):
    record = start(crash=0.1, call=30)
    assert wait_for_end(record, 5)
    assert "a task of the root group failed" in log(home)
    assert "Traceback" in log(home)
    assert os.listdir(home.run) == []
    assert not Path(home.record).exists()
    assert not Lock.is_held(home.daemon_lock)


def test_a_server_that_cannot_start_tells_its_client_why(home, start):
    with pytest.raises(DaemonUnavailable, match="no port, no glory"):
        start(fail="no port, no glory")
    assert not Path(home.record).exists()


def test_everything_that_is_said_is_in_the_log_and_no_secret_is(home, start):
    record = start(say="words registered-secret api_key=canary0123456789")
    os.kill(record.pid, signal.SIGTERM)
    assert wait_for_end(record, 5)
    said = log(home)
    for way in ("print", "warning", "logger", "native", "descriptor"):
        assert f"{way} words" in said
    assert "library words" not in said  # libraries log whole requests at this level
    for line in said.splitlines():
        if "logger words" in line or "warning words" in line:
            assert "registered-secret" not in line
            assert "canary" not in line


@pytest.mark.parametrize("kind", ["0", "held", "settings"])
def test_exit_codes_tell_why_it_ended(home, start, kind):
    code = {"0": 0, "held": 3, "settings": 2}[kind]
    roots = os.pathsep.join([*ROOTS, f"{ROOTS[1]}/daemon"])
    environ = {**os.environ, "PYTHONPATH": roots, "MODELD_IDLE_TIMEOUT": "0.05"}
    if kind == "held":
        start()
    elif kind == "settings":
        Path(home.config).write_text("log_level = 'loud'")
    done = subprocess.run(
        [sys.executable, bare_house.__file__, "--home", home.path, "--foreground"],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    words = {"0": "has left", "held": "Another daemon holds", "settings": "log_level"}
    assert words[kind] in done.stderr
    assert "Traceback" not in done.stderr


SCRIPTED = """
import os, sys
from modeld import ModelOutput, get_model

outputs = [ModelOutput.from_content("m", str(number)) for number in range(4)]
model = get_model("mockllm/model", custom_outputs=outputs)
for line in sys.stdin:
    try:
        print(model.generate_sync("next").completion, flush=True)
    except Exception as error:
        print(error, flush=True)
"""


def test_a_script_of_answers_goes_on_where_it_was_when_the_daemon_is_killed(modeld_home):
    with Program(SCRIPTED) as program:
        heard = []
        for number in range(5):
            if number in (2, 3):
                kill_daemon(modeld_home)
            program.tell()
            heard.append(program.hear())
    assert heard[:4] == ["0", "1", "2", "3"]
    assert "ran out of values" in heard[4]


@pytest.mark.timeout(120)
def test_programs_end_however_their_daemon_does(modeld_home):
    text = (
        "from modeld import get_model; get_model('mockllm/model').generate_sync('hi')\n"
        "import os, signal, modeld.daemon\n"
        "if os.environ.get('KILLS'): os.kill(modeld.daemon.status().pid, signal.SIGKILL)\n"
    )
    for number in range(5):
        programs = [Program(text, KILLS="1" if n == 0 else "") for n in range(8)]
        assert ended(programs, 60) == [[]] * 8, number
        for program in programs:
            program.__exit__(None)
