"""`modeld limits` as a person runs it, with a daemon whose settings say limits."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

MODELD = [sys.executable, "-m", "modeld"]
CONFIG = """
[limits.mockllm]
max_connections = 7

[limits."mockllm/careful"]
max_connections = 3
requests_per_minute = 500
"""

pytestmark = [pytest.mark.usefixtures("modeld_home"), pytest.mark.timeout(60)]


def modeld(*arguments: str) -> str:
    done = subprocess.run([*MODELD, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_looking_starts_no_daemon():
    assert json.loads(modeld("limits", "--json")) == []
    assert "no lane" in modeld("limits")
    assert modeld("limits", "--watch", "--json") == ""
    done = subprocess.run([*MODELD, "status"], capture_output=True, check=False)
    assert done.returncode == 3


def test_limits_of_the_settings_hold_until_others_are_set(modeld_home):
    (modeld_home / "config.toml").write_text(CONFIG)
    for name in ("any", "careful"):
        modeld("generate", "-m", f"mockllm/{name}", "hi")
    lanes = {lane["model"]: lane for lane in json.loads(modeld("limits", "--json"))}
    assert [(lane["limit"], lane["limit_reason"]) for lane in lanes.values()] == [
        (7, "set"),
        (3, "set"),
    ]
    requests = lanes["mockllm/careful"]["rates"][0]
    assert requests["per_minute"] == pytest.approx(500)
    assert (requests["used"], requests["source"]) == (1, "set")
    careful = lanes["mockllm/careful"]["id"]
    assert careful in modeld("limits", "mockllm/careful")
    (lane,) = json.loads(modeld("limits", "set", careful, "--max-connections", "9", "--json"))
    assert lane["limit"] == 9
    assert lane["rates"][0]["source"] != "set"


def test_a_watcher_in_a_pipe_sees_calls_of_others():
    modeld("generate", "-m", "mockllm/model", "hi")
    command = [*MODELD, "limits", "--watch", "--json"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as watcher:
        assert watcher.stdout is not None
        (before,) = json.loads(watcher.stdout.readline())["lanes"]
        modeld("generate", "-m", "mockllm/model", "hi")
        (after,) = json.loads(watcher.stdout.readline())["lanes"]
        watcher.kill()
    assert after["attempts"] == before["attempts"] + 1
