from __future__ import annotations

import errno
import json
import os
import resource
import socket
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from modeld import discovery
from modeld.discovery import (
    Home,
    Record,
    check_home,
    data_folder,
    locate,
    make_token,
    prepare_home,
    process_start,
    read_token,
    socket_path,
)
from modeld.errors import DaemonUnavailable


@pytest.fixture
def home(tmp_path) -> Home:
    home = Home(str(tmp_path / "home"))
    prepare_home(home)
    return home


@pytest.fixture
def record(home) -> Record:
    return Record.of_this_process(
        endpoint=f"unix:{home.run}/x.sock", generation="x", log=f"{home.path}/modeld.log"
    )


def mode(path: str) -> int:
    return stat.S_IMODE(os.lstat(path).st_mode)


# -- which home ----------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has a folder of its own")
@pytest.mark.parametrize(
    "environ,path",
    [
        ({"MODELD_HOME": "/a/b", "XDG_STATE_HOME": "/x", "HOME": "/h"}, "/a/b"),
        ({"MODELD_HOME": "/a/b/", "HOME": "/h"}, "/a/b"),
        ({"MODELD_HOME": "/a/../b", "HOME": "/h"}, "/b"),
        ({"MODELD_HOME": "", "XDG_STATE_HOME": "/x", "HOME": "/h"}, "/x/modeld"),
        ({"XDG_STATE_HOME": "relative", "HOME": "/h"}, "/h/.local/state/modeld"),
        ({"HOME": "/h", "XDG_RUNTIME_DIR": "/r", "TMPDIR": "/t"}, "/h/.local/state/modeld"),
    ],
)
def test_the_home_depends_on_three_variables_only(environ, path):
    assert locate(environ).path == path


def test_a_tilde_in_the_home_is_the_users_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/h")
    assert locate({"MODELD_HOME": "~/m"}).path == "/h/m"


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has a folder of its own")
def test_data_is_kept_apart_from_state():
    assert data_folder({"HOME": "/h"}) == "/h/.local/share/modeld"
    assert data_folder({"HOME": "/h", "XDG_DATA_HOME": "/d"}) == "/d/modeld"


# -- whose home ----------------------------------------------------------------------------------


def test_a_new_home_is_private(tmp_path):
    before = os.umask(0)
    try:
        home = Home(str(tmp_path / "a" / "b" / "home"))
        assert not check_home(home)
        prepare_home(home)
    finally:
        os.umask(before)
    assert check_home(home)
    assert mode(home.path) == mode(home.run) == 0o700


def test_an_empty_open_folder_is_closed_to_others(tmp_path):
    tmp_path.chmod(0o777)
    prepare_home(Home(str(tmp_path)))
    assert mode(str(tmp_path)) == 0o700


def test_an_open_folder_with_only_settings_is_closed_to_others(tmp_path):
    (tmp_path / "config.toml").write_text("")
    tmp_path.chmod(0o755)
    prepare_home(Home(str(tmp_path)))
    assert mode(str(tmp_path)) == 0o700


@pytest.mark.parametrize("bits,name", [(0o755, "thesis.txt"), (0o777, "config.toml")])
def test_an_open_folder_with_other_things_is_refused_and_left_alone(tmp_path, bits, name):
    (tmp_path / name).write_text("")
    tmp_path.chmod(bits)
    with pytest.raises(DaemonUnavailable, match=r"open to other users.*chmod 700"):
        prepare_home(Home(str(tmp_path)))
    assert mode(str(tmp_path)) == bits


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_symlinked_home_is_refused(tmp_path, slash):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "home").symlink_to(tmp_path / "real")
    home = locate({"MODELD_HOME": f"{tmp_path}/home{slash}"})
    with pytest.raises(DaemonUnavailable, match="symbolic link"):
        prepare_home(home)
    with pytest.raises(DaemonUnavailable, match="symbolic link"):
        check_home(home)


def test_a_symlinked_run_folder_is_refused(home, tmp_path):
    Path(home.run).rmdir()
    Path(home.run).symlink_to(tmp_path)
    with pytest.raises(DaemonUnavailable, match="symbolic link"):
        prepare_home(home)


def test_a_file_in_the_place_of_the_home_is_refused(tmp_path):
    (tmp_path / "home").write_text("")
    with pytest.raises(DaemonUnavailable, match="not a folder"):
        prepare_home(Home(str(tmp_path / "home")))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_another_users_home_is_refused(tmp_path):
    tmp_path.chmod(0o700)
    os.chown(tmp_path, 12345, -1)
    with pytest.raises(DaemonUnavailable, match=r"belongs to user id 12345.*MODELD_HOME"):
        prepare_home(Home(str(tmp_path)))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_root_does_not_make_a_home_in_a_users_folder_unasked(tmp_path):
    os.chown(tmp_path, 12345, -1)
    with pytest.raises(DaemonUnavailable, match="this is root"):
        prepare_home(Home(f"{tmp_path}/.local/state/modeld", chosen=False))
    prepare_home(Home(f"{tmp_path}/asked", chosen=True))


@pytest.mark.parametrize("path", ["/dev/null/home", "/proc/nowhere/home"])
def test_a_home_that_cannot_be_made_is_a_typed_error(path):
    with pytest.raises(DaemonUnavailable, match="MODELD_HOME"):
        prepare_home(Home(path))


# -- sockets -------------------------------------------------------------------------------------


def test_the_socket_is_in_the_home_where_that_is_possible(home):
    assert socket_path(home, "g") == f"{home.run}/g.sock"


