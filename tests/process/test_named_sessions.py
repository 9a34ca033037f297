"""Named sessions with a real daemon: they outlive it, and hold no key."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from modeld import eval, sessions  # noqa: A004 - the public name
from modeld.log import read_eval_log
from tests.fakes.programs import Program, daemon_pid, kill_daemon, until
from tests.fakes.upstream import UpstreamThread, fingerprint

MODELD = [sys.executable, "-m", "modeld"]

pytestmark = [pytest.mark.timeout(90), pytest.mark.beside]

ASKING = """
import sys
from modeld import get_model

for line in sys.stdin:
    model = get_model(role=line.strip() or None)
    print(model, model.generate_sync("hi").completion, flush=True)
"""
TASK = """
from modeld import Task, get_model, task
from modeld.scorer import Score, accuracy, scorer

@scorer(metrics=[accuracy()])
def graded():
    async def score(state, target):
        return Score("C" if (await get_model(role="grader").generate("grade")).completion else "I")
    return score

@task
def tiny():
    return Task(scorer=graded())
"""


@pytest.fixture
def upstream():
    with UpstreamThread() as server:
        yield server


def modeld(*words: str) -> str:
    done = subprocess.run([*MODELD, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def flushed(home: Path) -> int:
    """Calls that the death of the daemon does not take away any more."""
    with closing(sqlite3.connect(home / "sessions.db")) as connection:
        return connection.execute("SELECT COALESCE(SUM(calls), 0) FROM used").fetchone()[0]


def shown() -> dict:
    return sessions.get_session("dev").to_dict()


def test_a_session_and_what_was_used_outlive_the_daemon(modeld_home, upstream):
    url = upstream.base_url()
    modeld(
        "session", "create", "dev", "--model", "openai-api/acme/own", "--base-url", url,
        "--role", f"grader={{model: openai-api/acme/grader, model_args: {{base_url: {url}}}}}",
    )  # fmt: skip
    keys = {"ACME_API_KEY": "key-of-the-shell-1234", "ACME_BASE_URL": url, "MODELD_SESSION": "dev"}
    with Program(ASKING, **keys) as one, Program(ASKING, **keys) as two:
        for program, role, model in (
            (one, "", "own"),
            (two, "grader", "grader"),
            (one, "x", "own"),
        ):
            program.tell(role)
            assert program.hear() == f"openai-api/acme/{model} Hello!"
        assert upstream.stats().keys == {fingerprint("key-of-the-shell-1234"): 3}
        until(lambda: flushed(modeld_home) == 3)
        before = shown()
        assert json.loads(modeld("session", "show", "dev", "--json")) == before
        assert {n: u["calls"] for n, u in before["model_usage"].items()} == {
            "openai-api/acme/grader": 1,
            "openai-api/acme/own": 2,
        }
        assert {n: u["calls"] for n, u in before["role_usage"].items()} == {"grader": 1}
        assert before["model_usage"]["openai-api/acme/own"]["usage"]["total_tokens"] > 0
        kill_daemon(modeld_home)
        assert shown() == before
        two.tell("grader")
        assert two.hear() == "openai-api/acme/grader Hello!"
        assert shown()["role_usage"]["grader"]["calls"] == 2
    modeld("restart")
    assert shown()["role_usage"]["grader"]["calls"] == 2
    for file in modeld_home.iterdir():
        if file.is_file() and not file.is_symlink():
            assert b"key-of-the-shell" not in file.read_bytes(), file
    assert (modeld_home / "sessions.db").stat().st_mode & 0o077 == 0
    modeld("session", "delete", "dev")
    modeld("restart")
    assert json.loads(modeld("session", "list", "--json")) == []


def test_without_a_key_of_its_own_a_process_gets_no_answer(modeld_home, upstream):
    modeld("session", "create", "dev", "-m", "together/own", "--base-url", upstream.base_url())
    with Program(ASKING, TOGETHER_API_KEY="key-1", MODELD_SESSION="dev") as one:
        one.tell()
        assert one.hear() == "together/own Hello!"
        with Program(ASKING, MODELD_SESSION="dev") as two:
            two.tell()
            assert two.process.wait(20) == 1
            assert "TOGETHER_API_KEY" in two.stderr()
    assert upstream.stats().keys == {fingerprint("key-1"): 1}


def test_many_processes_and_threads_are_counted_to_the_last_call(modeld_home):
    modeld("session", "create", "dev", "-m", "mockllm/model")
    text = """
        from concurrent.futures import ThreadPoolExecutor
        from modeld import get_model
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: get_model(role="r" if n % 2 else None).generate_sync("hi"), range(40)))
    """
    programs = [Program(text, MODELD_SESSION="dev") for _ in range(4)]
    for program in programs:
        with program:
            program.end()
    assert shown()["model_usage"]["mockllm/model"]["calls"] == 160
    modeld("stop")  # flushes
    assert shown()["model_usage"]["mockllm/model"]["calls"] == 160


def test_an_evaluation_takes_its_models_from_the_session(modeld_home, tmp_path, monkeypatch):
    (tmp_path / "tiny.py").write_text(TASK)
    monkeypatch.chdir(tmp_path)
    modeld(
        "session", "create", "dev", "-m", "mockllm/own", "--temperature", "0.25",
        "--role", "grader=mockllm/grader",
    )  # fmt: skip
    monkeypatch.setenv("MODELD_SESSION", "dev")
    monkeypatch.setenv("INSPECT_EVAL_MODEL", "mockllm/of-the-variable")
    (log,) = json.loads(modeld("eval", "tiny.py", "--json"))
    log = read_eval_log(log["location"])
    assert (log.status, log.eval.model) == ("success", "mockllm/own")
    assert log.eval.model_generate_config.temperature == 0.25
    assert log.eval.model_roles["grader"].model == "mockllm/grader"
    assert log.stats.role_usage.keys() == {"grader"}
    assert {n: u["calls"] for n, u in shown()["model_usage"].items()} == {
        "mockllm/own": 1,
        "mockllm/grader": 1,
    }
    (log,) = eval("tiny.py", model="mockllm/named", model_roles={"grader": "mockllm/stern"})
    assert (log.eval.model, log.eval.model_roles["grader"].model) == (
        "mockllm/named", "mockllm/stern",
    )  # fmt: skip
    (log,) = eval("tiny.py", model=None)
    assert (log.status, log.eval.model) == ("error", "none/none")
    monkeypatch.setenv("MODELD_SESSION", "gone")
    done = subprocess.run([*MODELD, "eval", "tiny.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "There is no session gone. Create it: 'modeld session create gone" in done.stderr


def test_the_commands_of_a_shell_that_has_joined(modeld_home, monkeypatch):
    modeld("session", "create", "dev", "-m", "mockllm/own", "--role", "grader=mockllm/grader")
    monkeypatch.setenv("MODELD_SESSION", "dev")
    for words, model in (((), "own"), (("--role", "grader"), "grader"), (("-m", "mockllm/x"), "x")):
        modeld("generate", *words, "hi")
        assert shown()["model_usage"][f"mockllm/{model}"]["calls"] == 1
    findings = json.loads(modeld("doctor", "--json"))["findings"]
    (session,) = [one for one in findings if one["check"] == "session"]
    assert (session["state"], session["text"]) == ("ok", "dev: model mockllm/own, roles grader")
    modeld("session", "set", "dev", "--unset", "model", "--remove-role", "grader")
    monkeypatch.setenv("MODELD_MODEL", "mockllm/of-the-variable")
    modeld("generate", "hi")
    assert shown()["model_usage"]["mockllm/of-the-variable"]["calls"] == 1


def test_a_broken_database_is_set_aside_and_told(modeld_home):
    (modeld_home / "sessions.db").write_bytes(b"this is no database" * 100)
    assert json.loads(modeld("session", "list", "--json")) == []
    modeld("session", "create", "dev", "-m", "mockllm/model")
    assert list(modeld_home.glob("sessions.db.broken-*"))
    kill_daemon(modeld_home)
    assert shown()["settings"]["model"]["model"] == "mockllm/model"


def test_many_that_make_the_same_session_at_once_make_one(modeld_home):
    said: list[str] = []

    def make() -> None:
        try:
            sessions.create_session("dev")
            said.append("made")
        except ValueError as error:
            said.append(str(error))

    threads = [threading.Thread(target=make) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said.count("made") == 1
    assert sum("already" in text for text in said) == 19
    assert daemon_pid(modeld_home)
