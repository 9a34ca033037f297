"""Rows whose variables depend on what is asked for.

A row with `per_service` stands for any number of providers: the first part of the model's name is
the service, and the service's name is in the names of its variables. A base URL may have the value
of a variable in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from modeld.errors import InvalidRequest, PrerequisiteError

from .ports import Row

__all__ = ["filled_url", "service_row"]

_SERVICE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_MARK = "{SERVICE}"
_VARIABLE = re.compile(r"\{([A-Z0-9_]+)\}")
_HARMLESS = re.compile(r"[A-Za-z0-9_.~-]+")


def service_row(row: Row, model: str) -> tuple[Row, str]:
    """The row of a model, and the model's name there: another one where services have their own."""
    if not row.per_service:
        return row, model
    service, _, name = model.partition("/")
    if not name or not _SERVICE.fullmatch(service):
        raise InvalidRequest(
            f"Model name '{row.name}/{model[:200]}' should be in the format of "
            f"{row.name}/<service>/<model>, and a service is a word."
        )
    word = service.upper().replace("-", "_")
    one = replace(
        row,
        name=f"{row.name}/{service}",
        key_variables=tuple(name.replace(_MARK, word) for name in row.key_variables),
        base_url_variables=tuple(name.replace(_MARK, word) for name in row.base_url_variables),
        per_service=False,
    )
    return one, name


def filled_url(row: Row, url: str, environment: Mapping[str, str]) -> str:
    """The row's own URL with the values of the variables that are named in it."""

    def value_of(match: re.Match[str]) -> str:
        name = match[1]
        value = environment.get(name, "")
        if not _HARMLESS.fullmatch(value):
            why = "is no word" if value else "is not defined in the environment"
            raise PrerequisiteError(
                f"{row.name} has {name} in its address, and it {why}. "
                "Set it in the shell or a .env file, or give base_url=.",
                provider=row.name,
            )
        return value

    return _VARIABLE.sub(value_of, url)
