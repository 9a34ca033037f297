"""Options that may come from variables: those of the process, or of the nearest `.env` upward."""

from __future__ import annotations

from typing import Any

import click

from ..texts import split_words, variable
from .command import SectionOption


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
