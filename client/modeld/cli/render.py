"""An answer on the terminal, as its events come.

Only the answer goes to stdout, so that a pipe gets nothing else: waiting and notes go to stderr,
reasoning is shown, dimmed, on a terminal only. A `retrying` event voids what was shown before it;
text on a screen or in a pipe cannot be taken back, so a line across says that it starts again.
"""

from __future__ import annotations

import json
import os
from typing import TextIO

import click

from ..types import (
    ChatCompletionChoice,
    ContentReasoning,
    ModelOutput,
    ModelUsage,
    StreamEvent,
    StreamFinishedEvent,
    StreamQueuedEvent,
    StreamReasoningEvent,
    StreamRetryEvent,
    StreamTextEvent,
    StreamToolCallEvent,
)

# A model's text must not move the cursor, set the title or answer for the keyboard.
_CONTROL = dict.fromkeys([*range(9), *range(11, 32), *range(127, 160)])

_STOP_NOTES = {
    "max_tokens": "the answer was cut at the limit of --max-tokens",
    "model_length": "the answer was cut: the model's context is full",
    "content_filter": "the provider's content filter ended the answer",
}
_WAITS = {
    "connections": "waiting for a free connection",
    "loading": "loading the model",
    "rate_limit": "waiting for the rate limit",
}


def printable(text: str) -> str:
    """The text without control characters, for a terminal."""
    return text.translate(_CONTROL)


def is_terminal(stream: TextIO) -> bool:
    """Whether a person looks at the stream."""
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def wants_color(stream: TextIO) -> bool:
    """Whether the stream is a terminal on which colours are welcome."""
    plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    return is_terminal(stream) and not plain


