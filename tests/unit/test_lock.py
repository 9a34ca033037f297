from __future__ import annotations

import errno
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from modeld import discovery
from modeld.discovery import Home, Lock, host, prepare_home
from modeld.errors import DaemonUnavailable


@pytest.fixture
def home(tmp_path) -> Home:
    home = Home(str(tmp_path / "home"))
    prepare_home(home)
    return home


def mode(path: str) -> int:
    return stat.S_IMODE(Path(path).lstat().st_mode)


def test_a_lock_has_one_holder(home):
    lock = Lock.take(home.daemon_lock)
    assert lock is not None
    assert Lock.take(home.daemon_lock) is None
    assert Lock.is_held(home.daemon_lock)
    assert mode(home.daemon_lock) == 0o600
    lock.release()
    lock.release()
    assert not Lock.is_held(home.daemon_lock)
    again = Lock.take(home.daemon_lock)
    assert again is not None
    again.release()


def test_a_released_lock_is_free_although_a_forked_child_shares_it(home):
    lock = Lock.take(home.lifecycle_lock)
    assert lock is not None
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[lock._fd]
    ) as child:
        lock.release()
        assert not Lock.is_held(home.lifecycle_lock)
        child.communicate(b"\n")


def test_a_lock_whose_file_was_removed_no_longer_stands(home):
    lock = Lock.take(home.daemon_lock)
    assert lock is not None
    assert lock.stands()
    Path(home.daemon_lock).unlink()
    assert not lock.stands()
    other = Lock.take(home.daemon_lock)
    assert other is not None
    other.release()
    lock.release()


def test_the_holder_says_who_it_is(home):
    lock = Lock.take(home.daemon_lock)
    assert lock is not None
    lock.note("a longer note")
    lock.note(host())
    assert Lock.read_note(home.daemon_lock) == host()
    lock.release()


def test_a_file_system_without_locks_is_a_typed_error(home, monkeypatch):
    def no_locks(fd, kind):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(discovery.lock.fcntl, "flock", no_locks)
    with pytest.raises(DaemonUnavailable, match="Set MODELD_HOME to a local folder"):
        Lock.take(home.daemon_lock)
