"""Servers of `vllm/` and `sglang/` that the daemon starts: real processes, real HTTP, one package each
that is real as far as being started goes."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.fakes.programs import Program, daemon_pid, kill_daemon, program, status, until
from tests.fakes.startable import install

pytestmark = [pytest.mark.timeout(60), pytest.mark.beside]

ASK = """
    import json, sys
    from modeld import get_model
    from modeld.errors import ModeldError
    name, prompt, args = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    try:
        said = get_model(name, **args).generate_sync(prompt).completion
    except ModeldError as error:
        said = error.to_dict()
    print(json.dumps(said))
"""
KEPT = """
    import json, sys
    from modeld import get_model
    with get_model(sys.argv[1]) as model:
        print(model.generate_sync("how").completion, flush=True)
        sys.stdin.readline()
"""

Configure = Callable[..., Path]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has vllm and sglang."""
    return install(tmp_path_factory.mktemp("startable"))


@pytest.fixture
def configure(modeld_home: Path, python: Path) -> Configure:
    """Writes the settings of a daemon that may start servers; gives its home."""

    def configure(provider: str = "vllm", **said: Any) -> Path:
        lines = [f"[providers.{provider}]", "start = true", f'python = "{python}"']
        lines += [f"{name} = {json.dumps(value)}" for name, value in said.items()]
        lines += [f"[providers.{provider}.environment]", 'HF_HOME = "/models"']
        (modeld_home / "config.toml").write_text("\n".join(lines))
        return modeld_home

    return configure


def ask(model: str, prompt: str = "hello", args: dict[str, Any] | None = None, **variables) -> Any:
    with program(ASK, model, prompt, json.dumps(args or {}), **variables) as (line,):
        return json.loads(line)


def how(model: str, args: dict[str, Any] | None = None, **variables: str) -> dict[str, Any]:
    """How the server of a model was started, in its own words."""
    said = ask(model, "how", args, **variables)
    assert isinstance(said, str), said
    return json.loads(said)


def logs(home: Path) -> str:
    return "\n".join(path.read_text() for path in (home / "servers").glob("*.log*"))


def gone(*pids: int) -> bool:
    return not any(map(runs, pids))


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# -- starting --------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["vllm", "sglang"])
def test_a_server_is_started_once_for_all_processes_and_with_a_key_of_its_own(configure, provider):
    home = configure(provider)
    first = how(f"{provider}/org/model", {"dtype": "half", "max_model_len": 128})
    second = how(f"{provider}/org/model", {"max_model_len": 128, "dtype": "half"})
    other = how(f"{provider}/org/model")
    assert first["pid"] == second["pid"] != other["pid"]
    options = first["options"]
    assert (options["model"], options["dtype"]) == ("org/model", "half")
    assert options.get("max_model_len", options.get("context_length")) == 128
    assert (options["host"], other["options"]["dtype"]) == ("127.0.0.1", "auto")
    assert options["port"] != other["options"]["port"]
    engines = status(home)["engines"]
    assert {(engine["name"], *engine["models"]) for engine in engines} == {(provider, "org/model")}


@pytest.mark.parametrize("provider", ["vllm", "sglang"])
def test_the_key_is_in_no_log_no_command_line_and_no_file(configure, provider):
    home = configure(provider)
    seen = how(f"{provider}/m", {"default_headers": {"x-own": "1"}})
    key = seen["key"][::-1]  # as it is, it would have been cut out of the answer
    assert len(key) > 30
    # The server itself wrote its key to its output, as SGLang does with all its arguments.
    assert "api_key='…'" in logs(home)
    for path in home.rglob("*"):
        if path.is_file() and path.suffix != ".db":
            text = path.read_text(errors="replace")
            assert "api-key" not in text
            assert key not in text
    assert not any("api-key" in word or key in word for word in seen["argv"])
    mode = {path.stat().st_mode & 0o777 for path in (home / "servers").iterdir()}
    assert mode == {0o600}
    assert (home / "servers").stat().st_mode & 0o777 == 0o700


