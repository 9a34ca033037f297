"""`modeld session` and its commands, with a daemon's sessions in a dictionary."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from modeld import GenerateConfig, ModelUsage, sessions
from modeld.cli.root import root
from modeld.errors import SessionNotFound
from modeld.types import ModelConfig, NamedSession, SessionSettings, SessionUsage

USED = SessionUsage(3, ModelUsage(1200, 80, 1280, input_tokens_cache_read=20, total_cost=0.5))


@pytest.fixture(autouse=True)
def known(monkeypatch) -> dict[str, NamedSession]:
    known: dict[str, NamedSession] = {}

    def get(name: str) -> NamedSession:
        if name not in known:
            raise SessionNotFound(f"There is no session {name}.")
        return known[name]

    def put(name: str, settings: SessionSettings) -> NamedSession:
        known[name] = NamedSession(name, settings)
        return known[name]

    monkeypatch.setattr(sessions, "create_session", put)
    change = lambda name, change: put(name, change(get(name).settings))  # noqa: E731
    monkeypatch.setattr(sessions, "change_session", change)
    monkeypatch.setattr(sessions, "get_session", get)
    monkeypatch.setattr(sessions, "list_sessions", lambda: list(known.values()))
    monkeypatch.setattr(sessions, "delete_session", lambda name: known.pop(get(name).name))
    return known


def run(*words: str):
    return CliRunner().invoke(root, ["session", *words])


def test_all_that_a_session_can_say_is_an_option(known):
    done = run(
        "create", "dev", "-m", "openai/gpt-4o", "--base-url", "http://here", "-M", "x=1,2",
        "--temperature", "0.5", "--stop-seqs", "a,b", "--cache=3h",
        "--role", "grader=openai/a", "--role", "jury=openai/a,google/b",
        "--role", "cold={model: openai/c, temperature: 0, model_args: {y: 1}}",
    )  # fmt: skip
    assert (done.exit_code, "export MODELD_SESSION=dev" in done.output) == (0, True)
    settings = known["dev"].settings
    assert settings.model == ModelConfig(
        "openai/gpt-4o", base_url="http://here", args={"x": ["1", "2"]}
    )
    assert settings.roles == {
        "grader": [ModelConfig("openai/a")],
        "jury": [ModelConfig("openai/a"), ModelConfig("google/b")],
        "cold": [ModelConfig("openai/c", GenerateConfig(temperature=0), args={"y": 1})],
    }
    assert (settings.config.temperature, settings.config.stop_seqs) == (0.5, ["a", "b"])
    assert settings.config.timeout is None


def test_set_changes_what_is_named_and_no_more(known):
    run("create", "dev", "-m", "a/b", "-M", "x=1", "--role", "r=a/r", "--seed", "1", "--top-p", "1")
    assert run("set", "dev", "--temperature", "0", "-M", "y=2").exit_code == 0
    settings = known["dev"].settings
    assert settings.model == ModelConfig("a/b", args={"x": 1, "y": 2})
    assert settings.config == GenerateConfig(seed=1, top_p=1, temperature=0)
    assert settings.roles == {"r": [ModelConfig("a/r")]}
    run("set", "dev", "-m", "c/d", "--role", "s=a/s", "--remove-role", "r", "--unset", "top-p")
    settings = known["dev"].settings
    assert settings.model == ModelConfig("c/d")  # arguments belong to a model
    assert settings.config == GenerateConfig(seed=1, temperature=0)
    assert settings.roles.keys() == {"s"}
    run("set", "dev", "--unset", "model")
    assert known["dev"].settings.model is None


@pytest.mark.parametrize(
    "words, said",
    [
        (("set", "dev"), "Nothing would change"),
        (("set", "dev", "--unset", "nothing"), "--unset nothing: there is no such option"),
        (("set", "dev", "--remove-role", "r"), "--remove-role r: the session has no such role"),
        (("set", "dev", "-M", "x=1"), "--base-url and -M belong to a model"),
        (("set", "gone", "--seed", "1"), "There is no session gone"),
        (("show", "gone"), "There is no session gone"),
        (("delete", "gone"), "There is no session gone"),
        (("create",), "Missing argument 'NAME'"),
        (("create", "x", "--role", "grader"), "Write role=provider/model"),
        (("create", "x", "--temperature", "hot"), "Expected a number"),
        (("lst",), "Got unexpected extra argument"),
    ],
)
def test_what_is_wrong_is_said_and_changes_nothing(known, words, said):
    known["dev"] = NamedSession("dev")
    done = run(*words)
    assert done.exit_code in (1, 2)
    assert said in done.output
    assert "Traceback" not in done.output
    assert known == {"dev": NamedSession("dev")}


def test_show_says_what_was_used_by_model_and_by_role(known):
    settings = SessionSettings(ModelConfig("a/b", args={"x": 1}), {"r": [ModelConfig("")]})
    known["dev"] = NamedSession("dev", settings, 5, 6, {"a/b": USED}, {"r": USED})
    shown = run("show", "dev").output
    assert "a/b (x=1)" in shown
    assert "the same model" in shown
    assert [line.split() for line in shown.splitlines() if line.startswith(("a/b", "r "))] == [
        [name, "3", "1200", "20", "80", "$0.5000"] for name in ("a/b", "r")
    ]
    assert NamedSession.from_dict(json.loads(run("show", "dev", "--json").output)) == known["dev"]


def test_list_has_a_line_for_each(known):
    assert "There are no sessions" in run("list").output
    known["dev"] = NamedSession(
        "dev", SessionSettings(ModelConfig("a/b")), model_usage={"a/b": USED}
    )
    known["x"] = NamedSession("x")
    for words in ((), ("list",)):
        _, dev, other = run(*words).output.splitlines()
        assert dev.split()[:4] == ["dev", "a/b", "3", "1280"]
        assert other.split()[0] == "x"
    assert [one["name"] for one in json.loads(run("list", "--json").output)] == ["dev", "x"]
    done = run("delete", "dev", "x")
    assert (done.exit_code, known) == (0, {})
