"""Whatever the code of an extension does to its process, the daemon and everybody else go on."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from modeld import GenerateConfig, daemon, errors, get_model
from tests.fakes.programs import daemon_pid, kill_daemon, status, until

pytestmark = [pytest.mark.beside, pytest.mark.timeout(60)]

ROOT = Path(__file__).parents[2]
SETTINGS = """
[providers.deadly]
plugin = "tests.fakes.deadly_extension:Deadly"
[providers.steady]
plugin = "tests.fakes.deadly_extension:Deadly"
[providers.row]
plugin = "tests.fakes.deadly_extension:row"
[providers.stillborn]
plugin = "tests.fakes.deadly_import:anything"
"""
ENDS = {
    "exit": "exited with code 3",
    "abort": "killed by SIGABRT",
    "segfault": "killed by SIGSEGV",
    "kill": "killed by SIGKILL",
    "fork": "exited with code 5",
}


@pytest.fixture
def home(modeld_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a daemon that finds the extensions."""
    (modeld_home / "config.toml").write_text(SETTINGS)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return modeld_home


def ask(name: str, prompt: str = "hi", **args) -> str:
    return get_model(name, memoize=False, **args).generate_sync(prompt).completion


def daemon_log(home: Path) -> Path:
    (log,) = home.glob("**/*.log")
    return log


def engines(home: Path) -> list[dict]:
    return [engine for engine in status(home)["engines"] if engine["name"] == "extension"]


def text_of(path: Path) -> str:
    """What is in a file once it is written."""
    until(lambda: path.exists() and path.read_text())
    return path.read_text()


def swallow(name: str) -> None:
    with contextlib.suppress(errors.ModeldError):
        get_model(name, config=GenerateConfig(timeout=5)).generate_sync("hi")