class AnswerPrinter:
    """Prints one answer: `show` each event, or `show_output` alone; `close` at the end.

    Args:
        out: Where the answer goes.
        notes: Where everything else goes.
    """

    def __init__(self, out: TextIO, notes: TextIO) -> None:
        self.text = ""
        """Text of the answer so far; what was voided is not in it."""
        self._out = out
        self._notes = notes
        self._terminal = is_terminal(out)
        self._color = wants_color(out)
        self._status_shown = False
        self._block = ""  # what the last characters belong to: text, reasoning, a tool call
        self._at_line_start = True
        self._tools_shown = False

    def show(self, event: StreamEvent) -> None:
        """Print what the event brings."""
        if isinstance(event, StreamTextEvent):
            self.text += event.text
            self._write("text", event.text)
        elif isinstance(event, StreamReasoningEvent):
            self._reasoning(event.reasoning)
        elif isinstance(event, StreamToolCallEvent):
            self._tool_delta(event)
        elif isinstance(event, StreamQueuedEvent):
            self._status(_waiting(event))
        elif isinstance(event, StreamRetryEvent):
            self._retry(event)
        elif isinstance(event, StreamFinishedEvent):
            self.show_output(event.output)

    def show_output(self, output: ModelOutput) -> None:
        """Print what of the whole answer has not been printed yet."""
        self._clear_status()
        if output.choices:
            self._rest_of_choice(output.choices[0])
        elif not self.text:
            self._write("text", output.completion)
        self.text = output.completion
        for number, choice in enumerate(output.choices[1:], start=2):
            self._line(f"--- answer {number} ---")
            self._write(f"choice {number}", choice.message.text)
        self.close()
        for note in self._final_notes(output):
            self.note(note)

    def close(self) -> None:
        """End the line, so that the shell's prompt starts on its own."""
        self._clear_status()
        self._end_line()
        self._block = ""

    def note(self, text: str) -> None:
        """Print a line on stderr."""
        self._clear_status()
        self._notes.write(f"note: {printable(text)}\n")
        self._notes.flush()

    def _rest_of_choice(self, choice: ChatCompletionChoice) -> None:
        if not self.text:
            if not self._block:
                for part in choice.message.content_list:
                    if isinstance(part, ContentReasoning):
                        self._reasoning(part.reasoning or part.summary or "")
            self._write("text", choice.message.text)
        if not self._tools_shown:
            for call in choice.message.tool_calls or []:
                arguments = json.dumps(call.arguments, ensure_ascii=False)
                self._write(f"tool {call.id}", f"[tool call] {call.function} {arguments}")

    def _final_notes(self, output: ModelOutput) -> list[str]:
        reason = output.choices[0].stop_reason if output.choices else "unknown"
        notes = [_STOP_NOTES[reason]] if reason in _STOP_NOTES else []
        return [*notes, *([output.error] if output.error else [])]

    def _reasoning(self, text: str) -> None:
        if self._terminal:
            self._write("reasoning", text, dim=True)

    def _tool_delta(self, event: StreamToolCallEvent) -> None:
        block = f"tool {event.id}"
        name = f"[tool call] {event.function} " if block != self._block else ""
        self._tools_shown = True
        self._write(block, name + event.arguments)

    def _retry(self, event: StreamRetryEvent) -> None:
        why = event.message or event.reason or "it failed"
        when = f" in {event.wait:.3g} s" if event.wait else ""
        if self._block:
            self._line(f"--- void so far ({why}); attempt {event.attempt + 1} follows{when} ---")
        else:
            self._status(f"attempt {event.attempt} failed ({why}); the next follows{when}")
        self.text, self._block, self._tools_shown = "", "", False

    def _write(self, block: str, text: str, *, dim: bool = False) -> None:
        if not text:
            return
        self._clear_status()
        if self._block and block != self._block:
            self._end_line()
            if self._block == "reasoning":
                self._out.write("\n")
        self._block = block
        shown = printable(text) if self._terminal else text
        self._at_line_start = shown.endswith("\n") if shown else self._at_line_start
        self._out.write(click.style(shown, dim=True) if dim and self._color else shown)
        self._out.flush()

    def _line(self, text: str) -> None:
        self._clear_status()
        self._end_line()
        shown = printable(text) if self._terminal else text
        self._out.write((click.style(shown, fg="yellow") if self._color else shown) + "\n")
        self._out.flush()

    def _end_line(self) -> None:
        if not self._at_line_start:
            self._out.write("\n")
            self._out.flush()
            self._at_line_start = True

    def _status(self, text: str) -> None:
        """A line on stderr that the next output replaces; only while nothing else is on it."""
        if is_terminal(self._notes) and self._at_line_start:
            self._notes.write(f"\r\x1b[K{printable(text)[:78]}")
            self._notes.flush()
            self._status_shown = True

    def _clear_status(self) -> None:
        if self._status_shown:
            self._notes.write("\r\x1b[K")
            self._notes.flush()
            self._status_shown = False


def _waiting(event: StreamQueuedEvent) -> str:
    text = _WAITS.get(
        event.reason or "", f"waiting ({event.reason})" if event.reason else "waiting"
    )
    if event.progress is not None:
        text += f" {event.progress:.0%}"
    if event.position:
        text += f", {event.position} before this one"
    return f"{text} …"


def usage_line(output: ModelOutput) -> str:
    """The tokens of an answer in one line."""
    usage = output.usage or ModelUsage()
    parts = [
        f"{usage.input_tokens} in",
        f"{usage.output_tokens} out",
        f"{usage.total_tokens} total",
    ]
    extra = {
        "cache read": usage.input_tokens_cache_read,
        "cache write": usage.input_tokens_cache_write,
        "reasoning": usage.reasoning_tokens,
    }
    parts += [f"{count} {name}" for name, count in extra.items() if count]
    cost = f" · ${usage.total_cost:.6g}" if usage.total_cost is not None else ""
    took = f" · {output.time:.1f} s" if output.time is not None else ""
    return f"tokens: {', '.join(parts)}{cost}{took}"
