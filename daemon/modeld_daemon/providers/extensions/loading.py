"""Which extensions there are, and what they say of themselves: nothing here imports any."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

from ...core.ports import Row
from ...core.sessions import ACCEPTED
from ...extension import GROUP
from ..row_quirks import wrong_quirk
from .origin import CONFIGURED, Origin

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["DIALECT", "Extension", "find", "provisional", "read"]

JsonObject: TypeAlias = dict[str, Any]

log = logging.getLogger("modeld.extensions")

DIALECT = "extension"
"""Dialect of the rows of classes and objects."""

_VARIABLES = ("key_variables", "credential_variables", "base_url_variables", "other_variables")
_TEXTS = (*_VARIABLES, "packages")


@dataclass(frozen=True, slots=True)
class Extension:
    """What an extension has turned out to be."""

    origin: Origin
    row: Row
    serves: bool = False
    """Whether it makes answers itself, in its process; else the row is all."""
    features: tuple[str, ...] = ()
    """What it offers."""


def find(configured: Mapping[str, str], taken: Collection[str]) -> dict[str, list[Origin]]:
    """The extensions of this installation by name; nothing of them is imported.

    Args:
        configured: `module:name` by name of the provider; wins over what is registered.
        taken: Names that no extension may have.
    """
    found: dict[str, list[Origin]] = {}
    metadata: Any = importlib.import_module("importlib.metadata")  # it loads all of email and zip
    for point in metadata.entry_points(group=GROUP):
        origin = Origin(point.name, point.value.replace(" ", ""), *_distribution(point))
        if all(origin.place != other.place for other in found.setdefault(point.name, [])):
            found[point.name].append(origin)
    for name, place in configured.items():
        found[name] = [Origin(name, place, CONFIGURED)]
    for name in list(found):
        if name in taken or not name or "/" in name:
            why = "there is a provider of that name" if name in taken else "it has a bad name"
            log.warning("%s is left out: %s", found.pop(name)[0], why)
    return found


def _distribution(point: EntryPoint) -> tuple[str, str]:
    """Name and summary; nothing of a package whose metadata is broken."""
    try:
        assert point.dist is not None  # it was found in one
        about = point.dist.metadata.json
        return str(about.get("name", "")), str(about.get("summary", ""))
    except Exception as error:  # noqa: BLE001  # whatever reading somebody's files raises
        log.warning("the package of %s cannot be read: %s", point.value, error)
        return "", ""


def provisional(origin: Origin) -> Row:
    """The row of an extension of which nothing is known but its name."""
    stem = origin.name.upper().replace("-", "_").replace(".", "_")
    return Row(
        name=origin.name,
        dialect=DIALECT,
        description=origin.summary or f"an extension, by {origin.package or origin.place}",
        key_variables=(f"{stem}_API_KEY",),
        key_required=False,
        base_url_variables=(f"{stem}_BASE_URL",),
    )


def read(origin: Origin, described: JsonObject, dialects: Collection[str]) -> Extension:
    """What the process of an extension says that it is, if that will do."""
    serves, data = described["serves"], described["row"]
    usual = provisional(origin)
    if data is None:
        row = replace(usual, description=described["about"] or origin.summary or usual.description)
    else:
        row = _checked(origin, _row(data))
    if serves:
        return Extension(
            origin,
            replace(row, dialect=DIALECT),
            serves=True,
            features=tuple(described["features"]),
        )
    if row.dialect not in dialects:
        known = ", ".join(sorted(dialects))
        raise origin.fault(f"there is no dialect {row.dialect!r:.40}; there are {known}")
    if wrong := wrong_quirk(row.dialect, row.quirks):
        raise origin.fault(wrong)
    return Extension(origin, row)


def _row(data: JsonObject) -> Row:
    """The row, whatever is in its fields; JSON has lists where it has tuples."""
    said: dict[str, Any] = {
        name: tuple(value) if name in _TEXTS and isinstance(value, list) else value
        for name, value in data.items()
    }
    return Row(**said)


def _checked(origin: Origin, row: Row) -> Row:
    if row.name != origin.name:
        raise origin.fault(f"its row is of the name {row.name!r:.80}")
    for field in fields(Row):
        value = getattr(row, field.name)
        if field.name in _TEXTS:
            good = isinstance(value, tuple) and all(isinstance(text, str) for text in value)
        elif field.type == "bool":
            good = isinstance(value, bool)
        elif field.name == "quirks":
            good = isinstance(value, Mapping)
        else:
            good = isinstance(value, str) or (field.name == "base_url" and value is None)
        if not good:
            raise origin.fault(f"{field.name} of its row is of type {type(value).__name__}")
    for package in row.packages:
        if not package.isidentifier():  # to look for a.b, the interpreter imports a
            raise origin.fault(
                f"packages of its row names {package!r:.80}, not a top-level package"
            )
    for name in chain.from_iterable(getattr(row, field) for field in _VARIABLES):
        if not ACCEPTED.fullmatch(name):
            raise origin.fault(
                f"its row names the variable {name!r:.80}, which no client sends; names end in "
                "_API_KEY, _API_TOKEN, _AUTH_TOKEN, _BASE_URL or _ENDPOINT"
            )
    return row
