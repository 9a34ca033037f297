"""`modeld chat`: a conversation in the terminal."""

from __future__ import annotations

from pathlib import Path

import click

from .. import GenerateConfig
from ..discovery import data_folder
from ..errors import ModeldError
from .chat_commands import CHAT_COMMANDS, is_command, run_command
from .command import Command, Run
from .conversation import Conversation
from .line_input import LineInput
from .options import TIMEOUT, ModelChoice, config_options, model_options
from .trouble import report

EXAMPLES = '''\b
Examples:
  modeld chat -m local/smollm2-135m-instruct
  modeld chat -m openai/gpt-4o-mini -s "Answer in one sentence." --temperature 0.2

\b
In the chat:
  /help /exit /clear /system TEXT /model NAME /retry /show
  /set temperature 0.5        any option of this command; none unsets it
  /save talk.json             the conversation as JSON
  """                         starts and ends a text of many lines
  Ctrl-C stops the answer, Ctrl-D leaves.

\b
When input is not a terminal, each line is a question:
  printf 'Hello\\nAnd in French?\\n' | modeld chat -m openai/gpt-4o-mini'''


@click.command(cls=Command, epilog=EXAMPLES)
@model_options
@click.option("--history/--no-history", default=True, help="Remember the lines typed.")
@config_options(timeout=TIMEOUT)
@click.pass_context
def chat(ctx: click.Context, choice: ModelChoice, history: bool, config: GenerateConfig) -> None:
    """Talk with a model in the terminal."""
    conversation = Conversation(choice, config)
    file = Path(data_folder(), "chat_history") if history else None
    lines = LineInput(file, [*CHAT_COMMANDS])
    if lines.interactive:
        click.echo(f"{conversation.model} · /help lists commands, Ctrl-D leaves.", err=True)
    try:
        failed = converse(conversation, lines, ctx.find_root().ensure_object(Run))
    finally:
        lines.close()
    if failed and not lines.interactive:
        ctx.exit(1)


def converse(conversation: Conversation, lines: LineInput, run: Run) -> bool:
    """Read and answer until the end of input; whether anything failed."""
    failed = False
    while True:
        try:
            line = lines.read()
        except EOFError:
            if lines.interactive:
                click.echo()
            return failed
        except KeyboardInterrupt:
            if not lines.interactive:
                raise
            click.echo("\n(Ctrl-D or /exit leaves)", err=True)
            continue
        try:
            take(conversation, line)
        except EOFError:  # /exit
            return failed
        except KeyboardInterrupt:
            if not lines.interactive:
                raise
        except (ModeldError, ValueError, OSError) as error:
            if isinstance(error, BrokenPipeError):
                raise
            report(error, run)
            failed = True


def take(conversation: Conversation, line: str) -> None:
    """Do what one line asks for."""
    if is_command(line):
        run_command(conversation, line)
    elif line.strip():
        conversation.ask(line.strip())
