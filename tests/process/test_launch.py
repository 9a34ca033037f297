"""Find-or-start with real processes: races, deaths, and what the dead leave behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from modeld import launch
from modeld.discovery import Home, Lock, Record, prepare_home
from modeld.errors import DaemonUnavailable
from modeld.launch import ensure, running, serving, stop
from modeld.settings import Settings
from tests.fakes.launching import CLIENT, answers, client, daemons, kill, mode, only_for_a_while


@pytest.fixture
def home(modeld_home) -> Iterator[Home]:
    with only_for_a_while(Home(str(modeld_home))) as home:
        yield home


# -- one daemon ----------------------------------------------------------------------------------


@pytest.mark.timeout(60)
@pytest.mark.parametrize("before", ["nothing", "killed just before"])
def test_fifty_processes_at_once_end_with_one_daemon(home, before):
    if before != "nothing":
        kill(ensure(home))  # its record and its socket stay behind
        assert Path(home.record).exists()
    clients = [client(home, XDG_RUNTIME_DIR=f"/nowhere/{n}", TMPDIR=f"/tmp/{n}") for n in range(50)]
    found = answers(clients)
    assert len(found) == 1
    assert {process.pid for process in daemons(home)} == found


@pytest.mark.timeout(60)
def test_daemons_killed_while_they_start_hold_nobody_up(home):
    killed: list[int] = []
    done = threading.Event()

    def strike() -> None:
        while len(killed) < 3 and not done.is_set():
            for process in daemons(home):
                # A little later each time: before the lock, after it, when it binds.
                time.sleep(0.07 * len(killed))
                with contextlib.suppress(psutil.Error):
                    process.kill()
                    killed.append(process.pid)

    striker = threading.Thread(target=strike)
    striker.start()
    answers([client(home) for _ in range(10)])
    done.set()
    striker.join()
    assert len(killed) >= 2  # the third may come when all clients have their answer
    last = ensure(home).pid
    assert last not in killed
    assert {process.pid for process in daemons(home)} == {last}


def test_a_client_killed_while_it_starts_a_daemon_holds_nobody_up(home):
    first = client(home)
    while not daemons(home):
        time.sleep(0.002)
    first.kill()
    first.communicate()
    found = answers([client(home) for _ in range(5)])
    assert len(found) == 1
    # Two may have been started, one by the dead client; the one that came second has left.
    psutil.wait_procs([process for process in daemons(home) if process.pid not in found], 3)
    assert {process.pid for process in daemons(home)} == found


def test_threads_of_one_process_find_one_daemon(home):
    found = []
    threads = [threading.Thread(target=lambda: found.append(ensure(home).pid)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16
    assert len(set(found)) == 1


def test_a_daemon_that_is_replaced_all_the_time_is_found_each_time(home):
    for _ in range(3):
        record = ensure(home)
        assert serving(home) == record
        kill(record)
        assert serving(home) is None
    ensure(home)
    assert len(os.listdir(home.run)) == 2  # the dead ones' files are gone


# -- what others left ----------------------------------------------------------------------------


def test_a_record_whose_number_another_process_has_now_is_not_believed(home):
    prepare_home(home)
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        stale = replace(
            Record.of_this_process(
                endpoint=f"unix:{home.run}/old.sock", generation="old", log=home.log
            ),
            pid=bystander.pid,
        )
        stale.write(home.record)
        stale.write(f"{home.run}/old.json")
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(f"{home.run}/old.sock")
        assert serving(home) is None
        assert running(home) == []
        assert stop(home, force=True).ended == []
        record = ensure(home)
        assert record.pid != bystander.pid
        assert bystander.poll() is None
        assert sorted(os.listdir(home.run)) == [
            f"{record.generation}.json",
            f"{record.generation}.sock",
        ]
    finally:
        bystander.kill()
        bystander.wait()


def test_a_broken_record_is_no_obstacle(home):
    Path(home.record).write_text("{ not a record")
    assert serving(home) is None
    assert ensure(home).pid


def test_a_lock_of_another_machine_is_an_error_that_says_what_to_do(home):
    prepare_home(home)
    lock = Lock.take(home.daemon_lock)
    assert lock is not None
    lock.note(json.dumps({"host": "elsewhere", "pid": 7}))
    with pytest.raises(DaemonUnavailable, match=r"another machine, elsewhere.*MODELD_HOME"):
        ensure(home)
    lock.release()


def test_a_lock_held_by_somebody_who_does_not_serve_is_an_error_in_the_end(home):
    prepare_home(home)
    lock = Lock.take(home.daemon_lock)
    assert lock is not None
    with pytest.raises(DaemonUnavailable, match=r"does not answer.*stop --force"):
        ensure(home, timeout=0.2)
    threading.Timer(0.3, lock.release).start()
    assert ensure(home).pid  # it waits, and starts one when the lock is free


def test_a_starter_that_hangs_is_an_error_in_the_end(home):
    prepare_home(home)
    lock = Lock.take(home.lifecycle_lock)
    assert lock is not None
    with pytest.raises(DaemonUnavailable, match=r"lifecycle\.lock"):
        ensure(home, timeout=0.2)
    lock.release()


# -- the home ------------------------------------------------------------------------------------


def test_nothing_in_the_home_can_be_read_by_others(home):
    before = os.umask(0)
    try:
        record = ensure(home)
    finally:
        os.umask(before)
    assert mode(home.path) == mode(home.run) == 0o700
    for folder, _, names in os.walk(home.path):
        for name in names:
            path = os.path.join(folder, name)
            assert os.path.islink(path) or mode(path) == 0o600, path
    assert record.endpoint == f"unix:{home.run}/{record.generation}.sock"
    assert os.readlink(home.link) == f"run/{record.generation}.sock"


def test_a_symlinked_home_is_refused(home, tmp_path):
    other = Home(str(tmp_path / "link"))
    os.symlink(home.path, other.path)
    with pytest.raises(DaemonUnavailable, match="symbolic link"):
        ensure(other)


@pytest.mark.parametrize("name", ["x" * 90, "per%41cent, and #"])
def test_a_home_whose_socket_cannot_be_inside_works_and_leaves_nothing(home, name):
    long = Home(f"{home.path}/{name}")
    record = ensure(long)
    path = record.endpoint.removeprefix("unix:")
    assert path.startswith("/tmp/modeld-")
    assert os.readlink(long.link) == path
    assert mode(path) == 0o600
    kill(record)
    record = ensure(long)
    assert not os.path.lexists(path)  # the killed one's
    assert [found.generation for found in stop(long, force=True).ended] == [record.generation]
    assert not os.path.lexists(record.endpoint.removeprefix("unix:"))


def test_a_home_that_cannot_be_made_is_a_typed_error():
    with pytest.raises(DaemonUnavailable, match="MODELD_HOME"):
        ensure(Home("/dev/null/home"))


def test_a_full_disk_is_a_typed_error_and_no_obstacle_later(home):
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))\n"
        "from modeld.errors import DaemonUnavailable\n"
        f"try:\n    {CLIENT}\nexcept DaemonUnavailable as error:\n    print(error)"
    )
    out, problems = client(home, program).communicate()
    assert "cannot write" in out, problems
    assert "Make room" in out
    assert ensure(home).pid


def test_a_removed_home_makes_its_daemon_leave_and_the_next_one_starts(home):
    first = ensure(home)
    shutil.rmtree(home.path)
    second = ensure(home)
    assert second.pid != first.pid
    assert launch.wait_for_end(first, 15)
    assert serving(home) == second  # the first one took nothing of the second with it


# -- the user's wishes ---------------------------------------------------------------------------


def test_autostart_off_is_an_error_that_says_how_to_start(home):
    with pytest.raises(DaemonUnavailable, match="modeld start"):
        ensure(home, autostart=False)
    assert os.listdir(home.path) == []
    record = ensure(home)
    assert ensure(home, autostart=False) == record


def test_an_address_is_used_as_it_is(home):
    settings = Settings(address="localhost:7777")
    assert launch.endpoint(settings, home) == "localhost:7777"
    assert daemons(home) == []


def test_wrong_settings_are_told_to_the_client(home):
    Path(home.config).write_text("idle_timeout = 'soon'")
    with pytest.raises(DaemonUnavailable, match=r"cannot start: idle_timeout in .*config\.toml"):
        ensure(home)


def test_a_daemon_that_dies_each_time_is_an_error_with_the_end_of_its_log(home, monkeypatch):
    dying = [sys.executable, "-c", "import sys; sys.exit('the reason, and sk-canary-0123456789')"]
    monkeypatch.setattr(launch.spawn, "daemon_command", lambda home: dying)
    with pytest.raises(DaemonUnavailable, match="died while starting, 5 times") as caught:
        ensure(home)
    assert "the reason" in str(caught.value)
    assert "0123456789" not in str(caught.value)


def test_a_daemon_that_hangs_at_its_start_is_ended(home, monkeypatch):
    monkeypatch.setattr(launch.spawn, "daemon_command", lambda home: ["sleep", "61.5"])
    with pytest.raises(DaemonUnavailable, match="not ready in time"):
        ensure(home, timeout=0.3)
    time.sleep(0.1)
    assert not [
        p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "61.5"]
    ]


def test_without_the_daemons_packages_the_install_line_is_told(home, monkeypatch, tmp_path):
    monkeypatch.setattr(launch.spawn, "_is_installed", lambda name: False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DaemonUnavailable, match=re.escape("pip install 'modeld[daemon]'")):
        ensure(home)


def test_another_pythons_modeld_on_the_path_is_the_daemon(home, monkeypatch, tmp_path):
    program = tmp_path / "modeld"
    program.write_text(
        f"#!/bin/sh\n[ \"$1 $2 $3\" = 'start --foreground --ready-fd' ] || exit 9\n"
        f"PYTHONPATH='{os.environ.get('PYTHONPATH', '')}' "
        f"exec {sys.executable} -m modeld_daemon --home '{home.path}' --ready-fd $4\n"
    )
    program.chmod(0o755)
    monkeypatch.chdir("/")
    monkeypatch.setattr(launch.spawn, "_is_installed", lambda name: False)
    monkeypatch.setenv("PATH", f"relative:{tmp_path}:{os.environ['PATH']}")
    roots = {str(Path(launch.__file__).parents[2]), str(Path(__file__).parents[2] / "daemon")}
    program.write_text(
        program.read_text().replace("PYTHONPATH=''", f"PYTHONPATH={':'.join(roots)}")
    )
    assert ensure(home).pid
