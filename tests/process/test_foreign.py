"""Programs in other languages: `buf curl` with reflection, over the socket, with the token."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import modeld.daemon

PROTO = Path(__file__).parents[2] / "proto"
BUF = Path(sys.executable).with_name("buf")
CALL = {"call": {"model": {"name": "mockllm/model"}, "input": "Say hello"}}


def curl(home: Path, method: str, *, token: bool = True) -> subprocess.CompletedProcess[str]:
    header = f"authorization: Bearer {(home / 'token').read_text().strip()}" if token else "x: y"
    return subprocess.run(
        [
            str(BUF), "curl", "--protocol", "grpc", "--http2-prior-knowledge",
            "--unix-socket", str(home / "modeld.sock"),
            "--header", header,
            *(["--reflect-header", header] if token else ["--schema", str(PROTO)]),
            "--data", json.dumps(CALL), f"http://localhost/modeld.v1.{method}",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=15,
    )  # fmt: skip


@pytest.fixture
def running(modeld_home):
    if not BUF.exists():
        pytest.skip("buf is not installed")
    modeld.daemon.start()
    return modeld_home


def test_generate(running):
    done = curl(running, "InferenceService/Generate")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["output"]["model"] == "mockllm"


def test_generate_stream(running):
    done = curl(running, "InferenceService/GenerateStream")
    assert done.returncode == 0, done.stderr
    assert '"text"' in done.stdout
    assert '"finished"' in done.stdout


def test_without_the_token_it_is_refused(running):
    done = curl(running, "InferenceService/Generate", token=False)
    assert done.returncode != 0
    assert "token" in done.stderr
    assert "mockllm" not in done.stdout