@pytest.mark.parametrize("name", ["x" * 100, "a%41b", "a#b", "a?b", "a,b", "a\nb"])
def test_a_home_that_grpc_cannot_name_has_its_socket_elsewhere(tmp_path, name):
    path = socket_path(Home(str(tmp_path / name)), "g")
    assert path == f"/tmp/modeld-{os.geteuid()}/g.sock"
    assert mode(str(Path(path).parent)) == 0o700


@pytest.mark.parametrize("name", ["a b", "jürgen", "a:b", "a;b=c&d"])
def test_other_unusual_names_of_a_home_are_fine(tmp_path, name):
    assert socket_path(Home(f"/tmp/{name}"), "g") == f"/tmp/{name}/run/g.sock"


@pytest.mark.parametrize("kind", ["open", "symlink"])
def test_a_foreign_folder_for_long_paths_is_refused(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(discovery.home, "_SYSTEM_TEMP", str(tmp_path))
    trap = tmp_path / f"modeld-{os.geteuid()}"
    if kind == "open":
        trap.mkdir()
        trap.chmod(0o777)
    else:
        trap.symlink_to(tmp_path)
    with pytest.raises(DaemonUnavailable):
        socket_path(Home("/" + "x" * 120), "g")


# -- the record ----------------------------------------------------------------------------------


def test_a_record_survives_its_file(home, record):
    record.write(home.record)
    assert Record.read(home.record) == record
    assert mode(home.record) == 0o600
    assert sorted(os.listdir(home.path)) == ["daemon.json", "run"]


def test_no_record_is_none(home):
    assert Record.read(home.record) is None


@pytest.mark.parametrize(
    "change",
    [
        {"pid": "12"},
        {"pid": True},
        {"pid": -1},
        {"endpoint": "dns:evil.example:1"},
        {"endpoint": 3},
        {"started_at": None},
        {"host": []},
    ],
)
def test_a_record_that_makes_no_sense_is_none(home, record, change):
    record.write(home.record)
    content = json.loads(Path(home.record).read_text())
    Path(home.record).write_text(json.dumps(content | change))
    assert Record.read(home.record) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"{}", b"[" * 9999])
def test_a_broken_record_is_none(home, content):
    Path(home.record).write_bytes(content)
    assert Record.read(home.record) is None


def test_fields_of_a_newer_version_are_ignored(home, record):
    record.write(home.record)
    content = json.loads(Path(home.record).read_text())
    Path(home.record).write_text(json.dumps(content | {"new": 1}))
    assert Record.read(home.record) == record


def test_a_process_is_known_by_its_start_and_not_by_its_number(record):
    assert record.is_alive()
    assert not replace(record, start_time="1").is_alive()
    assert not replace(record, boot_id="another boot").is_alive()
    assert not replace(record, host="another host").is_alive()


def test_a_zombie_has_ended():
    child = subprocess.Popen([sys.executable, "-c", ""])
    try:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert process_start(child.pid) is None
    finally:
        child.wait()
    assert process_start(child.pid) is None


# -- the token -----------------------------------------------------------------------------------


def test_a_token_is_made_once_and_kept(home):
    assert read_token(home) is None
    token = make_token(home)
    assert len(token) == 64
    assert make_token(home) == read_token(home) == token
    assert mode(home.token) == 0o600


def test_a_new_token_replaces_the_old_one(home):
    token = make_token(home)
    assert make_token(home, replace=True) != token


def test_all_who_make_a_token_at_once_get_the_same_one(home):
    made = []
    threads = [threading.Thread(target=lambda: made.append(make_token(home))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 20
    assert set(made) == {read_token(home)}
    assert sorted(os.listdir(home.path)) == ["run", "token"]


def test_a_token_that_others_can_read_is_refused(home):
    make_token(home)
    os.chmod(home.token, 0o644)
    with pytest.raises(DaemonUnavailable, match="not private"):
        read_token(home)


def test_a_symlinked_token_is_refused(home, tmp_path):
    (tmp_path / "stolen").write_text("x")
    os.symlink(tmp_path / "stolen", home.token)
    with pytest.raises(DaemonUnavailable):
        read_token(home)


def test_an_empty_token_is_made_again(home):
    Path(home.token).touch(0o600)
    assert read_token(home) is None
    assert make_token(home) == read_token(home)


# -- full disks ----------------------------------------------------------------------------------

FULL_DISK = """
import resource, sys
from modeld.discovery import Home, make_token
from modeld.errors import DaemonUnavailable
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
try:
    make_token(Home(sys.argv[1]))
except DaemonUnavailable as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="needs a limit of file sizes")
def test_a_full_disk_is_a_typed_error_and_leaves_nothing(home):
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, home.path], capture_output=True, text=True, check=True
    )
    assert "cannot write" in done.stdout
    assert "Make room" in done.stdout
    assert os.listdir(home.path) == ["run"]


def test_a_file_system_without_hard_links_has_tokens_too(home, monkeypatch):
    def no_links(source, target):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(discovery.files.os, "link", no_links)
    assert make_token(home) == read_token(home)


def test_a_socket_can_be_bound_at_the_longest_path(tmp_path):
    home = Home(str(tmp_path))
    spare = (103 if sys.platform == "darwin" else 107) - len(f"{home.run}/.sock")
    if spare < 1:
        pytest.skip("the temp folder's path is long itself")
    prepare_home(home)
    path = socket_path(home, "g" * spare)
    assert path.startswith(home.run)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
    assert not socket_path(home, "g" * (spare + 1)).startswith(home.run)
