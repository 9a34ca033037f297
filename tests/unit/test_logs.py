from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

import pytest

from modeld_daemon import logs
from modeld_daemon.logs import Redactor, log_call


@pytest.fixture
def log(tmp_path, monkeypatch):
    """A logger that writes to the rotated file alone."""
    monkeypatch.setattr(logs, "_FILE_BYTES", 2000)
    handler = logs._LogFile(str(tmp_path / "log"), with_streams=False)
    redactor = Redactor()
    handler.setFormatter(logs._Formatter(redactor))
    logger = logging.getLogger("test")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)
    logger.redactor = redactor  # type: ignore[attr-defined]
    logger.path = tmp_path / "log"  # type: ignore[attr-defined]
    yield logger
    logger.removeHandler(handler)
    handler.close()


def test_a_line_names_time_level_call_and_logger(log):
    with log_call("call-7"):
        log.info("hello %s", "you")
    log.info("bye")
    first, second = log.path.read_text().splitlines()
    assert first.endswith("INFO    [call-7] test: hello you")
    assert second.endswith("[-] test: bye")
    assert first[:4].isdecimal()
    assert first.split()[0].endswith("Z")


def test_secrets_are_cut_out_of_messages_and_tracebacks(log):
    log.redactor.register("hunter2-hunter2")
    log.redactor.register("hunter2-hunter2-longer")
    log.redactor.register("an")  # too short to be told from words
    try:
        int("key hunter2-hunter2-longer of sk-abcdefghijkl and")
    except ValueError:
        log.exception("with hunter2-hunter2 and Bearer abcdefghijkl")
    said = log.path.read_text()
    assert "Traceback" in said
    assert "and" in said
    for secret in ("hunter2", "longer", "abcdefghijkl"):
        assert secret not in said
    assert "hunter2" not in repr(log.redactor)


def test_old_files_are_kept_in_a_small_number_and_all_are_private(log):
    before = os.umask(0)
    try:
        for _ in range(200):
            log.info("x" * 100)
    finally:
        os.umask(before)
    names = sorted(path.name for path in log.path.parent.iterdir())
    assert names == ["log", "log.1", "log.2", "log.3"]
    for path in log.path.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_another_process_rotated_is_left(log):
    log.info("one")
    log.path.rename(log.path.with_name("log.1"))
    log.info("two")
    assert log.path.read_text().endswith("two\n")
    log.path.unlink()
    log.info("three")
    assert log.path.read_text().endswith("three\n")


def test_a_symlink_in_the_place_of_the_log_is_refused(tmp_path):
    (tmp_path / "log").symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match="symbolic links"):
        logs._LogFile(str(tmp_path / "log"), with_streams=False)
    assert not Path(tmp_path / "other").exists()
