"""What a measurement stands on: the upstream, a daemon in a home of its own, fresh processes."""

from __future__ import annotations

import compileall
import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from tests.fakes.upstream import UpstreamProcess

from .figures import Figures

ROOT = Path(__file__).resolve().parents[2]
FOREIGN = ("OPENAI_", "MODELD_", "INSPECT_", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy")
MODELD = "from modeld.cli import main; main()"


class BenchError(Exception):
    """A process of the bench failed; the message is what it said."""


def raise_file_limit() -> None:
    """Thousands of connections at once; children inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Scene:
    """The upstream and one home for daemons; all processes of a run are started here."""

    def __init__(self, upstream: UpstreamProcess, home: Path) -> None:
        self.upstream = upstream
        self.home = home
        kept = {n: v for n, v in os.environ.items() if not n.startswith(FOREIGN)}
        self.environment = {**kept, "MODELD_HOME": str(home)}
        # As an installer leaves the peers' packages: compiled.
        for root in ("client", "daemon"):
            compileall.compile_dir(ROOT / root, quiet=2)

    def measure(self, peer: str, scenario: str, **options: Any) -> Figures:
        """Runs one scenario of `tests.bench.child` in a fresh process."""
        return self.measure_many(1, peer, scenario, **options)[0]

    def measure_many(
        self, processes: int, peer: str, scenario: str, **options: Any
    ) -> list[Figures]:
        """Runs one scenario in many fresh processes at once."""
        pid = None
        if peer.startswith("modeld"):
            self.warm()
            pid = self.daemon_pid()
        wish = {"peer": peer, "scenario": scenario, "daemon_pid": pid, "port": self.upstream.port}
        running = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.bench.child", json.dumps({**wish, **options})],
                cwd=ROOT,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(processes)
        ]
        figures = []
        try:
            for process in running:
                out, complaint = process.communicate(timeout=600)
                if process.returncode:
                    raise BenchError(last_line(complaint))
                figures.append(json.loads(out))
        finally:
            for process in running:
                process.kill()
                process.wait()
        return figures

    def program(self, code: str) -> tuple[float, float, str]:
        """Runs code that prints one line: seconds from nothing to the line, RSS in MB, the line.

        The process is kept alive until its memory has been read.
        """
        code += "\nprint(line, flush=True)\nimport sys\nsys.stdin.read()"
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout
        line = process.stdout.readline()
        took = time.perf_counter() - began
        memory = rss_mb(process.pid) if line else 0.0
        _, complaint = process.communicate("")
        if not line:
            raise BenchError(last_line(complaint))
        return took, memory, line.strip()

    def warm(self) -> None:
        """A running daemon that has used the openai provider once."""
        if self.daemon_pid() is None:
            self.program(
                "from modeld import get_model\n"
                f"model = get_model('openai/gpt-4o-mini', base_url={self.upstream.base_url()!r},"
                " api_key='bench')\n"
                "line = model.generate_sync('Say hello').completion"
            )

    def daemon_pid(self) -> int | None:
        """The daemon of this home, if one is running."""
        try:
            pid = int(json.loads((self.home / "daemon.json").read_text())["pid"])
        except (OSError, ValueError, KeyError):
            return None
        return pid if psutil.pid_exists(pid) else None

    def start_daemon(self) -> Figures:
        """A daemon from nothing: seconds until its record stands, and its memory then."""
        self.stop_daemon()
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", MODELD, "start", "--foreground"],
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            while self.daemon_pid() is None:
                if process.poll() is not None:
                    assert process.stderr
                    raise BenchError(last_line(process.stderr.read()))
                if time.perf_counter() - began > 30:
                    raise BenchError("no daemon after 30 s")
                time.sleep(0.002)
            took = time.perf_counter() - began
            memory = rss_mb(self.daemon_pid() or process.pid)
        finally:
            self.stop_daemon()
            if process.poll() is None:
                process.kill()
            process.communicate()
        return {"ready_ms": took * 1000, "rss_mb": memory}

    def stop_daemon(self) -> None:
        """Ends the daemon of this home."""
        pid = self.daemon_pid()
        if pid is None:
            return
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            doomed = [*process.children(recursive=True), process]
            for each in doomed:
                each.terminate()
            for each in psutil.wait_procs(doomed, timeout=5)[1]:
                each.kill()
        (self.home / "daemon.json").unlink(missing_ok=True)


def rss_mb(pid: int) -> float:
    """Resident memory of a process."""
    return psutil.Process(pid).memory_info().rss / 1e6


def last_line(text: str) -> str:
    """The line of a traceback that says what happened."""
    lines = text.strip().splitlines()
    return lines[-1][:300] if lines else "no output"


@contextlib.contextmanager
def prepared() -> Iterator[Scene]:
    """Opens the scene and leaves nothing behind."""
    raise_file_limit()
    home = Path(tempfile.mkdtemp(prefix="modeld-bench-"))
    try:
        with UpstreamProcess() as upstream:
            scene = Scene(upstream, home)
            try:
                yield scene
            finally:
                scene.stop_daemon()
    finally:
        shutil.rmtree(home, ignore_errors=True)