def in_background(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_each_death_is_an_error_of_the_call_and_the_next_one_works(home):
    pids = [ask("deadly/pid")]
    served = daemon_pid(home)
    for model, words in ENDS.items():
        with pytest.raises(errors.EngineError, match=words) as caught:
            # In time: what it has started may live on.
            ask(f"deadly/{model}", config=GenerateConfig(timeout=10))
        assert "The extension 'deadly' (tests.fakes.deadly_extension:Deadly)" in str(caught.value)
        assert (caught.value.provider, caught.value.reason) == ("deadly", "engine_died")
        pids.append(ask("deadly/pid"))
    assert len(set(pids)) == len(ENDS) + 1
    assert daemon_pid(home) == served
    assert status(home)["pid"] == served
    log = daemon_log(home)
    until(lambda: "in _segfault" in log.read_text())
    assert "Segmentation fault" in log.read_text()


def test_all_calls_in_flight_fail_and_those_of_others_go_on(home, tmp_path):
    go, begun = tmp_path / "go", tmp_path / "begun"
    heard: list[str] = []
    kinds: list[str] = []
    failures: list[errors.ModeldError] = []

    def stream() -> None:
        for event in get_model("steady/parts", memoize=False, go=str(go)).stream_sync("hi"):
            kinds.append(event.type)
            if event.type == "text":
                heard.append(event.text)

    def wait(number: int) -> None:
        with pytest.raises(errors.EngineError, match="SIGABRT") as caught:
            ask("deadly/wait", begun=f"{begun}{number}", ended="")
        failures.append(caught.value)

    streaming = in_background(stream)
    until(lambda: heard == ["begun "])
    waiting = [in_background(lambda number=number: wait(number)) for number in range(3)]
    assert {text_of(Path(f"{begun}{number}")) for number in range(3)} == {ask("deadly/pid")}
    with pytest.raises(errors.EngineError):
        ask("deadly/abort")
    for thread in waiting:
        thread.join(10)
    assert len(failures) == 3
    go.touch()
    streaming.join(10)
    assert "".join(heard) == "begun " + "".join(f"{number} " for number in range(100))
    assert (kinds[0], kinds[-2], kinds[-1]) == ("reasoning", "tool_call", "finished")


def test_cancelling_reaches_the_code(home, tmp_path):
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    model = get_model("deadly/wait", memoize=False, begun=str(begun), ended=str(ended))

    async def leave() -> None:
        task = asyncio.create_task(model.generate("hi"))
        while not begun.exists():
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(leave())
    assert text_of(ended) == "cancelled"
    ended.unlink()
    with pytest.raises(errors.GenerateTimeout):
        model.generate_sync("hi", config=GenerateConfig(attempt_timeout=1, max_retries=0))
    assert text_of(ended) == "cancelled"
    assert ask("deadly/pid") == begun.read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_full_memory_is_an_error_of_the_call(home):
    pid = ask("deadly/pid")
    with pytest.raises(errors.InternalError, match="MemoryError"):
        ask("deadly/memory")
    assert ask("deadly/pid") == pid


def test_the_call_crosses_whole(home):
    from modeld import ChatMessageSystem, ChatMessageUser, ToolInfo  # noqa: PLC0415

    messages = [ChatMessageSystem("é🦊\0"), ChatMessageUser("hi")]
    tools = [ToolInfo("f", "does it")]
    config = GenerateConfig(temperature=0.5, stop_seqs=["x"], timeout=50)
    model = get_model("deadly/call", memoize=False)
    output = model.generate_sync(
        messages, tools, tool_choice="any", config=config, request_id="once"
    )
    seen = output.metadata
    assert [message["content"] for message in seen["input"]] == ["é🦊\0", "hi"]
    assert [tool["name"] for tool in seen["tools"]] == ["f"]
    assert seen["choice"] == "any"
    assert seen["config"]["temperature"] == 0.5
    assert seen["config"]["stop_seqs"] == ["x"]
    assert (seen["request_id"], seen["priority"], seen["session"]) == ("once", "normal", "")
    assert 0 < seen["left"] <= 50


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_secrets_go_by_the_socket_alone_and_what_is_printed_to_the_log(home, monkeypatch):
    monkeypatch.setenv("DEADLY_API_KEY", "canary-123456")
    seen = ast.literal_eval(ask("deadly/surroundings"))
    assert seen["key"] == "canary-123456"
    assert "canary" not in str(seen["environment"]) + seen["command"]
    assert ask("deadly/say") == "ok"
    with pytest.raises(errors.EngineError) as caught:
        ask("deadly/exit")
    assert "canary" not in str(caught.value)
    log = daemon_log(home)
    until(lambda: "natively" in log.read_text())
    assert "printed …" in log.read_text()
    assert "canary" not in log.read_text()
    until(lambda: "more lines" in log.read_text() or "line 4999" in log.read_text())


def test_an_extension_that_is_a_client_too_asks_the_same_daemon(home):
    assert ask("deadly/client") == ask("deadly/pid")


def test_nothing_is_started_for_those_who_use_none(home):
    assert ask("mockllm/m")
    done = subprocess.run(
        [sys.executable, "-m", "modeld", "providers"], capture_output=True, check=True
    )
    assert b"stillborn" in done.stdout
    assert b"deadly" in done.stdout
    assert engines(home) == []
    served = psutil.Process(daemon_pid(home))
    assert served.children() == []
    with pytest.raises(errors.ProviderUnavailable):  # nobody listens there
        get_model("row/m", config=GenerateConfig(max_retries=0)).generate_sync("hi")
    until(lambda: served.children() == [])


def test_a_crash_of_the_import_is_an_error_and_a_loop_of_them_ends(home):
    for _ in range(3):
        with pytest.raises(errors.EngineError, match=r"'stillborn'.*SIGABRT"):
            ask("stillborn/m")
    with pytest.raises(errors.EngineError, match="left alone for a while") as caught:
        ask("stillborn/m")
    assert caught.value.retry_after is not None
    assert ask("deadly/pid")


def test_it_ends_with_its_last_connection_and_closes_each(home, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    with get_model("deadly/pid", memoize=False, closed=str(second)) as other:
        with get_model("deadly/pid", memoize=False, closed=str(first)) as model:
            process = psutil.Process(int(model.generate_sync("hi").completion))
            assert other.generate_sync("hi").completion == str(process.pid)
            assert model.generate_sync("hi").completion == str(process.pid)
        assert text_of(first) == "closed after 2"
        assert not second.exists()
        assert process.is_running()
    assert text_of(second) == "closed after 1"
    until(lambda: not process.is_running())


def test_it_ends_with_the_daemon_and_closes_what_is_open(home, tmp_path):
    closed = tmp_path / "closed"
    model = get_model("deadly/pid", closed=str(closed))
    process = psutil.Process(int(model.generate_sync("hi").completion))
    assert [engine["pid"] for engine in engines(home)] == [process.pid]
    daemon.stop()
    assert text_of(closed) == "closed after 1"
    until(lambda: not process.is_running())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it ends when it reads again")
@pytest.mark.parametrize("model", ["pid", "spin", "lock"])
def test_it_ends_with_a_daemon_that_is_killed(home, model):
    process = psutil.Process(int(ask("deadly/pid")))
    asking = in_background(lambda: swallow(f"deadly/{model}"))
    if model != "pid":
        until(lambda: [engine["in_flight"] for engine in engines(home)] == [1])
    kill_daemon(home)
    until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
    for one in engines(home):
        os.kill(one["pid"], signal.SIGKILL)
    asking.join(20)
