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


def curl(
    home: Path, method: str, *more: str, token: bool = True, data: object = CALL
) -> subprocess.CompletedProcess[str]:
    header = f"authorization: Bearer {(home / 'token').read_text().strip()}" if token else "x: y"
    return subprocess.run(
        [
            str(BUF), "curl", "--protocol", "grpc", "--http2-prior-knowledge",
            "--unix-socket", str(home / "modeld.sock"),
            "--header", header,
            *(["--reflect-header", header] if token else ["--schema", str(PROTO)]),
            *more, "--data", json.dumps(data), f"http://localhost/modeld.v1.{method}",
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


def test_a_named_session_from_its_making_to_its_end(running):
    """No Python: made, joined by metadata, decided by the daemon, counted, deleted."""

    def said(method: str, data: object, *more: str) -> dict:
        done = curl(running, method, *more, data=data)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    roles = {"grader": {"models": [{"name": "mockllm/grader"}]}}
    settings = {"model": {"name": "mockllm/own"}, "roles": roles, "config": {"temperature": 0.5}}
    service = "NamedSessionService"
    said(f"{service}/CreateSession", {"name": "dev", "settings": settings})
    joined = ("--header", "modeld-session-name: dev")
    for role in ({}, {"role": "grader"}, {"role": "unbound"}):
        call = {"call": {"input": "Say hello", **role}}
        assert said("InferenceService/Generate", call, *joined)["output"]["choices"]
    found = said(f"{service}/GetSession", {"name": "dev"})["session"]
    assert found["settings"] == settings
    calls = {name: used["calls"] for name, used in found["modelUsage"].items()}
    assert calls == {"mockllm/own": "2", "mockllm/grader": "1"}
    assert found["roleUsage"].keys() == {"grader"}
    chosen = said(f"{service}/ResolveModel", {"session": "dev", "role": "grader"})
    assert (chosen["model"]["name"], chosen["bound"]) == ("mockllm/grader", True)
    said(f"{service}/DeleteSession", {"name": "dev"})
    done = curl(running, "InferenceService/Generate", *joined, data={"call": {"input": "x"}})
    assert done.returncode != 0
    assert "not_found" in done.stderr
    assert "modeld session create dev --model" in done.stderr
