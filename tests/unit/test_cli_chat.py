"""`modeld chat` on lines that are no terminal's, with a fake model behind it."""

from __future__ import annotations

import json
import stat

import pytest
from click.testing import CliRunner

from modeld.cli import line_input
from modeld.cli.chat import converse
from modeld.cli.command import Run
from modeld.cli.conversation import Conversation
from modeld.cli.line_input import LineInput
from modeld.cli.options import ModelChoice
from modeld.cli.root import root
from modeld.errors import InvalidRequest, ProviderError
from modeld.types import GenerateConfig, StreamTextEvent
from tests.fakes.cli_model import FakeModel


@pytest.fixture
def model(monkeypatch) -> FakeModel:
    fake = FakeModel()
    monkeypatch.setattr("modeld.cli.answer.get_model", fake.get_model)
    return fake


def talk(*lines: str, arguments=()):
    command = ["chat", "-m", "fake/model", *arguments]
    return CliRunner().invoke(root, command, input="".join(f"{line}\n" for line in lines))


def texts(messages) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in messages]


def test_each_line_is_a_question_in_one_conversation(model):
    model.answers = ["Hel|lo", "Bonjour"]
    result = talk("Hi", "", "In French?")
    assert (result.exit_code, result.stdout) == (0, "Hello\nBonjour\n")
    assert texts(model.asked[1]) == [
        ("user", "Hi"),
        ("assistant", "Hello"),
        ("user", "In French?"),
    ]


def test_quotes_hold_many_lines_together(model):
    model.answers = ["ok", "ok"]
    talk('"""one', "two", 'three"""', '"""four"""')
    assert texts(model.asked[0]) == [("user", "one\ntwo\nthree")]
    assert texts(model.asked[1])[-1] == ("user", "four")


def test_settings_hold_from_then_on(model):
    model.answers = ["a", "b", "c"]
    result = talk(
        "Hi",
        "/set temperature 0.5",
        "/set max-tokens 7",
        "/system Be brief",
        "Hi",
        "/set temperature none",
        "/system",
        "/set reasoning_effort none",
        "Hi",
        arguments=["--seed", "3"],
    )
    assert result.exit_code == 0
    first, second, third = model.configs
    assert (first.seed, first.temperature, first.system_message) == (3, None, None)
    assert (second.seed, second.temperature, second.max_tokens) == (3, 0.5, 7)
    assert second.system_message == "Be brief"
    assert (third.temperature, third.system_message) == (None, None)
    assert (third.reasoning_effort, third.max_tokens) == ("none", 7)


def test_clear_forgets_the_messages(model):
    model.answers = ["a", "b"]
    talk("One", "/clear", "Two")
    assert texts(model.asked[1]) == [("user", "Two")]


def test_retry_asks_again_without_the_old_answer(model):
    model.answers = ["a", "b", "c"]
    result = talk("One", "/retry", "Two")
    assert result.stdout == "a\nb\nc\n"
    assert texts(model.asked[1]) == [("user", "One")]
    assert texts(model.asked[2]) == [("user", "One"), ("assistant", "b"), ("user", "Two")]


def test_an_error_ends_the_question_and_not_the_chat(model):
    model.answers = [ProviderError("Broken."), "b", "c"]
    result = talk("One", "/retry", "Two")
    assert (result.exit_code, result.stdout) == (1, "b\nc\n")
    assert result.stderr.startswith("error: Broken.")
    assert texts(model.asked[2]) == [("user", "One"), ("assistant", "b"), ("user", "Two")]


def test_another_model_goes_on_with_the_conversation(model):
    model.answers = ["a", "b"]
    talk("One", "/model fake/other", "Two", "/model third/x", arguments=["-M", "key=1"])
    assert model.opened == [
        ("fake/model", {"key": 1}),
        ("fake/other", {"key": 1}),
        ("third/x", {}),
    ]
    assert len(model.asked[1]) == 3


