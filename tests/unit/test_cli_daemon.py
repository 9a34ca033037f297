"""The commands about the daemon, with fakes in its place."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from modeld import daemon
from modeld.cli import checks, pull
from modeld.cli.quantities import duration, size
from modeld.cli.root import root
from modeld.daemon import (
    EngineStatus,
    ModelDescription,
    ProviderDescription,
    SessionStatus,
    Status,
)
from modeld.errors import DaemonUnavailable

RUNNING = Status(
    running=True,
    home="/home-folder",
    log_path="/home-folder/modeld.log",
    pid=42,
    version="0.1.0",
    endpoint="unix:/home-folder/run/a.sock",
    uptime_s=3723.5,
    in_flight=2,
    calls_total=9,
    calls_failed=1,
    rss_bytes=84_000_000,
    idle_timeout_s=1800.0,
    sessions=[SessionStatus("python", "0.1.0", 7, 1, 1)],
    engines=[EngineStatus("llama_cpp", 8, ["local/x"], 1, 1)],
)
STOPPED = Status(running=False, home="/home-folder", log_path="/home-folder/modeld.log")


def run(*arguments: str):
    return CliRunner().invoke(root, [*arguments])


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("MODELD_HOME", str(folder))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return folder


@pytest.fixture
def stopped(monkeypatch) -> None:
    monkeypatch.setattr(daemon, "status", lambda: STOPPED)


@pytest.fixture
def running(monkeypatch) -> None:
    monkeypatch.setattr(daemon, "status", lambda: RUNNING)


def test_status_of_no_daemon_exits_3_and_says_how_to_start_one(stopped):
    result = run("status")
    assert result.exit_code == 3
    assert "modeld is not running" in result.stdout
    assert "modeld start" in result.stdout


def test_status_of_no_daemon_is_json_too(stopped):
    result = run("status", "--json")
    assert result.exit_code == 3
    shown = json.loads(result.stdout)
    names = ("running", "pid", "version", "endpoint", "uptime_s", "in_flight")
    assert [shown[name] for name in names] == [False, None, None, None, None, 0]


def test_status_shows_what_the_daemon_is_doing(running):
    result = run("status")
    assert result.exit_code == 0
    for text in (
        "modeld 0.1.0 is running",
        "42",
        "1 h 2 min",
        "2 now, 9 so far, 1 failed",
        "84 MB",
        "after 30 min without work",
        "llama_cpp, pid 8, local/x, 1 calls",
    ):
        assert text in result.stdout


def test_status_as_json_has_every_field(running):
    shown = json.loads(run("status", "--json").stdout)
    assert (shown["running"], shown["pid"], shown["uptime_s"]) == (True, 42, 3723.5)
    assert shown["sessions"][0]["client_name"] == "python"


def test_start_shows_the_daemon(monkeypatch):
    monkeypatch.setattr(daemon, "start", lambda: RUNNING)
    assert "modeld 0.1.0 is running" in run("start").stdout
    assert json.loads(run("start", "--json").stdout)["pid"] == 42


@pytest.mark.parametrize(
    "arguments, last",
    [([], "--foreground"), (["--ready-fd", "3"], "3")],
)
def test_start_in_the_foreground_becomes_the_daemon(monkeypatch, home, arguments, last):
    seen = []
    monkeypatch.setattr(os, "execve", lambda *call: seen.append(call))
    monkeypatch.setattr(daemon, "start", lambda: RUNNING)
    monkeypatch.setenv("OPENAI_API_KEY", "canary")
    run("start", "--foreground", *arguments)
    program, command, environment = seen[0]
    assert program == command[0] == sys.executable
    assert command[1:6] == ["-P", "-m", "modeld_daemon", "--home", str(home)]
    assert command[-1] == last
    assert "canary" not in environment.values()


@pytest.mark.parametrize("ran, said", [(True, "has stopped"), (False, "was not running")])
def test_stop_says_what_it_found(monkeypatch, ran, said):
    asked = {}
    monkeypatch.setattr(daemon, "stop", lambda **how: asked.update(how) or ran)
    result = run("stop", "--force", "--timeout", "2")
    assert (result.exit_code, asked) == (0, {"force": True, "timeout": 2.0})
    assert said in result.stdout
    assert json.loads(run("stop", "--json").stdout) == {"stopped": ran}


def test_restart_may_make_a_new_token(monkeypatch):
    asked = {}
    monkeypatch.setattr(daemon, "restart", lambda **how: asked.update(how) or RUNNING)
    assert run("restart", "--new-token").exit_code == 0
    assert asked == {"force": False, "new_token": True}


def test_a_daemon_that_cannot_start_is_one_error(monkeypatch):
    def fail():
        raise DaemonUnavailable("The port is taken.\nlog: last line")

    monkeypatch.setattr(daemon, "start", fail)
    result = run("start")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: The port is taken.")
    assert "hint: Run 'modeld doctor'" in result.stderr


MODELS = [
    ModelDescription("local/smollm2-135m-instruct", 145_000_000, True, True, "Small"),
    ModelDescription("local/other", None, False, False, "Not here"),
]


def test_models_are_a_table_or_json(monkeypatch):
    asked = []
    monkeypatch.setattr(daemon, "list_models", lambda p="", **_: asked.append(p) or MODELS)
    lines = run("models", "local/").stdout.splitlines()
    assert asked == ["local"]
    assert lines[0].split() == ["MODEL", "SIZE", "STATE", "DESCRIPTION"]
    assert lines[1].split("  ") == [
        "local/smollm2-135m-instruct",
        "145 MB",
        "in memory",
        "Small",
    ]
    assert "to pull" in lines[2]
    shown = json.loads(run("models", "--json").stdout)
    assert [model["name"] for model in shown] == [model.name for model in MODELS]


def test_models_of_an_unknown_provider_are_an_error(monkeypatch):
    monkeypatch.setattr(daemon, "list_models", lambda p="", **_: [])
    monkeypatch.setattr(daemon, "list_providers", list)
    result = run("models", "nothing")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: There is no provider 'nothing'")


def test_providers_show_the_variables_of_their_keys(monkeypatch):
    found = [
        ProviderDescription("a", "The A", True, "", ["A_KEY", "A_TOKEN"], [], ""),
        ProviderDescription("b", "The B", False, "pip install b", [], [], ""),
    ]
    monkeypatch.setattr(daemon, "list_providers", lambda: found)
    lines = run("providers").stdout.splitlines()
    assert "yes" in lines[1]
    assert "A_KEY or A_TOKEN" in lines[1]
    assert "pip install b" in lines[2]
    assert "none needed" in lines[2]
    assert json.loads(run("providers", "--json").stdout)[1]["install_hint"] == "pip install b"


def test_logs_show_the_last_lines(home):
    (home / "modeld.log").write_text("".join(f"line {n}\n" for n in range(100)))
    assert run("logs", "-n", "2").stdout == "line 98\nline 99\n"
    assert len(run("logs").stdout.splitlines()) == 50
    assert run("logs", "-n", "0").stdout == ""
    assert run("logs", "--path").stdout.strip() == str(home / "modeld.log")


def test_logs_without_a_log_say_so(home):
    result = run("logs")
    assert result.exit_code == 1
    assert "There is no log yet" in result.stderr


def test_logs_are_followed_over_a_rotation(home, monkeypatch):
    log = home / "modeld.log"
    log.write_text("one\n")
    monkeypatch.setattr("modeld.cli.logs._PAUSE", 0.01)

    def write():
        time.sleep(0.1)
        with log.open("a") as file:
            file.write("two\n")
        log.rename(home / "modeld.log.1")
        log.write_text("three\n")
        time.sleep(0.1)
        stopping.set()

    stopping = threading.Event()
    sleep = time.sleep

    def pause(seconds):
        if stopping.is_set() and threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        sleep(seconds)

    monkeypatch.setattr("modeld.cli.logs.time.sleep", pause)
    writer = threading.Thread(target=write)
    writer.start()
    result = run("logs", "-f")
    writer.join()
    assert (result.exit_code, result.stdout) == (130, "one\ntwo\nthree\n")


def findings(*arguments: str) -> dict[str, dict[str, str]]:
    result = run("doctor", "--json", *arguments)
    shown = json.loads(result.stdout)
    assert result.exit_code == (0 if shown["ok"] else 1)
    return {finding["check"]: finding for finding in shown["findings"]}


def test_doctor_on_an_empty_home_finds_no_problem(home, stopped):
    found = findings()
    assert {name for name, one in found.items() if one["state"] == "problem"} == set()
    assert found["daemon"]["text"] == "not running"
    assert list(home.iterdir()) == [], "looking leaves no trace"


def test_doctor_sees_an_open_home(home, stopped):
    home.chmod(0o755)
    assert findings()["home"]["state"] == "problem"


def test_doctor_sees_an_open_token(home, stopped):
    (home / "token").write_text("secret-token")
    (home / "token").chmod(0o644)
    found = findings()
    assert found["token"]["state"] == "problem"
    assert "secret-token" not in json.dumps(found)


def test_doctor_tells_an_old_record(home, stopped):
    (home / "daemon.lock").touch()
    record = checks.Record.of_this_process(endpoint="unix:/x/y.sock", generation="g", log="/l")
    record.write(str(home / "daemon.json"))
    assert "runs but is leaving" in findings()["record"]["text"]


def test_doctor_sees_a_socket_that_is_gone(home, running, monkeypatch):
    monkeypatch.setattr(daemon, "list_models", lambda _provider="": MODELS)
    lock = checks.Lock.take(str(home / "daemon.lock"))
    record = checks.Record.of_this_process(
        endpoint=f"unix:{home}/run/g.sock", generation="g", log=str(home / "modeld.log")
    )
    record.write(str(home / "daemon.json"))
    found = findings()
    lock.release()
    assert found["socket"]["state"] == "problem"
    assert found["weights"]["text"] == "local/smollm2-135m-instruct"
    assert found["handshake"]["state"] == "ok"


def test_doctor_names_variables_and_never_values(home, stopped, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "canary-one")
    monkeypatch.setenv("MODELD_MODEL", "canary-three")
    (tmp_path / ".env").write_text("ANTHROPIC_API_KEY=canary-two\n")
    text = run("doctor").stdout
    assert "OPENAI_API_KEY from environment" in text
    assert f"ANTHROPIC_API_KEY from {tmp_path}/.env" in text
    assert "canary" not in text


def test_doctor_shows_the_last_failure(home, stopped):
    log = home / "modeld.log"
    at = "2026-01-01T00:00:00.000Z"
    frames = "".join(f"  frame {n}\n" for n in range(40))
    log.write_text(f"{at} ERROR old\n{at} ERROR broke\nTraceback\n{frames}Oops: x\n{at} INFO ok\n")
    lines = findings()["log"]["text"].splitlines()
    assert lines[1:4] == [f"{at} ERROR broke", "Traceback", "…"]
    assert lines[-1] == "Oops: x"
    assert len(lines) == 16


PROGRAM = """
import json, sys
name, folder = sys.argv[1], sys.argv[3]
assert sys.argv[2] == "--data-folder" and sys.argv[4] == "--progress-json"
print(json.dumps({{"done": 1, "total": 2}}), flush=True)
{end}
"""


@pytest.fixture
def downloader(tmp_path, monkeypatch):
    """Puts a program in the place of the daemon's own."""

    def place(end: str) -> None:
        (tmp_path / "download_fake.py").write_text(PROGRAM.format(end=end))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setattr(pull, "_PROGRAM", "download_fake")

    return place