def test_a_caller_gives_neither_environment_nor_command(configure, tmp_path):
    home = configure(arguments=["--trust-remote-code"])
    seen = how("vllm/m", VLLM_API_KEY="the-callers", HF_TOKEN="secret", PYTHONPATH=str(tmp_path))
    assert seen["options"]["trust_remote_code"]
    assert seen["environment"]["HF_HOME"] == "/models"
    assert seen["environment"]["VLLM_API_KEY"] != "the-callers"
    assert "HF_TOKEN" not in seen["environment"]
    assert str(tmp_path) not in seen["environment"]["PYTHONPATH"]
    for args in ({"python": "/bin/sh"}, {"trust_remote_code": True}, {"environment": {"A": "b"}}):
        error = ask("vllm/m", args=args)
        assert error["error"] == "InvalidRequest"
        assert repr(next(iter(args))) in error["message"]
    for args in ({"dtype": "--host=0.0.0.0"}, {"max_model_len": "1 --x"}, {"device": "0;rm"}):
        assert ask("vllm/m", args=args)["error"] == "InvalidRequest"
    assert ask("vllm/--host=0.0.0.0")["error"] == "InvalidRequest"
    assert len(status(home)["engines"]) == 1


def test_devices_are_what_the_server_sees(configure):
    configure()
    seen = how("vllm/m", {"device": [2, 3], "enforce_eager": False})
    assert seen["environment"]["CUDA_VISIBLE_DEVICES"] == "2,3"
    assert seen["options"]["tensor_parallel_size"] == 2
    assert seen["options"]["enforce_eager"] is False
    assert how("vllm/m", {"device": "cuda:0"})["environment"]["CUDA_VISIBLE_DEVICES"] == "0"


def test_adapters_share_the_server_of_their_model(configure):
    configure()
    adapted = json.loads(ask("vllm/m:org/fine", "how").removesuffix(" through org/fine"))
    assert adapted["options"]["enable_lora"]
    assert ask("vllm/m:org/fine") == "m heard hello through org/fine"
    assert ask("vllm/m:org/other") == "m heard hello through org/other"
    assert how("vllm/m")["pid"] == adapted["pid"]
    error = ask("vllm/m:missing")
    assert error["error"] == "ModelNotFound"
    assert "No adapter found for missing" in error["message"]
    assert "revision" in ask("vllm/m:org/fine@main")["message"]


def test_who_waits_for_a_start_is_told_and_the_answer_is_streamed(configure):
    home = configure()
    told = """
        import json
        from modeld import get_model
        events = list(get_model("vllm/late").stream_sync("hello"))
        print(json.dumps([e.progress for e in events if e.type == "queued" and e.reason == "loading"]))
        print(json.dumps([e.text for e in events if e.type == "text"]))
    """
    heard = []
    with Program(told) as one, Program(told) as two:
        for waiting in (one, two):
            loading = json.loads(waiting.hear(30))
            assert loading[0] is None
            assert loading[1:] == sorted(loading[1:])
            heard += loading
            assert json.loads(waiting.hear()) == ["late heard hello"]
    assert 1.0 in heard
    assert "100% Completed" in logs(home)
    assert "50% Completed" not in logs(home)
    (engine,) = status(home)["engines"]
    assert engine["starts"] == 1


def test_the_models_of_a_provider_are_those_that_are_served(configure):
    configure()
    listing = """
        import subprocess, sys
        print(subprocess.check_output([sys.executable, "-m", "modeld", "models", "vllm"], text=True))
    """
    with program(listing) as lines:
        assert "vllm/m" not in "\n".join(lines)
    ask("vllm/m")
    with program(listing) as lines:
        assert "vllm/m" in "\n".join(lines)


# -- who may ---------------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["vllm", "sglang"])
def test_where_nothing_is_allowed_the_error_names_all_that_helps(modeld_home, provider):
    error = ask(f"{provider}/m")
    assert error["error"] == "PrerequisiteError"
    for word in (
        f"{provider.upper()}_BASE_URL",
        f"pip install {provider}",
        "start = true",
        f"[providers.{provider}] in {modeld_home}/config.toml",
    ):
        assert word in error["message"]


def test_what_is_allowed_must_be_there(modeld_home):
    settings = modeld_home / "config.toml"
    settings.write_text("[providers.vllm]\nstart = true")
    assert "vllm is not installed" in ask("vllm/m")["message"]
    kill_daemon(modeld_home)
    settings.write_text('[providers.vllm]\nstart = true\npython = "/no/such/python"')
    assert "/no/such/python" in ask("vllm/m")["message"]
    kill_daemon(modeld_home)
    settings.write_text(f'[providers.vllm]\nstart = true\npython = "{sys.executable}"')
    error = ask("vllm/m")
    assert error["error"] == "EngineError"
    assert "No module named 'vllm'" in error["message"]


