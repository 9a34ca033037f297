"""What every command has: options in sections, `--debug`, and options whose value may be absent."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., object])
# Words that may follow `--cache` and `--batch` without "=". Anything else stays an argument:
# in `--cache "Say hello"` the text is the prompt.
_VALUE_WORD = re.compile(
    r"(true|false|yes|no|\d+(\.\d+)?[smhDWMY]?|\S+\.(ya?ml|json))$", re.IGNORECASE
)


@dataclass
class Run:
    """What the line of errors must know about this run."""

    debug: bool = False
    as_json: bool = False


class SectionOption(click.Option):
    """An option that is shown under a heading of its own in the help."""

    def __init__(self, *args: Any, section: str = "Options", bare: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section
        self.bare = bare
        """The value that the option means when it stands without one; empty: it needs one."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """As click does; brackets around a value that may be absent."""
        record = super().get_help_record(ctx)
        if record is None or not self.bare:
            return record
        return record[0].replace(f" {self.metavar}", f"[={self.metavar}]"), record[1]


class Command(click.Command):
    """A command of modeld."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("context_settings", {"help_option_names": ["-h", "--help"]})
        super().__init__(*args, **kwargs)
        self.params.append(_debug_option())

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, after an option without its optional value got one."""
        bare = {
            flag: option.bare
            for option in self.params
            if isinstance(option, SectionOption) and option.bare
            for flag in option.opts
        }
        return super().parse_args(ctx, _with_values(args, bare))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options under their headings."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                name = getattr(parameter, "section", "Options")
                sections.setdefault(name, []).append(record)
        for name, records in sections.items():
            with formatter.section(name):
                formatter.write_dl(records, col_max=34)


def _with_values(args: list[str], bare: dict[str, str]) -> list[str]:
    """The arguments in which every option of `bare` has its value behind "="."""
    out: list[str] = []
    rest = iter(args)
    for arg in rest:
        if out and out[-1] in bare:
            flag = out.pop()
            if _VALUE_WORD.match(arg):
                out.append(f"{flag}={arg}")
                continue
            out.append(f"{flag}={bare[flag]}")
        out.append(arg)
        if arg == "--":
            return [*out, *rest]
    if out and out[-1] in bare:
        out[-1] = f"{out[-1]}={bare[out[-1]]}"
    return out


def _remember(name: str) -> Callable[[click.Context, click.Parameter, bool], bool]:
    def callback(ctx: click.Context, _parameter: click.Parameter, value: bool) -> bool:
        if value:
            setattr(ctx.find_root().ensure_object(Run), name, True)
            if name == "debug":
                sys.excepthook = sys.__excepthook__
        return value

    return callback


def _debug_option() -> click.Option:
    return click.Option(
        ["--debug"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_remember("debug"),
        help="On an error, show the traceback too.",
    )


def json_option(help: str = "Print JSON, for programs.") -> Callable[[F], F]:
    """The option `--json`, which the command receives as `as_json`."""
    return click.option(
        "--json", "as_json", is_flag=True, is_eager=True, callback=_remember("as_json"), help=help
    )


def print_json(value: object) -> None:
    """Print one JSON value, readable for people where the terminal can show its letters."""
    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "")
    print(json.dumps(value, indent=2, ensure_ascii=encoding != "utf8"))