def test_pull_prints_where_the_weights_are(downloader, home, tmp_path):
    downloader('print(json.dumps({"path": f"{folder}/{name}.gguf"}))')
    path = f"{tmp_path}/data/modeld/x.gguf"
    assert run("pull", "local/x").stdout == path + "\n"
    assert json.loads(run("pull", "x", "--json").stdout) == {"model": "local/x", "path": path}


@pytest.mark.parametrize(
    "end, said",
    [
        ('print(json.dumps({"error": "No such model."}))', "error: No such model."),
        ('raise SystemExit("wrong turn")', "error: wrong turn"),
        ("pass", "error: The download ended early."),
    ],
)
def test_a_failed_pull_says_why(downloader, home, end, said):
    downloader(end)
    result = run("pull", "x")
    assert result.exit_code == 1
    assert result.stderr.startswith(said)


def test_sizes_and_times_are_for_people():
    assert [size(n) for n in (None, 5, 1_500, 145_000_000, 2_500_000_000)] == [
        "",
        "5 B",
        "1.5 kB",
        "145 MB",
        "2.5 GB",
    ]
    assert [duration(s) for s in (0.4, 59, 61, 3_600, 90_061)] == [
        "0 s",
        "59 s",
        "1 min 1 s",
        "1 h",
        "1 d 1 h",
    ]