def test_a_model_that_cannot_be_opened_changes_nothing(model, monkeypatch):
    conversation = Conversation(ModelChoice("fake/model"), GenerateConfig())

    def refuse(*_names, **_arguments):
        raise InvalidRequest("No.")

    monkeypatch.setattr("modeld.cli.answer.get_model", refuse)
    with pytest.raises(InvalidRequest):
        conversation.use_model("fake/other")
    assert conversation.choice == ModelChoice("fake/model")


def test_save_writes_the_conversation(model, tmp_path):
    model.answers = ["a"]
    result = talk("One", "/set seed 1", f"/save {tmp_path}/talk.json")
    saved = json.loads((tmp_path / "talk.json").read_text())
    assert result.exit_code == 0
    assert (saved["model"], saved["config"]["seed"]) == ("fake/model", 1)
    assert [m["content"] for m in saved["messages"]] == ["One", "a"]


def test_show_tells_model_settings_and_size(model):
    model.answers = ["a"]
    lines = talk("One", "/show", arguments=["--seed", "3"]).stdout.splitlines()
    assert "model: fake/model" in lines
    assert "seed: 3" in lines
    assert "messages: 2, tokens used: 7" in lines


@pytest.mark.parametrize(
    "line, complaint",
    [
        ("/nonsense", "There is no /nonsense"),
        ("/set nonsense 1", "There is no setting 'nonsense'"),
        ("/set temperature warm", "Expected a number"),
        ("/set top_logprobs 99", "between 0 and 20"),
        ("/save", "Write /save FILE."),
        ("/save /nonexistent/folder/x", "No such file"),
        ("/retry", "no question"),
    ],
)
def test_a_wrong_command_is_said_and_the_chat_goes_on(model, line, complaint):
    model.answers = ["still here"]
    result = talk(line, "Hi")
    assert complaint in result.stderr
    assert result.stdout == "still here\n"


def test_exit_leaves_at_once(model):
    assert talk("/exit", "Hi").exit_code == 0
    assert model.asked == []


def test_help_lists_every_command(model):
    text = talk("/help").stdout
    for name in ("/help", "/exit", "/clear", "/system", "/model", "/save", "/retry", "/set"):
        assert name in text


class Keyboard:
    """Lines typed at a terminal; an exception stands for a key such as Ctrl-C."""

    interactive = True

    def __init__(self, *keys):
        self.keys = [*keys, EOFError()]

    def read(self) -> str:
        key = self.keys.pop(0)
        if isinstance(key, BaseException):
            raise key
        return key


def test_ctrl_c_stops_the_answer_and_keeps_what_came(model, capsys):
    model.answers = [[StreamTextEvent(text="Half"), KeyboardInterrupt()], "whole"]
    conversation = Conversation(ModelChoice("fake/model"), GenerateConfig())
    keys = Keyboard("One", KeyboardInterrupt(), "Two")
    assert converse(conversation, keys, Run()) is False
    assert model.closed == 2
    assert texts(model.asked[1]) == [("user", "One"), ("assistant", "Half"), ("user", "Two")]
    assert "Ctrl-D" in capsys.readouterr().err


def test_ctrl_c_ends_a_chat_that_is_no_terminals(model):
    model.answers = [[KeyboardInterrupt()]]
    assert talk("One", "Two").exit_code == 130


@pytest.mark.skipif(line_input.readline is None, reason="this Python has no readline")
def test_the_history_is_for_its_owner_alone(tmp_path, monkeypatch):
    for stream in ("stdin", "stdout"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True, raising=False)
    file = tmp_path / "data" / "history"
    lines = LineInput(file, ["/help"])
    line_input.readline.add_history("a question")
    lines.close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert "a question" in file.read_text()
    line_input.readline.clear_history()
    again = LineInput(file)
    assert line_input.readline.get_history_item(1) == "a question"
    assert again.interactive
    line_input.readline.clear_history()


def test_the_tab_key_completes_commands():
    lines = LineInput(None, ["/save", "/set", "/help"])
    assert [lines._complete("/s", n) for n in range(3)] == ["/save", "/set", None]
    assert lines._complete("", 0) is None
