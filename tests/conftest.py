"""What every test gets: a home of its own, away from the user's, and no daemon left behind."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

# Hooks of a folder below are not heard where the run is split among processes.
from tests.conformance.board import pytest_terminal_summary  # noqa: F401

ROOT = Path(__file__).resolve().parents[1]
FULL = os.environ.get("MODELD_SOAK") == "1"

# Variables of the person who runs the tests that would change what the tests do.
FOREIGN_ENDS = ("_API_KEY", "_BASE_URL", "_PROXY", "_proxy")
FOREIGN_STARTS = ("MODELD_", "INSPECT_", "AWS_", "AZURE", "GOOGLE_", "VERTEX_", "HF_TOKEN")
KEPT = ("MODELD_SOAK", "MODELD_RECORDINGS")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives soak tests the time they ask for: `timeout` in full, `short` in their short form."""
    for item in items:
        if marker := item.get_closest_marker("soak"):
            seconds = marker.kwargs.get("timeout", 300) if FULL else marker.kwargs.get("short", 60)
            item.add_marker(pytest.mark.timeout(seconds))


def short_folder() -> Path:
    """A new folder with a path that leaves room for a socket name (107 bytes on Linux)."""
    return Path(tempfile.mkdtemp(prefix="modeld-", dir="/tmp" if Path("/tmp").is_dir() else None))


def stop_daemons(home: Path) -> None:
    """Ends the daemon that the record in `home` names, and its engines."""
    doomed = []
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, psutil.Error):
        process = psutil.Process(int(json.loads((home / "daemon.json").read_text())["pid"]))
        if any("modeld" in word for word in process.cmdline()):
            doomed = [*process.children(recursive=True), process]
    for process in doomed:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    for process in psutil.wait_procs(doomed, timeout=3)[1]:
        with contextlib.suppress(psutil.Error):
            process.kill()


@pytest.fixture(scope="session", autouse=True)
def isolation() -> Iterator[None]:
    """Nothing in this process finds the user's daemon, keys or settings."""
    home = short_folder()
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            foreign = name.endswith(FOREIGN_ENDS) or name.startswith(FOREIGN_STARTS)
            if foreign and name not in KEPT:
                patch.delenv(name)
        patch.setenv("MODELD_HOME", str(home))
        patch.setenv("MODELD_AUTOSTART", "0")
        yield
    stop_daemons(home)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def modeld_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home in which a daemon may start; it is stopped at the end of the test."""
    home = short_folder()
    monkeypatch.setenv("MODELD_HOME", str(home))
    monkeypatch.delenv("MODELD_AUTOSTART", raising=False)
    yield home
    stop_daemons(home)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def full_numbers() -> bool:
    """Whether a soak test runs with its full numbers."""
    return FULL


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of recorded provider traffic: MODELD_RECORDINGS, or beside the project."""
    named = os.environ.get("MODELD_RECORDINGS")
    folder = Path(named) if named else ROOT.parent / "shared" / "recordings"
    if not folder.is_dir():
        pytest.skip(f"no recorded provider traffic at {folder}: set MODELD_RECORDINGS")
    return folder


@pytest.fixture
def anyio_backend() -> str:
    """asyncio unless a test asks for trio by a parametrization of its own."""
    return "asyncio"