def test_an_address_is_used_and_no_server_is_started(configure):
    home = configure()
    port = how("vllm/m")["options"]["port"]
    for args, variables in (
        ({"port": port}, {}),
        ({"host": "127.0.0.1", "port": port}, {}),
        ({"base_url": f"http://127.0.0.1:{port}/v1"}, {}),
        ({}, {"VLLM_BASE_URL": f"http://127.0.0.1:{port}/v1"}),
    ):
        error = ask("vllm/m", args=args, **variables)
        assert (error["error"], error["status"]) == ("AuthenticationError", 401)  # it has our key
    wrong = ask("vllm/m", args={"port": port, "dtype": "half"})
    assert "was started by somebody else" in wrong["message"]
    assert ask("vllm/m", args={"host": "127.0.0.1"})["error"] == "InvalidRequest"
    assert ask("vllm/m", args={"host": "a/b@c", "port": 1})["error"] == "InvalidRequest"
    assert len(status(home)["engines"]) == 1


# -- ends ------------------------------------------------------------------------------------


def test_a_crash_at_the_start_is_told_with_the_end_of_the_log(configure):
    home = configure()
    error = ask("vllm/broken")
    assert (error["error"], error["reason"]) == ("EngineError", "engine_died")
    assert "it exited with code 1" in error["message"]
    assert "No available memory for the cache blocks" in error["message"]
    assert f"{home}/servers/vllm-broken-" in error["message"]
    ask("vllm/broken")
    assert logs(home).count("ValueError") == 2  # it was tried again, and both logs are kept


def test_a_server_that_is_never_healthy_is_ended(configure):
    home = configure(start_timeout=1)
    error = ask("vllm/never")
    assert error["error"] == "EngineError"
    assert "was not healthy within 1 s" in error["message"]
    until(lambda: not psutil.Process(daemon_pid(home)).children(recursive=True))


@pytest.mark.parametrize(
    "prompt, cause", [("die", "was killed by SIGKILL"), ("exit", "exited with code 3")]
)
def test_a_crash_in_a_call_is_told_and_the_next_call_starts_it_again(configure, prompt, cause):
    configure()
    first = how("vllm/m")
    error = ask("vllm/m", prompt)
    assert (error["error"], error["reason"]) == ("EngineError", "engine_died")
    assert cause in error["message"]
    assert prompt != "die" or "CUDA error: an illegal memory access" in error["message"]
    second = how("vllm/m")
    assert first["pid"] != second["pid"]
    assert first["key"] != second["key"]
    until(lambda: gone(first["worker"]))


def test_a_crash_in_a_stream_comes_after_what_was_said(configure):
    configure()
    told = """
        from modeld import get_model
        from modeld.errors import EngineError
        try:
            for event in get_model("vllm/m").stream_sync("half"):
                if event.type == "text":
                    print(event.text, flush=True)
        except EngineError as error:
            print("was killed by SIGKILL" in error.message, "CUDA error" in error.message)
    """
    with program(told) as lines:
        assert lines == ["half of", "True True"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_of_a_server_outlives_its_daemon(configure, number):
    home = configure()
    seen = how("vllm/m")
    assert runs(seen["worker"])
    kill_daemon(home, number)
    until(lambda: gone(seen["pid"], seen["worker"]), 15)


def test_a_server_that_is_starting_does_not_outlive_its_daemon(configure):
    home = configure()
    with Program(ASK, "vllm/never", "hello", "{}"):
        until(lambda: "server_args" in logs(home), 20)
        family = psutil.Process(daemon_pid(home)).children(recursive=True)
        assert len(family) >= 3
        kill_daemon(home)
        until(lambda: gone(*(one.pid for one in family)), 15)


def test_a_server_does_not_outlive_its_keeper(configure):
    home = configure()
    seen = how("vllm/m")
    (keeper,) = psutil.Process(daemon_pid(home)).children()
    keeper.kill()
    until(lambda: gone(seen["pid"]))
    assert how("vllm/m")["pid"] != seen["pid"]


def test_a_server_ends_when_nobody_has_asked_it_for_a_while(configure):
    home = configure(idle_timeout=0.5)
    seen = how("vllm/m")
    until(lambda: gone(seen["pid"], seen["worker"]), 15)
    assert status(home)["engines"] == []
    assert how("vllm/m")["pid"] != seen["pid"]


def test_a_server_ends_when_its_last_holder_closes_it(configure):
    configure()
    with Program(KEPT, "vllm/m") as one, Program(KEPT, "vllm/m") as two:
        seen = json.loads(one.hear())
        assert json.loads(two.hear())["pid"] == seen["pid"]
        one.tell()
        one.end()
        two.tell()
        assert os.getpid() != seen["pid"]
        two.end()
        until(lambda: gone(seen["pid"], seen["worker"]), 15)
