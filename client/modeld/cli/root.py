"""The root command: the table of commands, and what becomes of their errors.

A row of the table is imported when its command is called, so that `modeld --help` and
`modeld --version` load click and nothing else. A name may have two words: `modeld limits set` is a
row beside `modeld limits`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import NamedTuple

import click

from ..discovery import VERSION
from .command import Run
from .trouble import report_unexpected, reported


class Row(NamedTuple):
    """Where a command is, and its line in the root's help."""

    section: str
    target: str
    help: str


ASK, EVALUATE = "Ask a model", "Evaluate models"
MODELS, DAEMON = "Models, providers, limits and cache", "The daemon"

COMMANDS: dict[str, Row] = {
    "generate": Row(ASK, "generate:generate", "Ask a model once and print its answer."),
    "chat": Row(ASK, "chat:chat", "Talk with a model in the terminal."),
    "eval": Row(EVALUATE, "evaluate:evaluate", "Evaluate tasks and write a log for each."),
    "eval-set": Row(EVALUATE, "evaluate:evaluate_set", "Evaluate tasks until all have succeeded."),
    "eval-retry": Row(EVALUATE, "evaluate:evaluate_again", "Go on with tasks that failed."),
    "log": Row(EVALUATE, "eval_log:show_log", "Look at the log of an evaluation."),
    "session": Row(ASK, "session:overview", "List sessions, which name models and count."),
    "session create": Row(ASK, "session:create", "Make a session that lasts."),
    "session list": Row(ASK, "session:list_", "The same as 'modeld session'."),
    "session show": Row(ASK, "session:show", "Show what a session says and what was used."),
    "session set": Row(ASK, "session:change", "Change what a session says."),
    "session delete": Row(ASK, "session:delete", "Delete sessions."),
    "models": Row(MODELS, "catalog:models", "List models that can be named."),
    "providers": Row(MODELS, "catalog:providers", "List providers and the keys they need."),
    "limits": Row(MODELS, "limits:limits", "Show what each lane allows and uses now."),
    "limits set": Row(MODELS, "limits:set_limits", "Set limits of a lane while it works."),
    "cache": Row(MODELS, "cache:overview", "Show how much the generation cache holds."),
    "cache path": Row(MODELS, "cache:path", "Print the database of the generation cache."),
    "cache stats": Row(MODELS, "cache:stats", "The same as 'modeld cache'."),
    "cache list": Row(MODELS, "cache:list_", "List what the cache holds of each model."),
    "cache clear": Row(MODELS, "cache:clear", "Delete entries of the cache."),
    "cache prune": Row(MODELS, "cache:prune", "Delete entries that have expired."),
    "pull": Row(MODELS, "pull:pull", "Download the weights of a local model."),
    "start": Row(DAEMON, "lifecycle:start", "Start the daemon, or find the running one."),
    "stop": Row(DAEMON, "lifecycle:stop", "Stop the daemon when its calls have ended."),
    "restart": Row(DAEMON, "lifecycle:restart", "Stop the daemon and start a new one."),
    "status": Row(DAEMON, "lifecycle:status", "Show what the daemon is doing."),
    "logs": Row(DAEMON, "logs:logs", "Show the daemon's log."),
    "doctor": Row(DAEMON, "doctor:doctor", "Find out why something does not work."),
}

EXAMPLES = """\b
Examples:
  modeld generate -m local/smollm2-135m-instruct "Say hello"
  cat report.txt | modeld generate -m openai/gpt-4o-mini "Summarise"
  modeld chat -m local/smollm2-135m-instruct -s "Answer briefly."
  modeld providers            # which providers, which variable holds the key
  modeld status --json        # for programs

\b
The model may also come from the session that MODELD_SESSION names, or from the
variable MODELD_MODEL or INSPECT_EVAL_MODEL.
Exit codes: 0 done, 1 error, 2 wrong usage, 3 not running (status), 130 Ctrl-C.
'modeld COMMAND --help' tells more about a command."""


class Root(click.Group):
    """A group that imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, imported now."""
        row = COMMANDS.get(cmd_name)
        if row is None:
            return None
        module, _, name = row.target.partition(":")
        command: click.Command = getattr(import_module(f".{module}", __package__), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with names of two words, and the commands a typo may have meant."""
        name = " ".join(args[:2])
        if len(args) > 1 and name in COMMANDS:
            return name, self.get_command(ctx, name), args[2:]
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            from_start = [
                name for name in COMMANDS if name.startswith(args[0][:2]) and " " not in name
            ]
            meant = f" Did you mean: {', '.join(from_start)}?" if from_start else ""
            ctx.fail(f"There is no command {args[0]!r}.{meant}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by section, from the table alone."""
        for section in dict.fromkeys(row.section for row in COMMANDS.values()):
            rows = [(name, row.help) for name, row in COMMANDS.items() if row.section == section]
            with formatter.section(section):
                formatter.write_dl(rows, col_max=12)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command. Its known errors become a line on stderr and an exit code."""
        with reported(ctx.ensure_object(Run)):
            result: object = super().invoke(ctx)
            sys.stdout.flush()  # a closed pipe shows here, where click handles it
            return result


def _print_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    click.echo(f"modeld {VERSION}")
    ctx.exit()


@click.group(cls=Root, epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version and leave.",
)
def root() -> None:
    """Use any model of any provider through one daemon.

    modeld runs one small daemon per user. It holds the connections to all model providers and
    the weights of local models; programs and these commands only talk to it. It starts by
    itself when it is needed and leaves after half an hour without work.
    """


def run() -> None:
    """Run the command that `sys.argv` names, and leave with its exit code."""
    sys.excepthook = report_unexpected
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without UTF-8 is no reason to fail
    root(prog_name="modeld", obj=Run())
