"""Options that may come from variables: those of the process, or of the nearest `.env` upward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from ..environment import Environment
from .command import SectionOption

_environment = Environment()
_CLOSING = {"{": "}", "[": "]", '"': '"', "'": "'"}


class VariableOption(SectionOption):
    """An option that may also come from its variables: those of the process, or of the nearest
    `.env` upward. The first one that has a value counts; the command line wins over all.
    """

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        """As click does, with `.env`."""
        names = [self.envvar] if isinstance(self.envvar, str) else self.envvar or ()
        return variable(names)

    def value_from_envvar(self, ctx: click.Context) -> Any:
        """As click does; an option that may be repeated has its values with spaces between them."""
        if not self.multiple:
            return super().value_from_envvar(ctx)
        value = self.resolve_envvar_value(ctx)
        return None if value is None else tuple(split_words(value))


def evaluation_variables(name: str) -> list[str]:
    """Variables of an option of evaluations; modeld's own name comes first."""
    return [f"{prefix}_EVAL_{name.upper().replace('-', '_')}" for prefix in ("MODELD", "INSPECT")]


def variable(names: Sequence[str]) -> str | None:
    """The value of the first variable that has one, of the process or of the nearest `.env`."""
    return next((value for name in names if (value := _environment.get(name))), None)


def split_words(text: str) -> list[str]:
    """The words of a variable that holds several: apart by blanks, but not inside of quotes or
    brackets, so that "a=1 b={x: 1, y: 2}" is two. Brackets that do not close keep the rest together.
    """
    words, word, closing = [""], 0, ""
    for letter in text:
        if closing and letter == closing[-1]:
            closing = closing[:-1]
        elif letter in _CLOSING and closing[-1:] not in {'"', "'"}:
            closing += _CLOSING[letter]
        elif letter.isspace() and not closing:
            words.append("")
            word += 1
            continue
        words[word] += letter
    return [word for word in words if word]
