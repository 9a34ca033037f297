"""What of an answer a person sees, and what a pipe gets."""

from __future__ import annotations

import io

import pytest

from modeld.cli.render import AnswerPrinter, usage_line
from modeld.types import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    ContentReasoning,
    ContentText,
    ModelOutput,
    ModelUsage,
    StreamQueuedEvent,
    StreamReasoningEvent,
    StreamRetryEvent,
    StreamTextEvent,
    StreamToolCallEvent,
)
from tests.fakes.cli_model import finished, output_of


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def no_colors(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")


def shown(*events, out=io.StringIO, notes=io.StringIO) -> tuple[str, str, AnswerPrinter]:
    streams = out(), notes()
    printer = AnswerPrinter(*streams)
    for event in events:
        printer.show(event)
    printer.close()
    return streams[0].getvalue(), streams[1].getvalue(), printer


def test_text_comes_as_it_is_and_ends_its_line():
    out, notes, printer = shown(
        StreamTextEvent(text="Hel"), StreamTextEvent(text="lo"), finished("Hello")
    )
    assert (out, notes, printer.text) == ("Hello\n", "", "Hello")


def test_an_answer_without_deltas_is_printed_whole():
    assert shown(finished("Hello"))[0] == "Hello\n"


def test_a_retry_voids_the_text_before_it_and_says_so():
    out, _, printer = shown(
        StreamTextEvent(text="Wrong sta"),
        StreamRetryEvent(attempt=1, reason="provider_unavailable", wait=2),
        StreamTextEvent(text="Right"),
        finished("Right"),
    )
    first, line, answer = out.splitlines()
    assert (first, answer) == ("Wrong sta", "Right")
    assert line == "--- void so far (provider_unavailable); attempt 2 follows in 2 s ---"
    assert printer.text == "Right"


def test_a_retry_before_any_text_leaves_stdout_alone():
    retry = StreamRetryEvent(attempt=1, reason="rate_limited", message="Slow down")
    out, notes, _ = shown(retry, finished("ok"), out=Terminal, notes=Terminal)
    assert out == "ok\n"
    assert "Slow down" in notes


def test_reasoning_is_for_the_terminal_only():
    events = [StreamReasoningEvent(reasoning="Hmm"), StreamTextEvent(text="Yes"), finished("Yes")]
    assert shown(*events, out=Terminal)[0] == "Hmm\n\nYes\n"
    assert shown(*events)[0] == "Yes\n"


def test_reasoning_is_dim(monkeypatch):
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "xterm")
    out = shown(StreamReasoningEvent(reasoning="Hmm"), finished("Yes"), out=Terminal)[0]
    assert out.startswith("\x1b[2mHmm\x1b[0m\n")
    assert out.endswith("Yes\n")


def test_tool_calls_are_shown_as_they_come():
    output = ModelOutput.for_tool_call("m", "add", {"x": 1}, tool_call_id="c1", content="")
    deltas = [
        StreamToolCallEvent(id="c1", function="add", arguments='{"x"'),
        StreamToolCallEvent(id="c1", function="", arguments=": 1}"),
    ]
    end = finished("")
    end.output = output
    assert shown(*deltas, end)[0] == '[tool call] add {"x": 1}\n'
    assert shown(end)[0] == '[tool call] add {"x": 1}\n'


def test_waiting_is_told_on_the_terminal_and_wiped():
    queued = StreamQueuedEvent(position=3, reason="loading", progress=0.4)
    out, notes, _ = shown(queued, finished("ok"), notes=Terminal)
    assert out == "ok\n"
    assert notes == "\r\x1b[Kloading the model 40%, 3 before this one …\r\x1b[K"
    assert shown(queued, finished("ok"))[1] == ""


def test_a_model_cannot_steer_the_terminal():
    text = "a\x1b]0;title\x07b\x9b2J\r\nc\td"
    assert shown(StreamTextEvent(text=text), out=Terminal)[0] == "a]0;titleb2J\nc\td\n"
    assert shown(StreamTextEvent(text=text))[0] == text + "\n"


def test_further_answers_have_their_number():
    output = output_of("one")
    output.choices.append(ChatCompletionChoice(message=ChatMessageAssistant("two")))
    printer = AnswerPrinter(out := io.StringIO(), io.StringIO())
    printer.show_output(output)
    assert out.getvalue() == "one\n--- answer 2 ---\ntwo\n"


def test_an_answer_that_was_cut_is_noted():
    output = output_of("cut")
    output.choices[0].stop_reason = "max_tokens"
    printer = AnswerPrinter(io.StringIO(), notes := io.StringIO())
    printer.show_output(output)
    assert notes.getvalue() == "note: the answer was cut at the limit of --max-tokens\n"


def test_a_whole_output_shows_its_reasoning_on_a_terminal():
    message = ChatMessageAssistant(
        [ContentReasoning(reasoning="Hmm"), ContentText(text="Yes")], model="m"
    )
    printer = AnswerPrinter(out := Terminal(), io.StringIO())
    printer.show_output(ModelOutput.from_message(message))
    assert out.getvalue() == "Hmm\n\nYes\n"


def test_usage_is_one_line():
    output = output_of("x")
    output.usage = ModelUsage(
        input_tokens=3,
        output_tokens=4,
        total_tokens=7,
        input_tokens_cache_read=2,
        reasoning_tokens=1,
        total_cost=0.25,
    )
    output.time = 1.26
    expected = "tokens: 3 in, 4 out, 7 total, 2 cache read, 1 reasoning · $0.25 · 1.3 s"
    assert usage_line(output) == expected
