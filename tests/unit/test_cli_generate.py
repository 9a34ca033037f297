"""`modeld generate`, with a fake model behind it."""

from __future__ import annotations

import json
import sys

import pytest
from click.testing import CliRunner

from modeld.cli.root import root
from modeld.errors import DaemonUnavailable, GenerateTimeout, ModelNotFound, PrerequisiteError
from modeld.types import StreamTextEvent
from tests.fakes.cli_model import FakeModel, finished


@pytest.fixture
def model(monkeypatch) -> FakeModel:
    fake = FakeModel("Hel|lo")
    monkeypatch.setattr("modeld.cli.answer.get_model", fake.get_model)
    return fake


def run(*arguments: str, input: str = ""):
    return CliRunner().invoke(root, ["generate", *arguments], input=input)


def test_the_answer_is_streamed(model):
    result = run("-m", "fake/model", "Say hello")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "Hello\n", "")
    assert model.asked == ["Say hello"]
    assert model.opened == [("fake/model", {})]
    assert model.configs[0].timeout == 600


def test_model_arguments_reach_get_model(model):
    run("-m", "fake/model", "-M", "location=us", "--base-url", "http://h", "hi")
    assert model.opened == [("fake/model", {"location": "us", "base_url": "http://h"})]


def test_without_a_model_get_model_decides(model):
    run("hi")
    assert model.opened == [(None, {})]


def test_piped_text_comes_before_the_prompt(model):
    run("Summarise", input="A report.\n")
    assert model.asked == ["A report.\n\nSummarise"]


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_piped_text_alone_is_a_prompt(model, arguments):
    run(*arguments, input="A question?\n")
    assert model.asked == ["A question?"]


def test_without_any_prompt_the_usage_is_wrong(model):
    result = run("-m", "fake/model")
    assert result.exit_code == 2
    assert "There is no prompt" in result.stderr


def test_input_that_is_no_text_is_an_error(model):
    result = CliRunner().invoke(root, ["generate", "-"], input=b"\xff\xfe\x00")
    assert result.exit_code == 1
    assert result.stderr == "error: Standard input is not text in UTF-8.\n"


def test_json_is_the_whole_output(model):
    result = run("--json", "hi")
    output = json.loads(result.stdout)
    assert (result.exit_code, output["completion"], output["usage"]["total_tokens"]) == (
        0,
        "Hel|lo",
        7,
    )


def test_no_stream_prints_the_end_only(model):
    assert run("--no-stream", "hi").stdout == "Hel|lo\n"
    assert model.closed == 0


def test_usage_goes_to_stderr(model):
    result = run("--usage", "hi")
    assert (result.stdout, result.stderr) == ("Hello\n", "tokens: 3 in, 4 out, 7 total\n")


def test_a_request_id_is_passed_on(model):
    run("--request-id", "r1", "hi")
    assert model.extra == [{"request_id": "r1", "priority": "interactive"}]


@pytest.mark.parametrize("how", [[], ["--no-stream"]])
def test_a_priority_is_passed_on(model, how):
    run("--priority", "batch", *how, "hi")
    assert model.extra == [{"request_id": None, "priority": "batch"}]
    wrong = run("--priority", "urgent", "hi")
    assert (wrong.exit_code, len(model.extra)) == (2, 1)
    assert "interactive" in wrong.stderr


def test_an_error_is_one_line_and_a_hint(model):
    model.answers = [ModelNotFound("There is no provider 'fake'.")]
    result = run("hi")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "error: There is no provider 'fake'.\n"
        "hint: 'modeld models' and 'modeld providers' list what there is.\n"
    )


def test_an_error_with_its_own_hint_gives_it_once(model):
    model.answers = [DaemonUnavailable("It cannot be started.")]
    assert run("hi").stderr == (
        "error: It cannot be started.\nhint: Run 'modeld doctor' to see why.\n"
    )


def test_paragraphs_of_an_error_become_one_line(model):
    text = "ERROR: Unable to start acme\n\nNo KEY defined."
    model.answers = [PrerequisiteError(text, provider="acme")]
    assert run("hi").stderr.splitlines() == [
        "error: Unable to start acme. No KEY defined.",
        "hint: 'modeld providers' shows what each provider needs.",
    ]


def test_an_error_after_text_starts_on_its_own_line(model):
    model.answers = [[StreamTextEvent(text="Half an ans"), GenerateTimeout("Too slow.")]]
    result = run("hi")
    assert result.stdout == "Half an ans\n"
    assert result.stderr.startswith("error: Too slow.\nhint: Give it longer")


def test_an_error_for_a_program_is_json_too(model):
    model.answers = [ModelNotFound("No.", provider="fake")]
    result = run("--json", "hi")
    assert json.loads(result.stdout)["error"] == "ModelNotFound"
    assert result.stderr.startswith("error: No (fake)")


def test_debug_shows_the_traceback(model, monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    model.answers = [ModelNotFound("No.")]
    assert "Traceback" in run("--debug", "hi").stderr
    model.answers = [ModelNotFound("No.")]
    assert "Traceback" not in run("hi").stderr


def test_ctrl_c_closes_the_stream_and_exits_130(model):
    model.answers = [[StreamTextEvent(text="Hel"), KeyboardInterrupt()]]
    result = run("hi")
    assert (result.exit_code, result.stdout, model.closed) == (130, "Hel\n", 1)


def test_ctrl_c_on_a_lasting_call_says_that_it_goes_on(model):
    model.answers = [[KeyboardInterrupt()]]
    result = run("--request-id", "r1", "hi")
    assert result.exit_code == 130
    assert "the call goes on" in result.stderr


def test_what_comes_after_the_end_is_not_awaited(model):
    model.answers = [[finished("ok"), AssertionError("asked for more")]]
    assert run("hi").stdout == "ok\n"


def test_an_unknown_command_names_its_neighbours():
    result = CliRunner().invoke(root, ["generat"])
    assert result.exit_code == 2
    assert "Did you mean: generate?" in result.stderr
