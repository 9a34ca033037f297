"""The program `modeld` as a person runs it: real processes, a real daemon, real models."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import pytest

LOCAL = "local/smollm2-135m-instruct"
MODELD = [sys.executable, "-m", "modeld"]
STORY = ["generate", "-m", LOCAL, "--max-tokens", "2000", "--seed", "1", "Tell a long story."]


def modeld(*arguments: str, input: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*MODELD, *arguments], input=input, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def status() -> dict[str, object]:
    done = subprocess.run([*MODELD, "status", "--json"], capture_output=True, check=False)
    return json.loads(done.stdout)


def wait_until(true, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.05)
    return False


pytestmark = [pytest.mark.usefixtures("modeld_home"), pytest.mark.timeout(60), pytest.mark.beside]


def test_a_daemon_is_started_seen_and_stopped(modeld_home):
    assert "modeld start" in modeld("status", code=3).stdout
    assert "not running" in modeld("stop").stdout
    started = json.loads(modeld("start", "--json").stdout)
    shown = json.loads(modeld("status", "--json").stdout)
    assert shown["running"] is True
    assert {"pid", "version", "endpoint", "uptime_s", "in_flight"} <= shown.keys()
    assert (shown["pid"], shown["endpoint"]) == (started["pid"], started["endpoint"])
    assert shown["home"] == str(modeld_home)
    assert "serves" in modeld("logs", "-n", "20").stdout
    assert "has stopped" in modeld("stop").stdout
    assert json.loads(modeld("status", "--json", code=3).stdout)["running"] is False


def test_restart_makes_another_daemon_and_a_new_token(modeld_home):
    first = json.loads(modeld("start", "--json").stdout)
    token = (modeld_home / "token").read_text()
    second = json.loads(modeld("restart", "--new-token", "--json").stdout)
    assert second["pid"] != first["pid"]
    assert (modeld_home / "token").read_text() != token
    modeld("generate", "-m", "mockllm/model", "hi")


def test_a_daemon_in_the_foreground_ends_with_its_signal(modeld_home, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "canary-of-the-shell")
    with subprocess.Popen(
        [*MODELD, "start", "--foreground"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        assert wait_until(lambda: status()["running"], 15)
        assert status()["pid"] == process.pid
        if (environ := Path(f"/proc/{process.pid}/environ")).exists():
            assert b"canary" not in environ.read_bytes()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_generate_starts_the_daemon_and_answers(modeld_home):
    done = modeld("generate", "-m", "mockllm/model", "--usage", "hi")
    assert done.stdout == "Default output from mockllm/model\n"
    assert done.stderr.startswith("tokens: ")
    output = json.loads(modeld("generate", "-m", "mockllm/model", "--json", input="hi").stdout)
    assert output["completion"] == "Default output from mockllm/model"
    assert output["metadata"]["modeld"]["call_id"]


def test_the_model_may_come_from_a_variable(modeld_home, monkeypatch):
    monkeypatch.setenv("INSPECT_EVAL_MODEL", "nosuch/model")
    assert "nosuch/model" in modeld("generate", "hi", code=1).stderr
    monkeypatch.setenv("MODELD_MODEL", "mockllm/model")
    assert "mockllm/model" in modeld("generate", "hi").stdout


def test_the_embedded_model_answers(modeld_home):
    question = ["-m", LOCAL, "--temperature", "0", "--max-tokens", "16", "Say hello"]
    streamed = modeld("generate", *question).stdout
    assert streamed.strip()
    assert modeld("generate", "--no-stream", *question).stdout == streamed
    names = [model["name"] for model in json.loads(modeld("models", "local", "--json").stdout)]
    assert LOCAL in names


def test_errors_are_a_line_and_a_hint(modeld_home):
    for arguments in (["-m", "nosuch/x"], ["-m", "nosuch"], [], ["-m", "openai/gpt-4o"]):
        lines = modeld("generate", *arguments, "hi", code=1).stderr.splitlines()
        assert lines[0].startswith("error: ")
        assert len(lines) == 1 or lines[1].startswith("hint: ")
    assert "OPENAI_API_KEY" in modeld("generate", "-m", "openai/gpt-4o", "hi", code=1).stderr
    modeld("generate", "--nonsense", code=2)


def test_ctrl_c_cancels_the_call(modeld_home):
    with subprocess.Popen(
        [*MODELD, *STORY], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as call:
        assert call.stdout is not None
        assert call.stdout.read(4), call.stderr.read()
        assert status()["in_flight"] == 1
        call.send_signal(signal.SIGINT)
        _, complaints = call.communicate(timeout=10)
    assert (call.returncode, complaints) == (130, b"")
    assert wait_until(lambda: status()["in_flight"] == 0, 2)


def test_a_reader_that_leaves_is_no_error(modeld_home):
    with subprocess.Popen(
        [*MODELD, *STORY], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as call:
        assert call.stdout is not None
        assert call.stderr is not None
        call.stdout.read(4)
        call.stdout.close()
        assert call.stderr.read() == b""
    assert wait_until(lambda: status()["in_flight"] == 0, 2)


def test_the_same_request_id_gives_the_same_answer(modeld_home):
    call = ["generate", "-m", LOCAL, "--request-id", "once", "--max-tokens", "12", "Invent a name"]
    assert modeld(*call).stdout == modeld(*call).stdout
    assert "request" in modeld(*call, "--seed", "5", code=1).stderr.lower()


def test_doctor_shows_no_value(modeld_home, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "canary-of-doctor")
    modeld("start")
    done = modeld("doctor", "--json")
    found = {finding["check"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert found["handshake"]["state"] == "ok"
    assert found["socket"]["state"] == "ok"
    assert "OPENAI_API_KEY" in done.stdout
    assert "canary" not in done.stdout + modeld("doctor").stdout
    names = [provider["name"] for provider in json.loads(modeld("providers", "--json").stdout)]
    assert {"local", "mockllm", "openai"} <= set(names)


def test_a_chat_of_lines(modeld_home):
    done = modeld("chat", "-m", "mockllm/model", input="Hi\n/show\n")
    assert done.stdout.splitlines()[:2] == [
        "Default output from mockllm/model",
        "model: mockllm/model",
    ]


# Ctrl-C is a signal only to those whose controlling terminal it was typed at.
AT_A_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Keyboard:
    """A person at a terminal, in front of `modeld chat`."""

    def __init__(self, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        command = [sys.executable, "-c", AT_A_TERMINAL, *MODELD, "chat", *arguments]
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)
        self.screen = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.master)

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def see(self, text: str, seconds: float = 15) -> str:
        """Wait until the text is on the screen; what was shown up to its end."""
        deadline = time.monotonic() + seconds
        while text not in self.screen:
            left = deadline - time.monotonic()
            assert left > 0, f"{text!r} never came: {self.screen!r}"
            if select.select([self.master], [], [], max(left, 0))[0]:
                self.screen += os.read(self.master, 4096).decode(errors="replace")
        shown, _, self.screen = self.screen.partition(text)
        return shown

    def leave(self) -> int:
        self.type("\x04")
        try:
            while os.read(self.master, 4096):
                pass
        except OSError:  # the last holder of the other end has gone
            pass
        return self.process.wait(10)


def test_a_chat_at_a_terminal(modeld_home, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(modeld_home / "data"))
    monkeypatch.setenv("TERM", "xterm")
    with Keyboard("-m", LOCAL, "--max-tokens", "3000", "--seed", "1") as person:
        person.see(">>> ")
        person.type("Tell a very long story.\n")
        person.see("story.")
        assert wait_until(lambda: status()["in_flight"] == 1, 15)
        person.see("\n")
        person.type("\x03")
        person.see("stopped; /retry asks again")
        assert wait_until(lambda: status()["in_flight"] == 0, 2)
        person.see(">>> ")
        person.type("/sh\t\n")
        person.see("messages:")
        person.see(">>> ")
        assert person.leave() == 0
    history = modeld_home / "data" / "modeld" / "chat_history"
    assert "Tell a very long story." in history.read_text()
    assert history.stat().st_mode & 0o777 == 0o600


def test_pull_fetches_weights(modeld_home, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(modeld_home / "data"))
    path = Path(modeld("pull", "smollm2-135m-instruct").stdout.strip())
    assert path.is_file()
    assert path.read_bytes()[:4] == b"GGUF"
    assert modeld("pull", "nothing-of-this-name", code=1).stderr.startswith("error: ")
