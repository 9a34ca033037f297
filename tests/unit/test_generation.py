"""Who owns a home, step by step, in one process: a lock knows its descriptor, not its process."""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path

import pytest

from modeld.discovery import Home, Record
from modeld.errors import DaemonUnavailable
from modeld_daemon.generation import Generation, Held, Readiness, close_inherited


@pytest.fixture
def home(tmp_path) -> Home:
    return Home(str(tmp_path / "home"))


def serve(generation: Generation) -> None:
    """Leaves a socket where the server would make one."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(generation.socket)


def test_one_claims_and_the_other_is_told_who_holds(home):
    first = Generation.claim(home)
    with pytest.raises(Held, match=f'"pid": {os.getpid()}'):
        Generation.claim(home, wait=0)
    first.release()
    Generation.claim(home, wait=0).release()


def test_a_home_that_is_served_is_not_waited_for(home):
    first = Generation.claim(home)
    serve(first)
    first.publish()
    with pytest.raises(Held):
        Generation.claim(home, wait=60)
    first.release()


def test_clients_are_led_here_only_from_publish_to_retire(home):
    generation = Generation.claim(home)
    assert Record.read(home.record) is None
    assert not os.path.lexists(home.link)
    serve(generation)
    generation.publish()
    record = Record.read(home.record)
    assert record is not None
    assert record.generation == generation.name
    assert os.path.realpath(home.link) == os.path.realpath(generation.socket)
    assert stat.S_IMODE(os.lstat(generation.socket).st_mode) == 0o600
    assert generation.stands()
    generation.retire()
    assert Record.read(home.record) is None
    names = {f"{generation.name}.json", f"{generation.name}.sock"}
    assert set(os.listdir(home.run)) == names
    generation.release()
    assert os.listdir(home.run) == []


def test_a_generation_without_a_socket_is_not_published(home):
    generation = Generation.claim(home)
    with pytest.raises(FileNotFoundError):
        generation.publish()
    assert Record.read(home.record) is None
    generation.release()


def test_an_old_generation_takes_nothing_of_the_new_one_with_it(home):
    old = Generation.claim(home)
    serve(old)
    old.publish()
    old.retire()
    new = Generation.claim(home)
    serve(new)
    new.publish()
    old.release()
    record = Record.read(home.record)
    assert record is not None
    assert record.generation == new.name
    assert new.stands()
    assert os.readlink(home.link) == f"run/{new.name}.sock"
    new.release()


def test_a_draining_generation_is_not_cleared_away(home):
    old = Generation.claim(home)
    old.retire()
    new = Generation.claim(home)
    assert sorted(os.listdir(home.run)) == sorted([f"{old.name}.json", f"{new.name}.json"])
    old.release()
    new.release()


def test_what_dead_generations_left_is_cleared_away(home):
    Generation.claim(home).release()
    for name in ("run/dead.sock", "run/dead.json", "run/x.json.1-2.new", "daemon.json.1-2.new"):
        Path(f"{home.path}/{name}").write_text("{}")
    generation = Generation.claim(home)
    assert os.listdir(home.run) == [f"{generation.name}.json"]
    assert not list(Path(home.path).glob("*.new"))
    generation.release()


def test_a_foreign_file_named_in_a_record_is_not_removed(home, tmp_path):
    Generation.claim(home).release()
    precious = tmp_path / "precious"
    precious.write_text("")
    record = Record.of_this_process(endpoint=f"unix:{precious}", generation="dead", log="")
    record.write(f"{home.run}/dead.json")
    text = Path(f"{home.run}/dead.json").read_text().replace(record.start_time, "1")
    Path(f"{home.run}/dead.json").write_text(text)
    Generation.claim(home).release()
    assert precious.exists()
    assert os.listdir(home.run) == []


def test_a_removed_home_is_noticed_and_left_alone(home):
    generation = Generation.claim(home)
    serve(generation)
    generation.publish()
    Path(home.daemon_lock).unlink()
    assert not generation.stands()
    successor = Generation.claim(home)
    serve(successor)
    successor.publish()
    generation.release()
    assert successor.stands()
    assert Record.read(home.record) is not None
    successor.release()


def test_a_new_token_comes_with_the_end_of_a_generation(home):
    generation = Generation.claim(home)
    serve(generation)
    generation.publish()
    generation.retire(new_token=True)
    successor = Generation.claim(home)
    assert successor.token != generation.token
    successor.release()
    generation.release()


@pytest.mark.parametrize(
    "held,line", [(False, b"FAILED error two lines\n"), (True, b"FAILED held two lines\n")]
)
def test_whoever_waits_hears_one_line_and_the_end(held, line):
    reading, writing = os.pipe()
    readiness = Readiness(writing)
    readiness.failed("two\nlines", held=held)
    readiness.ready()
    assert os.read(reading, 100) == line
    assert os.read(reading, 100) == b""
    os.close(reading)


def test_nobody_waiting_is_no_error():
    reading, writing = os.pipe()
    os.close(reading)
    Readiness(writing).ready()
    Readiness(None).ready()


def test_only_what_was_inherited_is_closed():
    reading, writing = os.pipe()
    keep = os.dup(writing)
    inherited = os.dup(writing)
    for fd in (keep, inherited):
        os.set_inheritable(fd, True)
    close_inherited(keep)
    os.fstat(reading)
    os.fstat(keep)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(inherited)
    for fd in (reading, writing, keep):
        os.close(fd)


def test_a_home_that_cannot_be_written_to_any_more_is_told(home, monkeypatch):
    generation = Generation.claim(home)
    serve(generation)

    def refuse(*args):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "symlink", refuse)
    with pytest.raises(
        DaemonUnavailable, match=r"modeld\.sock: Permission denied\. Set MODELD_HOME"
    ):
        generation.publish()
    generation.release()
