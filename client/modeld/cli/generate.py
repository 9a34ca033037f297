"""`modeld generate`: one question, one answer."""

from __future__ import annotations

import os
import select
import stat
import sys

import click

from .. import GenerateConfig
from ..types import PRIORITIES, ModelOutput, Priority
from .answer import new_printer, open_model, stream_answer
from .command import Command, json_option, print_json
from .options import TIMEOUT, ModelChoice, config_options, model_options
from .render import usage_line

EXAMPLES = """\b
Examples:
  modeld generate -m local/smollm2-135m-instruct "Say hello"
  cat report.txt | modeld generate -m openai/gpt-4o-mini "Summarise in one line"
  git diff | modeld generate -s "You review code." --temperature 0 -
  modeld generate -m openai/gpt-4o-mini --json --logprobs "Yes or no?" | jq .completion
  modeld generate -m google/gemini-2.0-flash -M location=us-east5 "Hello"
  modeld generate -m openai/gpt-4o-mini --response-schema person.json "Ada, 36"

\b
What is piped in and the PROMPT are put together, in this order. The answer
goes to stdout, all else to stderr. When an attempt breaks off half-way, the
answer starts again after a line that says so; --no-stream prints only the end.
Ctrl-C cancels the call."""

_PATIENCE = 3.0


@click.command(cls=Command, epilog=EXAMPLES)
@click.argument("prompt", required=False)
@model_options
@json_option("Print the whole ModelOutput as JSON.")
@click.option("--no-stream", is_flag=True, help="Print the answer when it is complete.")
@click.option("--usage", is_flag=True, help="Print the tokens used, on stderr.")
@click.option(
    "--request-id",
    metavar="ID",
    help="Make the call lasting: the same ID again gives the same answer, and Ctrl-C or the "
    "death of this process does not end it.",
)
@click.option(
    "--role", help="Role under which the model is used; the session may know a model for it."
)
@click.option(
    "--priority",
    type=click.Choice(PRIORITIES),
    default="interactive",
    show_default=True,
    help="Place in the queue when the account's limits make calls wait.",
)
@config_options(timeout=TIMEOUT)
def generate(
    prompt: str | None,
    choice: ModelChoice,
    config: GenerateConfig,
    as_json: bool,
    no_stream: bool,
    usage: bool,
    request_id: str | None,
    role: str | None,
    priority: Priority,
) -> None:
    """Ask a model once and print its answer.

    PROMPT is the question; "-" means standard input.
    """
    question = read_prompt(prompt)
    at_once = as_json or no_stream
    output = answer(question, choice, config, at_once, as_json, request_id, role, priority)
    if usage and output is not None:
        print(usage_line(output), file=sys.stderr)


def answer(
    question: str,
    choice: ModelChoice,
    config: GenerateConfig,
    at_once: bool,
    as_json: bool,
    request_id: str | None,
    role: str | None,
    priority: Priority,
) -> ModelOutput | None:
    """Get the answer and print it."""
    model = open_model(choice, role)
    printer = new_printer()
    try:
        if not at_once:
            return stream_answer(model, question, config, printer, request_id, priority)
        output = model.generate_sync(
            question, config=config, request_id=request_id, priority=priority
        )
    except KeyboardInterrupt:
        if request_id:
            printer.note(f"the call goes on; --request-id {request_id} again fetches its answer")
        raise
    if as_json:
        print_json(output.to_dict())
    else:
        printer.show_output(output)
    return output


def read_prompt(prompt: str | None) -> str:
    """What the arguments and standard input ask, together."""
    parts = []
    if prompt == "-" or _is_piped():
        parts.append(_read_stdin().rstrip("\n"))
    if prompt is not None and prompt != "-":
        parts.append(prompt)
    question = "\n\n".join(part for part in parts if part)
    if not question.strip():
        raise click.UsageError(
            "There is no prompt. Give it as an argument, or pipe text in; "
            "'modeld chat' is for a conversation."
        )
    return question


def _is_piped() -> bool:
    """Whether standard input is a pipe, a file or a socket: something that was put there."""
    try:
        if sys.stdin is None or sys.stdin.isatty():
            return False
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):  # no descriptor behind it, as in tests and embedded use
        return sys.stdin is not None
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


def _read_stdin() -> str:
    if sys.stdin is None:
        raise ValueError("Standard input is closed.")
    _say_when_waiting()
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("Standard input is not text in UTF-8.") from None


def _say_when_waiting() -> None:
    """An inherited pipe that nobody writes to looks like a hang, so say what is awaited."""
    try:
        ready, _, _ = select.select([sys.stdin], [], [], 0 if sys.stdin.isatty() else _PATIENCE)
    except (OSError, ValueError):
        return
    if not ready:
        end = "Ctrl-D ends it" if sys.stdin.isatty() else "'< /dev/null' leaves it out"
        print(f"note: reading standard input; {end}", file=sys.stderr)
