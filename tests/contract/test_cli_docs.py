"""`docs/cli.md` is about this command line: every command and option, in the words of its help.

The list at its end is made here. After a change: python -m tests.contract.test_cli_docs
"""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from modeld.cli.command import SectionOption
from modeld.cli.root import COMMANDS, root

from .source import ROOT

PAGE = ROOT / "docs" / "cli.md"
BEGIN = "<!-- made by: python -m tests.contract.test_cli_docs -->\n"
END = "<!-- end -->"


def commands() -> dict[str, click.Command]:
    context = click.Context(root)
    return {name: root.get_command(context, name) for name in COMMANDS}


def options(command: click.Command) -> list[click.Option]:
    shown = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    return [p for p in shown if p.name != "debug"]


def record(option: click.Option) -> str:
    names, text = option.get_help_record(click.Context(click.Command("modeld")))
    return f"- `{' '.join(names.split())}`: {text}"


def generated() -> str:
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    for name, command in commands().items():
        context = click.Context(command, info_name=f"modeld {name}")
        usage = " ".join(command.collect_usage_pieces(context))
        yield f"\n### `modeld {name}`\n"
        yield f"`modeld {name} {usage}`\n"
        yield inspect.cleandoc(command.help) + "\n"
        fields = [o for o in options(command) if isinstance(o, SectionOption)]
        own = [o for o in options(command) if o not in fields or o.name == "system_message"]
        yield from map(record, own)
        if fields:
            yield "- and all options of generation, below"
    yield "\n### Options of generation\n\nOf `generate`, `chat`, `eval` and `eval-set`; each is a GenerateConfig field."
    fields = [o for o in options(commands()["generate"]) if isinstance(o, SectionOption)]
    for section in dict.fromkeys(o.section for o in fields if o.name != "system_message"):
        yield f"\n{section}:\n"
        yield from (record(o) for o in fields if o.section == section)
    yield ""


def renewed(page: str) -> str:
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin, "the page has no place for the list"
    assert end, "the list has no end"
    return before + BEGIN + generated() + END + after


def test_the_list_of_commands_is_what_the_help_says():
    assert PAGE.read_text() == renewed(PAGE.read_text())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_helps_a_stranger(name):
    command = commands()[name]
    assert command.name == name
    assert COMMANDS[name].help.endswith(".")
    assert command.help.strip().splitlines()[0].endswith(".")
    assert all(option.help for option in options(command))
    if name not in {"stop", "restart"}:
        assert "Examples:" in command.epilog
        assert f"modeld {name}" in command.epilog


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"chat", "logs"}))
def test_what_a_machine_may_read_has_json(name):
    assert any("--json" in option.opts for option in options(commands()[name]))


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_and_version_load_neither_grpc_nor_rich(argument):
    program = f"""
import sys
sys.argv = ["modeld", {argument!r}]
from modeld.cli import main
try:
    main()
finally:
    heavy = ("grpc", "rich", "asyncio", "google.protobuf", "modeld.rpc", "modeld.types", "yaml")
    print([name for name in heavy if name in sys.modules])
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_without_click_the_line_to_install_it_is_shown():
    program = """
import sys
sys.modules["click"] = None
from modeld.cli import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "pip install 'modeld[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text()))
